"""An experiment that is run, packed, and drawn again on a clone that has no assets, no data set and no prior."""

import contextlib
import hashlib
import json
import shutil
import zipfile

import pytest
import yaml
from tiny import SNAKEFILE, D, posterity

from posterity.commands.dry_run import dry_run
from posterity.tables import published

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(run):
    done = posterity(run, "export", "tiny", "--output", "once/tiny.zip", "--snakefile", SNAKEFILE)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("once/tiny.zip: 4 tables and figures")
    return run / "once" / "tiny.zip"


def test_figures_drawn_from_the_archive_alone_are_identical(archive, run, tmp_path):
    shutil.copy(archive, tmp_path)
    done = posterity(tmp_path, "redraw", "tiny.zip", "--output", "redrawn")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "4 tables and figures in redrawn, 4 the same as in the archive"
    assert not (tmp_path / "data").exists()
    drawn = sorted(p.relative_to(tmp_path / "redrawn") for p in (tmp_path / "redrawn").rglob("*.*"))
    assert [p.name for p in drawn if p.suffix == ".svg"] == ["exact_distance.svg", "guidance_gallery.svg"]
    for path in drawn:
        # a table's Parquet says where its inputs were, as the hidden file beside a figure does
        if path.suffix != ".parquet" and path.name[0] != ".":
            assert (tmp_path / "redrawn" / path).read_bytes() == (run / path).read_bytes(), path


def test_the_archive_says_what_made_it_and_has_the_configuration_and_the_licences(archive, tmp_path):
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        manifest = json.loads(opened.read("provenance.json"))
        opened.extractall(tmp_path)
    assert f"data/datasets/{D}/LICENSE.txt" in names and "README.txt" in names
    assert not [n for n in names if "assets" in n]
    assert yaml.safe_load((tmp_path / "config" / "config.yaml").read_text()) == {"experiments": ["tiny"]}
    assert manifest["revision"] and manifest["versions"]["torch"]
    (figure,) = (p for p in manifest["products"] if p["output"].endswith("exact_distance.svg"))
    assert figure["settings"] == {"experiment": "tiny", "figure": "exact_distance", "published": published.digest()}
    assert len(figure["code"]) == 16 and figure["versions"]["torch"] == manifest["versions"]["torch"]
    assert f"results/samples/{D}/sr4/kernel/ddnm.parquet" in figure["inputs"]
    # the configuration is one: with it the same jobs are planned
    with contextlib.chdir(tmp_path):
        assert {j.stage for j in dry_run(["tiny"], [], SNAKEFILE).jobs} >= {"sample", "figure"}


def test_the_same_content_packs_to_the_same_bytes(archive, run):
    done = posterity(run, "export", "tiny", "--output", "again/tiny.zip", "--snakefile", SNAKEFILE)
    assert done.exit_code == 0
    assert (run / "again" / "tiny.zip").read_bytes() == archive.read_bytes()


