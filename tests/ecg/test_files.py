"""A real recording through every format, and files that are wrong in one way each."""

from __future__ import annotations

import re
import subprocess
import sys
from io import BytesIO

import numpy as np
import pydicom
import pytest
import wfdb

from posterity.ecg import files
from posterity.ecg.files import Record, dicom
from posterity.ecg.leads import STANDARD
from posterity.errors import PosterityError


def one_line(path, *arguments):
    with pytest.raises(PosterityError) as raised:
        files.read(path, *arguments)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 600
    return str(raised.value)


@pytest.fixture
def stored(real, tmp_path):
    """The real recording as WFDB."""
    files.write(real, tmp_path / "patient")
    return tmp_path / "patient.hea"


def third(group):
    return group.ChannelDefinitionSequence[2]


def edited(path, old, new, count=1):
    text = path.read_text()
    assert re.search(old, text, re.MULTILINE)
    path.write_text(re.sub(old, new, text, count=count, flags=re.MULTILINE))
    return path


class TestRealRecording:
    def test_it_is_read_as_the_device_counted_it(self, real, recording):
        assert real.names == STANDARD and real.rate == 1000 and real.seconds == 10
        group = pydicom.dcmread(recording).WaveformSequence[0]
        counted = np.frombuffer(group.WaveformData, "<i2").reshape(10_000, 12)
        np.testing.assert_allclose(real.values, counted.T * 1.25e-3, rtol=0, atol=1e-12)
        assert not real.missing.any() and real.absent == ()

    def test_what_the_device_measured_is_kept_and_nothing_about_people(self, real, recording):
        assert (
            "QRS Axis by the device: 52 deg" in real.comments and "RR Interval by the device: 982 ms" in real.comments
        )
        dataset = pydicom.dcmread(recording)
        said = " ".join(real.comments)
        people = [e for e in dataset if e.tag.group in (0x0008, 0x0010, 0x0038, 0x0040) and isinstance(e.value, str)]
        assert len(people) > 10
        assert not [e.keyword for e in people if len(e.value) > 2 and e.value in said]

    def test_wfdb_keeps_it_to_the_microvolt(self, real, stored):
        again = files.read(stored)
        np.testing.assert_array_equal(np.rint(again.values * 1000), np.rint(real.values * 1000))
        assert again.names == STANDARD and again.rate == 1000 and again.comments == real.comments
        signal, about = wfdb.rdsamp(str(stored.with_suffix("")))
        assert about["units"] == ["mV"] * 12 and about["sig_name"][3] == "AVR" and signal.shape == (10_000, 12)
        head = stored.read_text().splitlines()
        assert re.match(r"patient 12 1000 10000$", head[0]) and re.match(r"patient\.dat 16 1000(\.0)?\(0\)/mV", head[1])

    def test_writing_what_was_read_changes_no_byte(self, stored, tmp_path):
        files.write(files.read(stored), tmp_path / "again" / "patient")
        for name in ("patient.hea", "patient.dat"):
            assert (tmp_path / "again" / name).read_bytes() == (tmp_path / name).read_bytes()

    def test_csv_gives_the_same_numbers(self, real, tmp_path):
        path = tmp_path / "ecg.csv"
        rows = [",".join(f"{v:.6f}" for v in row) for row in real.values.T]
        path.write_text("\n".join(["I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6", *rows]))
        again = files.read(path, 1000)
        np.testing.assert_allclose(again.values, real.values, rtol=0, atol=1e-6)
        assert again.rate == 1000

    def test_a_name_without_its_ending_and_the_signal_file_name_the_record(self, stored):
        by_header = files.read(stored)
        for path in (stored.with_suffix(""), stored.with_suffix(".dat")):
            np.testing.assert_array_equal(files.read(path).values, by_header.values)

    def test_dicom_without_its_ending_is_known_by_its_beginning(self, real, recording, tmp_path):
        (tmp_path / "IM0001").write_bytes(recording.read_bytes())
        np.testing.assert_array_equal(files.read(tmp_path / "IM0001").values, real.values)


