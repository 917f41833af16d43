"""Feature distance against the similarity perceived by respondents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from posterity.figures import _study, style
from posterity.tables.frames import KEYS, Frames
from posterity.tables.pools import attributes, pools

__all__ = ["NEEDS", "SECTION", "TITLE", "draw"]

NEEDS = ("study_of_coverage",)
SECTION = "study"
TITLE = "Distance of features against perceived similarity"
Points = dict[str, list[tuple[float, float]]]


def draw(frames: Frames, settings: Mapping[str, Any]) -> style.Drawn:
    """Draw one panel per kind of features and one point per coverage question."""
    from scipy.stats import pearsonr, spearmanr

    asked, given, simulated = _study.answers(frames)
    points = _points(frames, asked, given)
    if not points:
        raise frames.missing("responses", none="to coverage questions beside the samples that they show")
    figure, axes = style.canvas(2.5 * len(points), 2.5, 1, len(points), sharey=True)
    for ax, (kind, pairs) in zip(axes, points.items(), strict=True):
        x, y = np.array(pairs).T
        ax.scatter(x, y, s=9, c=style.COLOURS["blue"], alpha=0.6, linewidths=0)
        constant = len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0
        pearson, spearman = (np.nan, np.nan) if constant else (pearsonr(x, y)[0], spearmanr(x, y)[0])
        ax.set_title(f"{kind}\nPearson {pearson:.2f}, Spearman {spearman:.2f}", linespacing=1.4)
        ax.set(xlabel="distance to the nearest shown", ylim=(-4, 104))
    axes[0].set_ylabel("% who saw a similar image")
    caption = "One point per coverage question; a good distance correlates strongly and negatively. " + _study.label(
        figure, simulated
    )
    return style.Drawn(figure, caption)


def _points(frames: Frames, asked: list[dict[str, Any]], given: list[dict[str, Any]]) -> Points:
    """Return {kind of features: (distance from the target to the nearest shown image, % yes) per question}."""
    from posterity.features.pca import pca

    said = defaultdict(list)
    for response in given:
        said[response["question"]].append(response["answer"] == "yes")
    by_run = defaultdict(list)
    for question in asked:
        if question["study"] == "coverage" and not question["practice"] and said[question["question"]]:
            by_run[tuple(question[k] for k in KEYS)].append(question)
    out: Points = {}
    models = {dataset: attributes(frames, dataset) for dataset in {run[0] for run in by_run}}
    for run, questions in sorted(by_run.items()):
        key = dict(zip(KEYS, run, strict=True))
        if not frames.of("samples", **key):
            continue
        found = {p.item: p for p in pools(frames, key, models[key["dataset"]])}
        components = {item: pca(pool.features["pixels"]) for item, pool in found.items()}
        for q in questions:
            pool = found[q["item"]]
            place = {s: i for i, s in enumerate(pool.samples)}
            target, shown = place[int(q["target_sample"])], [place[int(s)] for s in q["left_samples"]]
            kinds = {"pixels": pool.features["pixels"], "pixels, 25 components": components[q["item"]]}
            kinds |= {k: v for k, v in pool.features.items() if k == "attributes"}
            for kind, x in kinds.items():
                nearest = float(np.linalg.norm(x[shown] - x[target], axis=1).min())
                out.setdefault(kind, []).append((nearest, 100 * float(np.mean(said[q["question"]]))))
    return out
