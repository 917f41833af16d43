"""What the explorer's page holds, and what is refused; tests/browser tries the page."""

import json
import re

import pytest
import torch

from posterity.artifacts import images, store
from posterity.errors import PosterityError
from posterity.priors.kernel import Kernel
from posterity.report import explorer
from posterity.stages import explorer as stage


def prior(shape, count=3):
    return Kernel(torch.rand(count, *shape, dtype=torch.float64) * 2 - 1, torch.ones(count), 0.1)


@pytest.mark.parametrize("shape", [(2, 8, 8), (1, 8, 12), (1, 6, 6), (8, 64)])
def test_images_that_it_cannot_show_are_refused(shape):
    with pytest.raises(PosterityError, match=re.escape(f"not {shape}")):
        explorer.page("t", prior(shape), [("a", torch.zeros(shape))], {})


def test_nothing_to_show_and_too_much_to_hold_are_refused(monkeypatch):
    with pytest.raises(PosterityError, match="no picture to show"):
        explorer.page("t", prior((1, 8, 8)), [], {})
    monkeypatch.setattr(explorer, "LARGEST", 100)
    with pytest.raises(PosterityError, match="192 bytes of pictures, the explorer takes 100"):
        explorer.page("t", prior((1, 8, 8)), [("a", torch.zeros(1, 8, 8))], {})


def test_the_stage_shows_one_test_item_of_each_subject_and_knows_the_mirror_images(tmp_path):
    rows = [
        {"dataset": "d", "item": f"i{k}", "name": f"</script>{k}", "group": "g", "subject": f"s{k // 2}",
         "split": "test" if k < 4 else "prior", "attributes": [], "signal": images.encode(torch.rand(1, 8, 8) * 2 - 1)}
        for k in range(8)
    ]  # fmt: skip
    store.write(tmp_path / "items.parquet", "items", rows, {"settings": {}})
    settings = {"title": "T", "dataset": "d", "items": 5}
    kernel = {"name": "k", "kind": "kernel", "bandwidth": 0.1, "split": "prior", "mirror": True}
    stage.run({**settings, "prior": kernel}, items=tmp_path / "items.parquet", output=tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text()
    (content,) = re.findall(r'<script type="application/json" id="content">(.*?)</script>', text, re.DOTALL)
    held = json.loads(content)
    assert [one["name"] for one in held["items"]] == ["</script>0", "</script>2"]
    assert len(held["logWeights"]) == 8 and sorted(n for n in held["names"] if n) == [
        f"</script>{k}" for k in range(4, 8)
    ]
    assert "measured are none of them" in text
    stage.run(
        {**settings, "prior": kernel | {"split": "all"}}, items=tmp_path / "items.parquet", output=tmp_path / "x.html"
    )
    assert "measured are among them" in (tmp_path / "x.html").read_text()
    with pytest.raises(PosterityError, match="needs a kernel prior of images"):
        gaussian = {"name": "g", "kind": "gaussian", "covariance": "dense"}
        stage.run({**settings, "prior": gaussian}, items=tmp_path / "items.parquet", output=tmp_path / "x.html")