class TestMissing:
    def test_a_lead_that_is_nan_or_flat_is_missing_in_every_format(self, real, tmp_path):
        values = real.values.copy()
        values[7], values[8], values[9, 4000:] = np.nan, 0.125, np.nan
        record = Record(values, real.names, real.rate)
        assert record.absent == ("V2", "V3") and record.missing[9].sum() == 6000 and record.missing.sum() == 26_000
        files.write(record, tmp_path / "gaps")
        again = files.read(tmp_path / "gaps.hea")
        np.testing.assert_array_equal(again.missing, record.missing)
        path = tmp_path / "gaps.csv"
        rows = [",".join("" if np.isnan(v) else f"{v:.4f}" for v in row) for row in record.values.T]
        path.write_text("\n".join([",".join(real.names), *rows]))
        np.testing.assert_array_equal(files.read(path, 1000).missing, record.missing)

    def test_limb_leads_come_from_two_others(self, real, tmp_path):
        files.write(real.without(["II", "aVR", "aVL", "aVF"]), tmp_path / "two")
        made = files.read(tmp_path / "two.hea").twelve()
        np.testing.assert_allclose(made, real.values, rtol=0, atol=0.003)

    def test_a_padding_value_of_dicom_is_missing(self, recording):
        dataset = pydicom.dcmread(recording)
        group = dataset.WaveformSequence[0]
        counted = np.frombuffer(group.WaveformData, "<i2").reshape(-1, 12).copy()
        counted[100:200, 3] = -32768
        group.WaveformData = counted.tobytes()
        group.add_new("WaveformPaddingValue", "OW", b"\x00\x80")
        buffer = BytesIO()
        dataset.save_as(buffer)
        assert dicom.parse(buffer.getvalue()).missing.sum() == 100

    def test_without_hides_leads_in_any_spelling_and_refuses_those_that_are_not_there(self, real):
        assert real.without(["v1", "AVR"]).absent == ("aVR", "V1")
        few = Record(real.values[:2], ("I", "II"), 1000)
        with pytest.raises(PosterityError, match="the record has no lead V1; its leads are I, II"):
            few.without(["V1"])


class TestWrongHeaders:
    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            (r" V3$", " V9", "there is no lead 'V9'"),
            (r" V3$", " V2", "lead V2 is there twice"),
            (r"/mV( .* V3)$", r"/mmHg\1", "lead V3 is in 'mmHg', which is no voltage"),
            (r"1000(\.0)?\(0\)/mV( .* V3)$", r"0(0)/mV\2", "gain '0(0)/mV'; it is not calibrated"),
            (r"1000(\.0)?\(0\)/mV( .* V3)$", r"1(0)/mV\2", "lead V3 spans"),
            (r"^patient 12 1000 ", "patient 12 0 ", "rate is '0', expected a number of samples per second"),
            (r"^patient 12 1000 ", "patient 12 -500 ", "rate is '-500'"),
            (r"^patient 12 1000 ", "patient 12 1 ", "rate is 1 samples per second, expected 50 to 20000"),
            (r"^patient 12 1000 ", "patient 12 1e9 ", "expected 50 to 20000"),
            (r"^patient 12 1000 10000", "patient 12 1000 0", "its first line says 0 samples"),
            (r"^patient 12 1000 10000", "patient 12 1000 2559", "it lasts 2.559 s, expected at least 2.56 s"),
            (
                r"^patient 12 1000 10000",
                "patient 12 1000 10001",
                "patient.dat has 240000 bytes, but its",
            ),
            (r"^patient 12 1000 10000", f"patient 12 1000 {10**15}", "it is truncated"),
            (r"^patient 12 1000", "patient 13 1000", "its first line says 13 leads, 12 follow"),
            (r"^patient 12 1000", "patient 1000000 1000", "its first line says 1000000 leads, 12 follow"),
            (r"^patient 12 1000", "patient/3 12 1000", "it is made of several segments"),
            (r"^patient\.dat( .* V3)$", r"other.dat\1", "its leads are in 2 signal groups (other.dat, patient.dat)"),
            (r"^patient\.dat( .* V3)$", r"/etc/passwd\1", "points to '/etc/passwd', which is not in its folder"),
            (r"^patient\.dat( .* V3)$", r"../patient.dat\1", "which is not in its folder"),
            (r"^patient\.dat( .* V3)$", r"s3://bucket/x.dat\1", "which is not in its folder"),
            (r"^patient\.dat( .* V3)$", r"c:\\x.dat\1", "which is not in its folder"),
            (r"^patient\.dat 16", "patient.dat 17", "has format 17, which is unknown"),
            (r"^patient\.dat 16", "patient.dat 16x4", "has 4 samples per frame"),
            (r"^patient .*$", "patient twelve 1000", "is no first line of a WFDB header"),
        ],
    )
    def test_one_wrong_thing_is_one_line(self, stored, old, new, said):
        assert said in one_line(edited(stored, old, new))

    def test_a_signal_file_that_is_not_there(self, stored):
        stored.with_suffix(".dat").unlink()
        assert "its header points to 'patient.dat', which does not exist" in one_line(stored)

    def test_a_signal_file_that_is_cut_off(self, stored):
        data = stored.with_suffix(".dat")
        data.write_bytes(data.read_bytes()[:-1])
        assert "patient.dat has 239999 bytes, but its header says 240000; it is truncated" in one_line(stored)

    def test_a_million_leads_are_refused_before_they_are_parsed(self, tmp_path):
        path = tmp_path / "many.hea"
        line = "many.dat 16 1000(0)/mV 16 0 0 0 0 V1\n"
        path.write_text(f"many 1000000 1000 10000\n{line * 1_000_000}")
        assert "its header has 37000024 bytes" in one_line(path)

    @pytest.mark.parametrize("content", [b"", b"# only a comment\n", b"\x00\xff" * 99, b"patient\n", b"patient 0 99\n"])
    def test_what_is_no_header(self, tmp_path, content):
        (tmp_path / "x.hea").write_bytes(content)
        assert one_line(tmp_path / "x.hea").startswith(str(tmp_path))

    def test_units_are_converted(self, real, stored):
        edited(stored, r"1000(\.0)?\(0\)/mV", "1(0)/µV", count=0)
        np.testing.assert_allclose(files.read(stored).values, real.values, rtol=0, atol=0.00051)

    def test_a_rate_that_contradicts_the_header(self, stored):
        assert "says 1000 samples per second, not 500" in one_line(stored, 500)


