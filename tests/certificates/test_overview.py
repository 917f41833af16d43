"""What stored bands say of samplers, and the picture of it."""

from pathlib import Path

import pytest

from posterity.artifacts import store
from posterity.certificates.expectations import Expectation, Key
from posterity.certificates.finding import Band
from posterity.certificates.overview import looks, standings, stored
from posterity.figures import certificate_matrix, style
from posterity.tables.frames import Frames

FOLDER = Path(__file__).parents[2] / "resources" / "certificates"


def expected(sampler, prior, **bands):
    key = Key(sampler, "{}", prior, "inpaint", 16, "quick")
    named = {name.replace("__", "/"): Band(*ends) for name, ends in bands.items()}
    return {key: Expectation(5, False, named)}


MADE = {
    **expected("exact", "mixture", sliced_wasserstein=(0.9, 1.1), spread__overall=(0.9, 1.1), modes__tv=(0, 0.1)),
    **expected("exact", "kernel", sliced_wasserstein=(0.4, 0.6), spread__overall=(0.9, 1.1)),
    **expected("near", "mixture", sliced_wasserstein=(1.0, 1.4), spread__overall=(0.4, 0.6), modes__tv=(0, 0.3)),
    **expected("near", "kernel", sliced_wasserstein=(1.3, 1.5), spread__overall=(1.0, 1.2)),
    **expected("alone", "other", sliced_wasserstein=(1, 2)),
}


def test_bands_apart_from_those_of_exact_draws_are_caught():
    found = {(one.sampler, one.statistic): (one.caught, one.cases) for one in looks(MADE)}
    assert found["near", "sliced_wasserstein"] == (1, 2) and found["near", "spread"] == (1, 2)
    assert found["near", "modes"] == (0, 1), "overlapping bands are no difference, and one prior has no modes"
    assert found["exact", "spread"] == (0, 2) and found["alone", "spread"] == (0, 0), "blind without exact draws"


def test_samplers_stand_by_their_distance_in_floors():
    one, two = standings(MADE, "inpaint", ("mixture", "kernel"))
    assert (one.sampler, two.sampler) == ("exact", "near") and one.distance == pytest.approx(1)
    assert two.distances == pytest.approx({"mixture": 1.2, "kernel": 2.8})
    assert two.distance == pytest.approx((1.2 * 2.8) ** 0.5) and two.spread["mixture"] == pytest.approx(0.5)
    assert standings(MADE, "inpaint", ("other",)) == [], "no floor, no place"


def test_what_is_stored_is_read_and_exact_draws_are_never_caught():
    found = looks(stored(FOLDER))
    samplers = {one.sampler for one in found}
    assert {"ddnm", "dps", "exact"} <= samplers
    assert not [one for one in found if one.sampler == "exact" and one.caught]
    assert all(one.caught <= one.cases for one in found) and any(one.caught for one in found)


def test_the_picture_of_certificates_tells_caught_passed_and_blind(tmp_path):
    def row(sampler, statistic, verdict, **more):
        key = {"sampler": sampler, "prior": "mixture", "task": "inpaint", "statistic": statistic, "part": ""}
        return key | {"value": 1.0, "decides": True, "verdict": verdict} | more

    rows = [row("dps", "spread", "approximate"), row("dps", "spread", "exact", task="denoise")]
    rows += [row("dps", "modes", "reported", decides=False)]
    rows += [row("exact", "spread", "exact"), row("exact", "modes", "open")]
    store.write(tmp_path / "c.parquet", "certificates", rows, {})
    drawn = certificate_matrix.draw(Frames([tmp_path / "c.parquet"], "test"), {})
    assert [tuple(one.values()) for one in drawn.data] == [
        ("dps", "modes", 0, 0), ("dps", "spread", 1, 2), ("exact", "modes", 0, 1), ("exact", "spread", 0, 1)
    ]  # fmt: skip
    words = [text.get_text() for text in drawn.figure.axes[0].texts]
    assert words == ["–", "✕ 1/2", "✓", "✓"]


def test_without_any_certificate_the_picture_is_empty(tmp_path):
    row = {"sampler": "a", "prior": "p", "task": "t", "statistic": None, "part": "", "value": None, "overall": "n/a"}
    store.write(tmp_path / "c.parquet", "certificates", [row], {})
    with style.look():
        drawn = certificate_matrix.draw(Frames([tmp_path / "c.parquet"], "test"), {})
        _, png = style.save(drawn, certificate_matrix.TITLE)
    assert drawn.data == [] and png.startswith(b"\x89PNG")