def test_a_figure_that_comes_out_otherwise_is_named(archive, tmp_path):
    """A packed figure that other code drew."""
    with zipfile.ZipFile(archive) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    manifest = json.loads(files["provenance.json"])
    name = "results/figures/tiny/exact_distance.svg"
    files[name] = files[name].replace(b"</svg>", b"<g/></svg>")
    manifest["files"][name] = hashlib.sha256(files[name]).hexdigest()
    files["provenance.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        for entry, content in files.items():
            other.writestr(entry, content)
    done = posterity(tmp_path, "redraw", "other.zip", "--output", "redrawn")
    assert done.stdout.splitlines()[-2:] == [
        f"differs from the archive: redrawn/{name}",
        "4 tables and figures in redrawn, 3 the same as in the archive",
    ]


@pytest.mark.parametrize("damage", ["missing", "no archive", "flipped"])
def test_a_damaged_archive_is_refused(archive, tmp_path, damage):
    place = tmp_path / "x.zip"
    if damage == "no archive":
        place.write_text("nothing")
    elif damage == "flipped":
        content = bytearray(archive.read_bytes())
        content[content.index(b"PAR1") + 40] ^= 1
        place.write_bytes(content)
    done = posterity(tmp_path, "redraw", "x.zip", "--output", "redrawn")
    assert done.exit_code == 2 and done.output.startswith("x.zip ") and len(done.output.splitlines()) == 1
    assert not (tmp_path / "redrawn").exists()


def test_what_is_not_run_is_not_packed(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy, copy_function=shutil.copy2)
    (copy / "results" / "figures" / "tiny" / "exact_distance.svg").unlink()
    done = posterity(copy, "export", "tiny", "--output", "x.zip", "--snakefile", SNAKEFILE)
    assert done.exit_code == 2 and not (copy / "x.zip").exists()
    assert done.output.startswith("1 jobs of experiment tiny are not done or out of date")
    done = posterity(copy, "export", "tiney", "--snakefile", SNAKEFILE)
    assert done.exit_code == 2 and "tiney" in done.output


def _changed(path, value):
    """A change of a manifest: the value at a dotted path; of the last name ``None`` deletes."""

    def change(manifest):
        *parents, last = path.split(".")
        place = manifest
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
        return manifest

    return change


MALFORMED = {
    "no JSON": (lambda manifest: "{", "is not JSON ("),
    "no text": (lambda manifest: b"\xff\xfe", "is not JSON (it is not UTF-8 text)"),
    "nested": (lambda manifest: "[" * 100_000, "holds lists and objects more than 40 deep"),
    "a key twice": (lambda manifest: '{"files": {}, "files": {}}', "is not JSON (key 'files' is given twice)"),
    "a list": (lambda manifest: [manifest], "must be an object, is [{"),
    "null": (lambda manifest: "null", "must be an object, is None"),
    "no products": (_changed("products", None), "products: Field required"),
    "no files": (_changed("files", None), "files: Field required"),
    "products that are none": (_changed("products", "all"), "products: Input should be a valid list, is 'all'"),
    "a product that is none": (_changed("products", [3]), "products.0: must be an object, is 3"),
    "no output": (_changed("products.0.output", None), "products.0.output: Field required"),
    "a number": (_changed("products.0.output", 7), "products.0.output: Input should be a valid string, is 7"),
    "an object": (_changed("products.1.inputs", {}), "products.1.inputs: Input should be a valid list, is {}"),
    "settings": (_changed("products.1.settings", []), "products.1.settings: Input should be a valid dictionary, is []"),
    "a stage": (_changed("products.0.stage", "x"), "products.0.stage: Input should be 'table' or 'figure', is 'x'"),
    "a digest": (_changed("files", {"a": "b"}), "files.a: String should match pattern"),
    "a file above": (_changed("files", {"../x": 64 * "0"}), "names '../x', which is not a path inside the archive"),
    "an output above": (_changed("products.0.output", "a/../x.svg"), "names 'a/../x.svg', which is not a path"),
    "from the root": (_changed("products.0.inputs", ["/etc/passwd"]), "names '/etc/passwd', which is not a path"),
    "no name": (_changed("products.0.inputs", [""]), "names '', which is not a path inside the archive"),
    "no such input": (_changed("products.0.inputs", ["x.parquet"]), "names 'x.parquet', which is not among its files"),
    "another kind": (_changed("products.0.output", "README.txt"), "names 'README.txt'; the output of a "),
    "no files of its own": (_changed("files", {"x": 64 * "0"}), "which is not among its files"),
}  # fmt: skip


def test_a_malformed_manifest_is_one_line(archive, tmp_path):
    with zipfile.ZipFile(archive) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    for what, (change, told) in MALFORMED.items():
        found = change(json.loads(files["provenance.json"]))
        content = found if isinstance(found, str | bytes) else json.dumps(found)
        with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
            for entry in files:
                other.writestr(entry, content if entry == "provenance.json" else files[entry])
        done = posterity(tmp_path, "redraw", "other.zip", "--output", "redrawn")
        assert done.exit_code == 2 and told in done.output, (what, done.output, done.exception)
        assert done.output.startswith("other.zip: provenance.json")
        assert len(done.output.splitlines()) == 1 and not (tmp_path / "redrawn").exists(), what


def test_an_archive_that_lacks_what_it_names_is_one_line(archive, tmp_path):
    with zipfile.ZipFile(archive) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    lost = f"results/samples/{D}/sr4/kernel/ddnm.parquet"
    for name in ("provenance.json", lost):
        with zipfile.ZipFile(tmp_path / "less.zip", "w") as less:
            for entry in files.keys() - {name}:
                less.writestr(entry, files[entry])
        done = posterity(tmp_path, "redraw", "less.zip", "--output", "redrawn")
        assert done.exit_code == 2 and len(done.output.splitlines()) == 1
        assert done.output.startswith("less.zip is not a whole archive of `posterity export` (There is no item named")
        assert name in done.output and not (tmp_path / "redrawn").exists()