class TestWrongOthers:
    @pytest.fixture
    def changed(self, recording, tmp_path):
        def change(edit):
            dataset = pydicom.dcmread(recording)
            edit(dataset, dataset.WaveformSequence[0])
            dataset.save_as(tmp_path / "x.dcm")
            return tmp_path / "x.dcm"

        return change

    @pytest.mark.parametrize(
        ("edit", "said"),
        [
            (lambda d, g: d.WaveformSequence.append(g), "in 2 signal groups (RHYTHM, RHYTHM); expected one"),
            (lambda d, g: delattr(d, "WaveformSequence"), "it holds no waveform"),
            (lambda d, g: setattr(g, "SamplingFrequency", "0"), "rate is 0 samples per second"),
            (lambda d, g: setattr(g, "NumberOfWaveformChannels", 60_000), "it declares 60000 leads but describes 12"),
            (lambda d, g: setattr(g, "NumberOfWaveformSamples", 4_000_000_000), "it is truncated"),
            (lambda d, g: setattr(g, "WaveformData", g.WaveformData[:-2]), "it is truncated"),
            (lambda d, g: delattr(third(g), "ChannelSensitivity"), "lead III has no sensitivity"),
            (lambda d, g: setattr(third(g), "ChannelSensitivity", "0"), "lead III has a sensitivity of 0"),
            (lambda d, g: delattr(g, "SamplingFrequency"), "its waveform does not say its SamplingFrequency"),
            (lambda d, g: setattr(g, "WaveformBitsAllocated", 7), "has 7 bits of SS, expected 8, 16, 32 or 64"),
            (lambda d, g: setattr(third(g).ChannelSensitivityUnitsSequence[0], "CodeValue", "mmHg"),
             "lead III is in 'mmHg', which is no voltage"),
            (lambda d, g: setattr(third(g).ChannelSourceSequence[0], "CodeValue", "5.6.3-9-1"),
             "lead I is there twice"),
        ],
    )  # fmt: skip
    def test_dicom(self, changed, edit, said):
        assert said in one_line(changed(edit))

    def test_dicom_that_is_cut_off_or_something_else(self, recording, tmp_path):
        path = tmp_path / "x.dcm"
        content = recording.read_bytes()
        for part in (content[:100], content[:2000], content[: len(content) // 2], b"not a file of this kind" * 50):
            path.write_bytes(part)
            assert one_line(path).startswith(str(path))

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("I,II\n" + "0.1,x\n" * 300, "line 2: 'x' is no number"),
            ("I,II\n0.1\n", "line 2 has 1 fields, the header 2"),
            (
                "I,II\n" + "0,1,0,2\n" * 300,
                "line 2 has 4 fields, the header 2; with decimal commas, part fields by semicolons",
            ),
            ("I,II\n" + "1_0,2\n" * 300, "line 2: '1_0' is no number"),
            ("I,II\n", "it has no line of values"),
            ("I,resp\n" + "0.1,0.2\n" * 300, "there is no lead 'resp'"),
            ("I,II\n" + "0.1,inf\n" * 300, "lead II holds a value that is infinite"),
            ("I,II\n" + "0.1,0.2\n" * 255, "it lasts 2.55 s, expected at least 2.56 s"),
            ("I,II\n" + "0.1,400\n-3,700\n" * 200, "lead II spans 300 mV, expected less than 50; is"),
        ],
    )
    def test_csv(self, tmp_path, text, said):
        (tmp_path / "x.csv").write_text(text)
        assert said in one_line(tmp_path / "x.csv", 100.0)

    @pytest.mark.parametrize(("encoding", "byte"), [("latin-1", 3), ("utf-16", 0)])
    def test_csv_that_is_not_utf8(self, tmp_path, encoding, byte):
        (tmp_path / "x.csv").write_bytes(("I [µV],II\n" + "1,2\n" * 300).encode(encoding))
        assert f"byte {byte} is not of a text in UTF-8; save it as UTF-8" in one_line(tmp_path / "x.csv", 100.0)

    def test_csv_without_a_rate(self, tmp_path):
        (tmp_path / "x.csv").write_text("I,II\n")
        assert "a CSV file does not say its rate; give it with --fs" in one_line(tmp_path / "x.csv")

    def test_csv_with_units_and_decimal_commas(self, tmp_path):
        path = tmp_path / "x.csv"
        path.write_text("I [µV];Lead II (mV)\n" + "100,5;0,25\n-50;;\n".replace(";;", ";nan") * 150)
        record = files.read(path, 100)
        np.testing.assert_allclose(record.values[0, :2], [0.1005, -0.05])
        assert record.absent == ("II",)  # 0.25 and nothing else is flat

    @pytest.mark.parametrize("name", ["nothing.hea", "nothing", "nothing.csv", "nothing.dcm"])
    def test_a_file_that_is_not_there(self, tmp_path, name):
        assert "does not exist" in one_line(tmp_path / name)

    def test_a_picture_and_a_folder(self, tmp_path):
        (tmp_path / "x.png").write_bytes(b"\x89PNG" * 100)
        assert "is no ECG that can be read" in one_line(tmp_path / "x.png")
        assert "is a folder" in one_line(tmp_path)


class TestWriting:
    def test_what_16_bits_cannot_hold_is_refused_and_nothing_is_written(self, real, tmp_path):
        values = real.values.copy()
        values[6] += 40
        with pytest.raises(PosterityError, match=r"lead V1 reaches 4\d\.\d+ mV; WFDB holds up to 32\.767 mV"):
            files.write(Record(values, real.names, 1000), tmp_path / "out" / "x")
        assert not list(tmp_path.iterdir())

    def test_a_name_that_wfdb_does_not_allow(self, real, tmp_path):
        with pytest.raises(PosterityError, match="record name 'a b': WFDB allows letters"):
            files.write(real, tmp_path / "a b")
        assert not list(tmp_path.iterdir())

    def test_a_comment_cannot_become_a_line_of_the_header(self, real, tmp_path):
        record = Record(real.values, real.names, 1000, ("prior x\npatient.dat 16 µV", "second"))
        files.write(record, tmp_path / "x")
        assert files.read(tmp_path / "x.hea").comments == ("prior x patient.dat 16 uV", "second")


def test_readers_are_imported_when_a_file_is_read():
    program = "import sys, posterity.ecg.files; assert not {'wfdb', 'pydicom', 'pandas', 'aiohttp'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
