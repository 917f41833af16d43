"""`posterity verify`: what it writes, what it prints, what it refuses, and when it fails."""

import io
import json
import logging
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from typer.testing import CliRunner

from posterity import samplers
from posterity.artifacts import store
from posterity.certificates import panel, record
from posterity.certificates.finding import Finding
from posterity.cli import app
from posterity.errors import PosterityError
from posterity.stages import _kept, verify

RUN = CliRunner()
STORED = Path(__file__).parents[2] / "resources/certificates"

SAMPLER = """
import math

def restore(denoise, A, y, sigma_y, noise):
    x_t = noise("init", 0)
    for t in range(denoise.steps - 1, -1, -111):
        x0 = denoise(x_t, t)
        x0 = x0 + A.pinv(y - A(x0))
        a = denoise.alpha_bar(max(t - 111, -1))
        x_t = math.sqrt(a) * x0 + math.sqrt(1 - a) * noise("step", t)
    return x_t
"""


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """A tier of next to nothing."""
    monkeypatch.setitem(panel.TIERS, "tiny", panel.Tier(8, 15, 64, 2, frozenset({"c2st"})))


def settings(*samplers, priors=("gaussian",), tasks=("inpaint",), tier="tiny", seed=0):
    entries = [s if isinstance(s, dict) else {"method": s} for s in samplers]
    return {
        "samplers": entries, "priors": list(priors), "tasks": list(tasks), "dim": None, "tier": tier, "seed": seed,
    }  # fmt: skip


def quick(method, **more):
    return {"method": method, "settings": {"steps": 4, **more}}


