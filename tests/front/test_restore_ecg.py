"""`posterity restore patient.hea`: what was measured stays, what is missing is drawn, nothing about people goes on."""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from posterity.cli import app
from posterity.ecg import beats, files
from posterity.ecg.files import Record
from posterity.ecg.leads import STANDARD, complete
from posterity.errors import PosterityError
from posterity.front.ecg import missing, prior, restoring
from posterity.priors.stationary import StationaryGaussian
from posterity.signals.ecg import LEADS

RUN = CliRunner()


@pytest.fixture(scope="module")
def dicom():
    return Path(str(find_spec("pydicom").origin)).parent / "data/test_files/waveform_ecg.dcm"


@pytest.fixture(scope="module")
def real(dicom):
    return files.read(dicom)


def rows(record, names):
    return record.values[[record.names.index(lead) for lead in names]]


def restored(*words):
    done = RUN.invoke(app, ["restore", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_the_fit_is_the_stationary_gaussian_at_any_length():
    records = torch.randn(5, 8, 64, dtype=torch.float64).cumsum(2) / 8
    fit = prior.Fit.of(records, 100)
    wanted = StationaryGaussian.estimate(records)
    torch.testing.assert_close(fit.prior(64).spectrum, wanted.spectrum)
    for length in (40, 97, 200):
        assert float(fit.prior(length).eigen[0].min()) > -1e-10
    # a longer signal has the covariances of near values that the records have
    long = torch.fft.irfft(fit.spectrum(200)[:, :, 0], n=200)
    torch.testing.assert_close(long[..., :60], fit.covariance[..., :60])


def test_the_shipped_prior_restores_the_real_recording_as_measured_before(real):
    """Errors of the posterior mean on a recording that the prior has nothing of; found by a prototype: .088, .076."""
    for seen, error in (("I",), 0.088), (("I", "II", "V2"), 0.0764):
        drop = [lead for lead in real.names if lead not in seen]
        found = restoring.restore(real.without(drop), samples=10)
        hidden = [lead for lead in LEADS if lead not in seen]
        mean = found.mean
        assert np.abs(rows(mean, hidden) - rows(real, hidden)).mean() == pytest.approx(error, abs=0.004)
        assert found.remarks == []
        exact = {"III", "aVR", "aVL", "aVF"} if "II" in seen else set()
        assert set(found.leads) == set(drop) - exact


def test_draws_of_the_prior_are_covered(real):
    """Truths drawn from the prior itself, with the noise that the posterior reckons with: 90 % is 90 %."""
    from posterity.diffusion.noise import Noise

    fit, _ = prior.shipped()
    gaussian = fit.prior(256)
    white = Noise(0, ["a", "b", "c"], [0] * 3).normal("x", 0, (8, 256))
    truths = gaussian.mean + gaussian.filter(white, gaussian.eigen[0].sqrt())
    inside = []
    for number, truth in enumerate(truths):
        noisy = (truth + prior.NOISE * torch.randn(8, 256, dtype=torch.float64)).numpy()
        noisy[3:] = np.nan
        found = restoring.restore(Record(noisy, LEADS, 100), samples=100, seed=number)
        low, high = np.quantile(found.pool.samples.numpy()[:, 3:], (0.05, 0.95), axis=0)
        inside.append(((low <= truth[3:].numpy()) & (truth[3:].numpy() <= high)).mean())
    assert 0.84 < np.mean(inside) < 0.94


def test_what_was_measured_stays_and_limb_leads_agree(real):
    values = real.values.copy()
    values[:, 3000:5000] = np.nan
    gap = Record(values, real.names, real.rate).without(["V1"])
    found = restoring.restore(gap, samples=3)
    kept = ~np.isnan(complete(gap.values, gap.names))
    for number in range(3):
        draw = found.drawn(number)
        assert np.array_equal(draw.values[kept], complete(gap.values, gap.names)[kept])
        i, ii, iii, avr, avl, avf = rows(draw, ("I", "II", "III", "aVR", "aVL", "aVF"))
        hole = slice(3000, 5000)
        np.testing.assert_allclose(iii[hole], (ii - i)[hole], atol=1e-12)
        np.testing.assert_allclose(avr[hole], -((i + ii) / 2)[hole], atol=1e-12)
        np.testing.assert_allclose(avl[hole], (i - ii / 2)[hole], atol=1e-12)
        np.testing.assert_allclose(avf[hole], (ii - i / 2)[hole], atol=1e-12)
    assert not np.isnan(found.draws).any() and found.draws[:, :, 3000:5000].std(0).mean(1).min() > 0.02


def test_what_is_hidden_is_found_in_every_way_of_saying_it(real):
    for words, leads, span in (
        ("V1,v2", ("V1", "V2"), slice(None)),
        ("2.5s-5s", STANDARD, slice(2500, 5000)),
        ("V1:2.5s-5s", ("V1",), slice(2500, 5000)),
        ("v1:2.5-5s, V3", ("V1",), slice(2500, 5000)),
    ):
        absent = np.zeros(real.values.shape, dtype=bool)
        for lead in leads:
            absent[real.names.index(lead), span] = True
        if "V3" in words:
            absent[real.names.index("V3")] = True
        assert np.array_equal(missing.hidden(real, words).missing, absent), words


def test_an_odd_gain_or_filter_is_told(real):
    doubled = Record(2 * real.values, real.names, real.rate).without(["V1"])
    (said,) = restoring.restore(doubled, samples=2).remarks
    assert said.startswith("to the prior II, V5, V6 are less likely than 99.5 %")
    faint = Record(real.values / 50, real.names, real.rate).without(["V1"])
    assert any("calmer than 99.5 %" in said for said in restoring.restore(faint, samples=2).remarks)


def named(dicom, path):
    """The recording with a patient in its header."""
    import pydicom

    one = pydicom.dcmread(dicom)
    one.PatientName, one.PatientID, one.PatientBirthDate = "Doe^Jane", "4711-0815", "19610203"
    one.save_as(path)
    return path


def test_a_folder_with_records_a_sheet_and_values(tmp_path, monkeypatch, dicom, real, caplog):
    import wfdb

    monkeypatch.chdir(tmp_path)
    named(dicom, tmp_path / "patient.dcm")
    done = restored("patient.dcm", "--missing", "V1,V2", "--pool", 8, "--n", 2, "--output", "out")
    assert (done.exit_code, done.stdout) == (0, "out/index.html\n"), done.stderr
    assert "resampled from 1000 to 100 samples per second, the prior's rate" in caplog.text
    told = json.loads(Path("out/settings.json").read_text())
    stems = {f"sample_{number}" for number in told["shown"]} | {"mean"}
    wanted = {f"{stem}.{ending}" for stem in stems for ending in ("hea", "dat")}
    wanted |= {"sheet.pdf", "sheet.svg", "sheet.png", "values.csv", "settings.json", "index.html"}
    assert {path.name for path in Path("out").iterdir()} == wanted
    for stem in stems:
        record = files.read(Path("out", f"{stem}.hea"))
        kept = [lead for lead in STANDARD if lead not in ("V1", "V2")]
        assert np.abs(rows(record, kept) - rows(real, kept)).max() <= 0.0005 + 1e-9  # a microvolt's half
        header = wfdb.rdheader(str(Path("out", stem)))
        assert header.comments[0] == "research use; not for diagnosis"
        assert header.comments[1].startswith("restored, not measured: V1, V2 (")
    with Path("out/values.csv").open() as file:
        assert "not for diagnosis" in file.readline()
        table = list(csv.DictReader(file))
    assert len(table) == 10_000 and {"V1_p05_mV", "V2_p95_mV"} < set(table[0]) and "I_p05_mV" not in table[0]
    middle = table[5000]
    assert float(middle["V1_p05_mV"]) < float(middle["V1_mV"]) < float(middle["V1_p95_mV"])
    assert float(middle["I_mV"]) == pytest.approx(rows(real, ["I"])[0, 5000])
    page = Path("out/index.html").read_text()
    assert "research use; not for diagnosis" in page and "V1, V2 restored" in page
    for path in Path("out").iterdir():
        content = path.read_bytes()
        assert not [word for word in (b"Doe^Jane", b"4711-0815", b"19610203") if word in content], path


def test_wfdb_and_csv_go_the_same_way(tmp_path, monkeypatch, real):
    monkeypatch.chdir(tmp_path)
    files.write(Record(real.values, real.names, real.rate, ("Age: 63", "Sex: F")), Path("patient"))
    rate, step = 250, 4
    names = ["I", "II", "V2", "V5"]
    lines = [",".join(names), *(",".join(f"{v:.4f}" for v in column) for column in rows(real, names)[:, ::step].T)]
    Path("patient.csv").write_text("\n".join(lines))
    assert restored("patient.hea", "--missing", "2.5s-5s", "--pool", 4, "--n", 1, "--output", "a").exit_code == 0
    assert "Age" not in Path("a/mean.hea").read_text() and "Sex" not in Path("a/settings.json").read_text()
    done = restored("patient.csv", "--fs", rate, "--pool", 4, "--n", 1, "--sampler", "ddnm", "--output", "b")
    assert done.exit_code == 0, done.stderr
    made = files.read(Path("b/mean.hea"))
    assert made.rate == rate and np.abs(rows(made, names) - rows(real, names)[:, ::step]).max() < 0.001
    assert json.loads(Path("b/settings.json").read_text())["restored"] == ["V1", "V3", "V4", "V6"]


@pytest.fixture(scope="module")
def bad(tmp_path_factory, dicom, real):
    """Files of every kind that cannot be restored."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "patient.dcm").write_bytes(dicom.read_bytes())
    files.write(real, folder / "patient")
    (folder / "short.csv").write_text("I,II\n" + "0.1,0.2\n0.3,0.1\n" * 100)
    (folder / "watt.csv").write_text("I [W],II\n" + "0.1,0.2\n0.3,0.1\n" * 500)
    (folder / "lead.csv").write_text("I,V9\n" + "0.1,0.2\n0.3,0.1\n" * 500)
    (folder / "alone.csv").write_text("aVF,V2\n" + "0.1,0.2\n0.3,0.1\n" * 500)
    (folder / "long.csv").write_text("I,V2\n" + "0.1,0.2\n0.3,0.1\n" * 6500)
    header = (folder / "patient.hea").read_text()
    (folder / "cut.hea").write_text(header.replace("patient", "cut"))
    (folder / "cut.dat").write_bytes((folder / "patient.dat").read_bytes()[:1000])
    (folder / "lost.hea").write_text(header.replace("patient", "lost"))
    (folder / "away.hea").write_text(header.replace("patient.dat", "../patient.dat").replace("patient", "away", 1))
    (folder / "rate.hea").write_text(header.replace(" 1000 10000", " 0 10000", 1))
    (folder / "me.png").write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("patient.dcm", "--missing", "V9"), "there is no lead 'V9'; choose out of I, II, III"),
        (("patient.dcm",), "nothing is missing: all twelve leads are measured or follow exactly"),
        (("patient.dcm", "--missing", "III"), "nothing is missing: all twelve leads are measured or follow exactly"),
        (("patient.dcm", "--missing", "8s-12s"), "--missing 8s-12s: expected an interval within 0s-10s"),
        (("patient.dcm", "--missing", "5s-2s"), "--missing 5s-2s: expected an interval within 0s-10s"),
        (("patient.dcm", "--missing", "0s-10s"), "nothing of the eight leads I, II, V1 to V6 is left"),
        (("absent.hea", "--missing", "V1"), "absent.hea is not a file"),
        (("short.csv", "--fs", "100"), "short.csv: it lasts 2 s, expected at least 2.56 s"),
        (("long.csv", "--fs", "100"), "it lasts 130 s, at most 120 s are restored"),
        (("long.csv",), "long.csv: a CSV file does not say its rate; give it with --fs"),
        (("watt.csv", "--fs", "100"), "no lead 'I [W]'"),
        (("lead.csv", "--fs", "100"), "there is no lead 'V9'"),
        (("alone.csv", "--fs", "100"), "lead aVF is measured where no second limb lead is; hide it as well"),
        (("cut.hea", "--missing", "V1"), "cut.dat has 1000 bytes, but its header says 240000; it is truncated"),
        (("lost.hea", "--missing", "V1"), "its header points to 'lost.dat', which does not exist"),
        (("away.hea", "--missing", "V1"), "which is not in its folder"),
        (("rate.hea", "--missing", "V1"), "rate is '0', expected a number of samples per second"),
        (
            ("patient.dcm", "--missing", "V1", "--sampler", "repaint"),
            "sampler repaint: needs a noiseless task (sigma_y = 0)",
        ),
        (("patient.dcm", "--missing", "V1", "--mask", "me.png"), "--mask is not for an ECG, which patient.dcm is"),
        (("me.png", "--missing", "V1"), "--missing is not for a picture, which me.png is"),
        (
            ("patient.dcm", "--missing", "V1", "--fs", "500"),
            "says 1000 samples per second, not 500",
        ),
    ],
)
def test_what_cannot_be_restored_is_one_line_and_nothing_is_written(bad, monkeypatch, words, told):
    monkeypatch.chdir(bad)
    before = sorted(bad.rglob("*"))
    done = restored(*words, "--pool", 2, "--n", 1)
    assert done.exit_code == 2, done.stdout
    assert told in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert sorted(bad.rglob("*")) == before


def test_the_prior_must_be_what_its_card_says(tmp_path, monkeypatch):
    from dataclasses import replace

    from posterity.front import home as at

    mine = replace(at.home(), folder=tmp_path)
    monkeypatch.setattr(prior, "home", lambda: mine)
    with pytest.raises(PosterityError, match="does not hold the prior of ECGs; get the complete repository"):
        prior.shipped()
    source = Path(at.__file__).parents[3] / "resources/priors" / prior.NAME
    folder = tmp_path / "resources/priors" / prior.NAME
    folder.mkdir(parents=True)
    (folder / "card.json").write_bytes((source / "card.json").read_bytes())
    (folder / "weights.safetensors").write_bytes((source / "weights.safetensors").read_bytes()[:-1] + b"x")
    with pytest.raises(PosterityError, match=r"the weights do not match their card\.json"):
        prior.shipped()


def test_the_network_restores_what_the_command_line_asks(tmp_path, monkeypatch, real):
    """2.56 s of the real recording from I, II and V2: beats in step with the measured ones, which stay."""
    monkeypatch.chdir(tmp_path)
    names = ["I", "II", "V2"]
    slow = beats.resampled(real.values, real.rate, 100)[:, 100:356]
    lines = [",".join(f"{v:.3f}" for v in column) for column in slow[[STANDARD.index(lead) for lead in names]].T]
    Path("patient.csv").write_text("\n".join([",".join(names), *lines]))
    asked = ("patient.csv", "--fs", 100, "--prior", "ecg_network", "--pool", 2, "--n", 1, "--output", "out")
    done = restored(*asked)
    assert done.exit_code == 0, done.stderr
    told = json.loads(Path("out/settings.json").read_text())
    assert told["prior"] == "ecg_network" and told["sampler"]["name"] == "mgps"
    assert told["sampler"]["settings"]["steps"] == 12  # those of the network, not the method's
    drawn = files.read(next(Path("out").glob("sample_*.hea")))
    measured = [STANDARD.index(lead) for lead in names]
    np.testing.assert_allclose(rows(drawn, names), slow[measured], atol=0.001)
    for lead in ("V5", "V6"):
        assert np.corrcoef(rows(drawn, [lead])[0], slow[STANDARD.index(lead)])[0, 1] > 0.7