def call(*words):
    done = RUN.invoke(app, ["verify", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture
def diverging(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def restore(denoise, A, y, sigma_y, noise):\n    return 1e9 * noise('init', 0)\n")
    return path


def test_everything_is_written_and_read_again(tmp_path):
    repaint = quick("repaint", jump_length=2, jump_repeat=1)
    asked = settings(quick("ddnm"), quick("dps"), "exact", repaint, tasks=("inpaint", "denoise"))
    found, failed = verify.run(asked, output=tmp_path, expectations=STORED)
    assert not failed
    names = ["ddnm", "dps", "exact", "repaint"]
    assert [(c.task, c.sampler) for c in found] == [(t, s) for t in ("inpaint", "denoise") for s in names]
    table = store.read(tmp_path / "certificates.parquet", "certificates")
    assert record.certificates(table.to_pylist()) == found
    assert store.provenance(tmp_path / "certificates.parquet")["origin"]["settings"] == asked
    by_name = {(c.sampler, c.task): c for c in found}
    assert by_name["repaint", "denoise"].verdict == "n/a" and "mask" in by_name["repaint", "denoise"].reason
    # of one restoration, though every instance is a batch of its own
    assert (by_name["dps", "inpaint"].forwards, by_name["dps", "inpaint"].backwards) == (4, 4)

    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert {k: suite.get(k) for k in ("tests", "failures", "skipped")} == {
        "tests": "8", "failures": "0", "skipped": str(sum(c.verdict == "n/a" for c in found)),
    }  # fmt: skip
    cases = {(c.get("classname"), c.get("name")): c for c in suite.iter("testcase")}
    assert cases["gaussian.denoise", "repaint"].find("skipped").get("message") == by_name["repaint", "denoise"].reason
    assert "spread/overall" in cases["gaussian.inpaint", "dps"].find("system-out").text
    badge = json.loads((tmp_path / "badge.json").read_text())
    measured = sum(c.verdict != "n/a" for c in found)
    assert (badge["schemaVersion"], badge["message"]) == (1, f"{measured} measured, none regressed")
    assert badge["message"] in ElementTree.parse(tmp_path / "badge.svg").getroot()[0].text
    assert Image.open(tmp_path / "cost_error.png").text["Title"] == "Error against cost"
    assert {p.name for p in tmp_path.iterdir()} == {
        "certificates.parquet", "certificates.json", "junit.xml", "badge.json", "badge.svg", "cost_error.svg",
        "cost_error.png", "certificate_matrix.svg", "certificate_matrix.png",
    }  # fmt: skip


def test_another_seed_is_another_case():
    one, other = (panel.case("gaussian", "inpaint", "tiny", seed=seed).instances[0] for seed in (0, 1))
    assert not (one.y == other.y).all()


@pytest.mark.slow
def test_processes_find_the_same_in_the_same_order(tmp_path):
    """Spawned processes do not know the tiny tier: the quick one, on what costs little."""
    path = tmp_path / "mine.py"
    path.write_text("def restore(denoise, A, y, sigma_y, noise):\n    return denoise(noise('init', 0), 0)\n")
    asked = settings("exact", {"file": str(path)}, tasks=("inpaint", "denoise"), tier="quick")
    alone, together = (verify.run(asked, output=tmp_path, expectations=tmp_path, jobs=n)[0] for n in (1, 2))
    assert [(c.task, c.sampler, c.findings) for c in alone] == [(c.task, c.sampler, c.findings) for c in together]
    path.write_text("def restore(denoise, A, y, sigma_y, noise):\n    return 1 / 0\n")
    with pytest.raises(PosterityError, match=r"mine\.py, line 2: ZeroDivisionError: division by zero"):
        verify.run(asked, output=tmp_path, expectations=tmp_path, jobs=2)


def test_what_changed_regresses_and_is_a_failure(tmp_path):
    """Expectations of a sampler; then its noise is damped, as a user of another version would see it."""
    stored, out = tmp_path / "stored", tmp_path / "out"
    asked = settings(quick("ddnm", eta=1.0))
    found, failed = verify.run(asked, output=out, expectations=stored, update=True)
    assert not failed and len(json.loads((stored / "ddnm.json").read_text())["entries"]) == 1
    again, failed = verify.run(asked, output=out, expectations=stored)
    assert not failed and again[0].findings == found[0].findings
    assert not {"regressed", "improved"} & {*again[0].verdicts}

    text = (stored / "ddnm.json").read_text()
    low, high = json.loads(text)["entries"][0]["bands"]["spread/overall"]
    (stored / "ddnm.json").write_text(text.replace(f"[{low}, {high}]", f"[{low + 10}, {high + 10}]"))
    improved, failed = verify.run(asked, output=out, expectations=stored)
    assert improved[0].verdict == "improved" and not failed
    (stored / "ddnm.json").write_text(text.replace(f"[{low}, {high}]", "[0.999, 1.001]"))
    regressed, failed = verify.run(asked, output=out, expectations=stored)
    assert failed == regressed and regressed[0].verdict == "regressed"
    case = next(ElementTree.parse(out / "junit.xml").getroot().iter("testcase"))
    assert case.find("failure").get("message") == "regressed" and "spread/overall" in case.find("failure").text
    assert json.loads((out / "badge.json").read_text())["color"] == "red"
    # other settings are another sampler, of which nothing is known
    assert verify.run(settings(quick("ddnm", eta=0.5)), output=out, expectations=stored)[1] == []


def test_a_run_that_diverges_fails_with_its_share(tmp_path, diverging):
    done = call(
        "--sampler", diverging, "--prior", "gaussian", "--task", "inpaint", "--tier", "tiny", "--output", tmp_path / "o"
    )  # fmt: skip
    assert done.exit_code == 1
    assert "diverged: mine, gaussian, inpaint: 100.00% of the draws" in done.stdout


def test_the_table_tells_verdict_numbers_cost_and_reason(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("--prior", "mixture", "--task", "inpaint", "--tier", "tiny", "--set", "steps=4", "--panel")
    done = call("ddnm", "mgps", *words)
    assert done.exit_code == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    head = next(i for i, line in enumerate(lines) if line == ["mixture", "·", "inpaint"])
    ddnm, mgps = lines[head + 1 : head + 3]
    assert ddnm[:2] in (["ddnm", "open"], ["ddnm", "approximate"]) and ddnm[-3:-1] == ["4", "0"]
    assert sum(word.startswith("±") for word in ddnm) >= 4
    assert " ".join(mgps) == "mgps N/A: needs noise"
    assert "open: some intervals overlap a margin; more draws would decide" in done.stdout
    assert ["ddnm,", "mixture,", "inpaint:", ddnm[1]] in lines  # the panel below
    assert next(line for line in lines if line[0] == "coupling/batch")[1:4] == ["0", "0", "1e-05"]
    assert (tmp_path / "results/verify/certificates.parquet").exists()


@pytest.mark.parametrize(("width", "last"), [(80, "sliced W"), (130, "batch"), (300, "W2")])
def test_a_narrow_terminal_gets_fewer_columns_and_cuts_none(width, last):
    from rich.console import Console

    from posterity.commands import verdict_table

    findings = [Finding(*key.split("/"), 0.5, 0.01, 1.0, 0.1) for key in verdict_table.HEADLINES.values() if "/" in key]
    findings += [Finding("sliced_wasserstein", "", 0.5, 0.01, 0.0, 0.1, 0.25)]
    known = ("copaint_tt", "gaussian", "inpaint_noisy", "quick", 0)
    one = panel.Certificate(*known, tuple(findings), ("exact",) * len(findings), "exact", 10, 0, 1.0, 0, 1)
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(verdict_table._fitting(console, [one]))
    text = console.export_text()
    assert last in text and "…" not in text
    assert ("2.00 ±0.04" in text) and (width == 300) == ("W2" in text)


def test_a_log_has_a_line_a_certificate(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        verify.run(settings("exact", quick("ddnm")), output=tmp_path, expectations=tmp_path)
    estimate, *cases = [r.message.split(":")[0] for r in caplog.records]
    assert estimate.startswith("2 cases, about ")
    assert cases == ["exact, gaussian, inpaint", "ddnm, gaussian, inpaint"]


def test_a_bug_in_a_persons_sampler_is_caught(tmp_path, monkeypatch):
    """The same sampler, its noise divided by √2, and with one mean over the whole batch."""
    monkeypatch.setitem(panel.TIERS, "tiny", panel.Tier(40, 31, 64, 2, frozenset({"c2st"})))
    variants = {
        "plain": SAMPLER,
        "damped": SAMPLER.replace("math.sqrt(1 - a) * noise", "math.sqrt(1 - a) / math.sqrt(2) * noise"),
        "coupled": SAMPLER.replace("return x_t", "return x_t - 0.1 * x_t.mean(0)"),
    }
    spread, coupling = {}, {}
    for name, text in variants.items():
        (tmp_path / f"{name}.py").write_text(text)
        asked = settings({"file": str(tmp_path / f"{name}.py")}, priors=("gaussian",))
        ((found,), _) = verify.run(asked, output=tmp_path, expectations=tmp_path)
        told = {f.key: (f.value, v) for f, v in zip(found.findings, found.verdicts, strict=True)}
        spread[name], coupling[name] = told["spread/overall"], told["coupling/batch"]
    assert spread["damped"][0] < 0.75 * spread["plain"][0] and spread["damped"][1] == "approximate"
    assert coupling["plain"][1] == "exact" and coupling["coupled"][1] == "approximate"


WRONG = {
    "ignores": (SAMPLER.replace("x0 = x0 + A.pinv(y - A(x0))", "pass"), "y is not read"),
    "collapses": (SAMPLER.replace('noise("', '0 * noise("'), "hardly any spread"),
    "halved": (SAMPLER.replace("111", "20").replace('noise("step"', '0.5 * noise("step"'), "hardly any spread"),
    "guesses": (
        "import torch\n" + SAMPLER.replace("x0 = x0 + A.pinv(y - A(x0))", "pass").replace(
            'noise("init", 0)', 'torch.randn(len(y), 1, 4, 4).double()'), "y is not read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_posterior_sampler_is_named_so(name, tmp_path):
    text, told = WRONG[name]
    assert text != SAMPLER
    (tmp_path / f"{name}.py").write_text(text)
    words = ("--prior", "mixture", "--task", "inpaint_noisy", "--tier", "small", "--output", tmp_path)
    done = call("--sampler", tmp_path / f"{name}.py", *words)
    assert done.exit_code == 1
    (why,) = [line for line in done.stdout.splitlines() if line.startswith("not a posterior sampler: ")]
    assert f"{name}, mixture, inpaint_noisy: " in why and told in why
    case = next(ElementTree.parse(tmp_path / "junit.xml").getroot().iter("testcase"))
    assert case.find("failure").get("message") == "not a posterior sampler" and told in case.find("failure").text


@pytest.mark.slow
def test_published_methods_keep_their_word(tmp_path, monkeypatch):
    """Far from exact in few steps, and samplers of a posterior all the same."""
    monkeypatch.setitem(panel.TIERS, "small", panel.Tier(32, 31, 500, 3, frozenset({"c2st", "trajectory"})))
    asked = settings("dps", "ddrm", "mgps", "reddiff", "copaint", priors=("gaussian", "mixture"), tasks=("pool_noisy",))
    asked["samplers"] = [
        {"method": e["method"], "settings": dict(samplers.find(e["method"]).quick)} for e in asked["samplers"]
    ]
    found, failed = verify.run(asked | {"tier": "small"}, output=tmp_path, expectations=STORED)
    assert not failed and {c.verdict for c in found} == {"approximate"}


def test_an_error_in_a_persons_sampler_has_its_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def restore(denoise, A, y, sigma_y, noise):\n    return denoise(y[:, :0],\n        999)\n")
    with pytest.raises(PosterityError, match=r"mine\.py, line 2: \w+Error: ") as error:
        verify.run(settings({"file": str(path)}, tasks=("pool_noisy",)), output=tmp_path, expectations=tmp_path)
    assert "\n" not in str(error.value)


def test_a_late_start_is_measured_around_a_method(tmp_path):
    """It begins at the exact mean, with the posterior's own variance: fewer calls, and a name of its own."""
    words = ("dps", "--prior", "latent_gaussian", "--task", "inpaint_noisy", "--tier", "tiny", "--steps", "50")
    for wrap in ((), ("--wrap", "flash"), ("--wrap", '{"flash": {"init": "added", "c": null}}')):
        call(*words, *wrap, "--output", tmp_path / str(len(wrap[1:] and wrap[1])))
    calls = {}
    for path in tmp_path.glob("*/certificates.parquet"):
        rows = store.read(path, "certificates").to_pylist()
        calls[rows[0]["sampler"], json.loads(rows[0]["settings"]).get("wrap") is None] = rows[0]["forwards"]
        assert all(r["sampler"] == rows[0]["sampler"] for r in rows)
    assert calls["dps", True] == 50 and {name for name, _ in calls} == {"dps", "dps_flash"}
    assert calls["dps_flash", False] < 40


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name samplers, or give --all, or a file of your own with --sampler"),
        (["ddnn"], "sampler 'ddnn' does not exist; choose one of "),
        (["ddnm", "--prior", "gauss"], "prior 'gauss' is not one that verify knows; choose one of gaussian"),
        (["ddnm", "--task", "blur"], "task 'blur' is not one that verify knows; choose one of inpaint"),
        (["ddnm", "--tier", "fast"], "tier 'fast' is not one that verify knows; choose one of quick"),
        (["ddnm", "--set", "eta"], "--set 'eta' must be KEY=VALUE"),
        (["ddnm", "--set", "etta=1"], "sampler ddnm has no setting 'etta'; it has: steps, eta"),
        (["ddnm", "--steps", "5000"], "sampler ddnm: steps = 5000: Input should be less than or equal to 1000"),
        (["--all", "--set", "etta=1"], "no sampler has a setting 'etta'"),
        (["ddnm", "--dim", "20", "--task", "inpaint"], "--dim has its own task; leave out --task"),
        (["ddnm", "--dim", "20", "--prior", "kernel"], "dim 20: the prior kernel has no toy problem"),
        (["dps", "--wrap", "flush"], "wrapper 'flush' does not exist; choose one of coupled_noise, diversity, flash"),
        (["dps", "--wrap", '{"flash": {"cc": 1}}'], "--wrap flash: unknown key 'cc'"),
        (["exact", "--wrap", "flash"], "wrapper flash: sampler exact has no noisy state to begin late from"),
        (["--sampler", "mine.py", "--wrap", "flash"], "--wrap goes around methods; leave out --sampler"),
        (["--sampler", "absent.py"], "absent.py: there is no such file"),
        (["--sampler", "mine.py", "--update-expectations"], "expectations are stored for posterity's own samplers"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SAMPLER)
    done = call(*words)
    assert done.exit_code == 2 and len(done.stderr.strip().splitlines()) == 1
    assert told in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["mine.py"]


def test_a_tier_is_a_word_and_a_setting_goes_to_all_that_have_it(monkeypatch, tmp_path):
    asked = {}

    def run(settings, *, output, **_):
        asked.update(settings)
        _kept.Kept(0, "").write(output / verify.KEPT)

    monkeypatch.setattr(verify, "run", run)
    assert call("--all", "--standard", "--steps", "9", "--set", "scale=1e-1", "--output", tmp_path).exit_code == 0
    chosen = {e["method"]: e["settings"] for e in asked["samplers"]}
    assert asked["tier"] == "standard" and chosen["exact"] == {}
    assert not {*chosen} & {"mat", "posterior_mean", "swinir", "traineddiff"}, "baselines"
    assert chosen["dps"] == {"steps": 9, "scale": 0.1} and chosen["ddnm"] == {"steps": 9}
    assert set(asked["priors"]) >= {"gaussian", "mixture", "kernel"} and len(asked["tasks"]) >= 4
    assert {"psld", "gml_dps", "resample"} <= {*chosen} and "mat" not in chosen
    assert call("--all", "--prior", "mixture", "--output", tmp_path).exit_code == 0
    assert not {"psld", "gml_dps", "resample"} & {e["method"] for e in asked["samplers"]}, "no prior is latent"


def test_a_variant_is_measured_with_its_settings_under_its_name(tmp_path, monkeypatch):
    folder = tmp_path / "config" / "samplers"
    folder.mkdir(parents=True)
    variants = "variants: {brisk: {settings: {steps: 3}}, apart: {wrap: [{diversity: {eta: 0.1}}]}}"
    (folder / "ddnm.yaml").write_text(f"method: ddnm\n{variants}\n")
    monkeypatch.chdir(tmp_path)
    words = "brisk", "ddnm", "--tier", "tiny", "--prior", "gaussian", "--task", "inpaint", "--jobs", 1, "--json"
    cases = json.loads(call(*words).stdout)["cases"]
    assert [(case["sampler"], json.loads(case["settings"])["steps"]) for case in cases] == [("brisk", 3), ("ddnm", 100)]
    assert "variant apart has wrappers" in call("apart").output
    assert "sampler 'nobody' does not exist" in call("nobody", "--tier", "tiny").output


def test_bands_of_a_variant_are_those_of_its_method_at_these_settings(tmp_path):
    """Stored under the method, so that the method itself with the variant's settings is held against them, too."""
    brisk = {"method": "ddnm", "name": "brisk", "settings": {"steps": 3}}
    verify.run(settings(brisk), output=tmp_path, expectations=tmp_path / "stored", update=True)
    (file,) = (tmp_path / "stored").iterdir()
    assert file.name == "ddnm.json"
    text = file.read_text()
    low, high = json.loads(text)["entries"][0]["bands"]["spread/overall"]
    file.write_text(text.replace(f"[{low}, {high}]", "[0.999, 1.001]"))
    asked = settings(brisk, {"method": "ddnm", "settings": {"steps": 3}}, {"method": "ddnm", "settings": {"steps": 4}})
    found, failed = verify.run(asked, output=tmp_path, expectations=tmp_path / "stored")
    assert [c.sampler for c in found] == ["brisk", "ddnm", "ddnm"] and failed == found[:2]
