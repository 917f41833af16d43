"""A small made-up experiment on disk: what the stages before tables and figures would have left."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from posterity.artifacts import images, store
from posterity.operators.families.spatial_blur import SpatiallyBlurred

ITEMS = ("a", "b", "c")
POOL, SHOWN, SIDE = 24, 5, 16
SAMPLERS = (
    "exact",
    "exact_again",
    "ddnm",
    "ddnm_guided",
    "dps",
    "dps_guided",
    "dps_eta2",
    "dps_reach2",
    "dps_vanilla_free",
)
RULES = ("random", "kmeans", "uniformization", "fps")
TASKS = {
    "inpaint_face": {"operator": "inpaint", "regions": ["eyes_large", "mouth_large"]},
    "sr16": {"operator": "sr", "factor": 16},
    "inpaint_box": {"operator": "inpaint", "box": [0.25, 0.25, 0.75, 0.75]},
}
GUIDANCE = {
    "ddnm_guided": {"eta": 0.9, "threshold": 0.0015},
    "dps_guided": {"eta": 0.5, "threshold": 0.003},
    "dps_eta2": {"eta": 0.8, "threshold": 0.003},
    "dps_reach2": {"eta": 0.5, "threshold": None},
}


def made(root: Path) -> dict[str, list[Path]]:
    """Kind → files. Guided samplers are more diverse by 0.05 on every item, DPS is worse by 0.1 in TV.

    A quarter of guided DDNM's draws show an answer that the posterior does not have.
    """
    files: dict[str, list[Path]] = {}

    def write(kind, name, rows, settings=None):
        path = root / kind / f"{name}.parquet"
        store.write(path, kind, rows, {"settings": settings or {}})
        files.setdefault(kind, []).append(path)

    for dataset, task in (("faces", "inpaint_face"), ("faces", "sr16"), ("animals", "inpaint_box")):
        measurement = {"dataset": dataset, "task": task}
        keep = torch.ones(1, SIDE, SIDE)
        keep[:, 4:12, 4:12] = 0
        truths = {
            i: torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(n)) * 2 - 1
            for n, i in enumerate(ITEMS)
        }
        write("measurements", f"{dataset}-{task}", [
            measurement | {"item": i, "sigma_y": 0.0, "parameters": save({"keep": keep}) if "inpaint" in task else None,
                           "signal_kind": "image", "signal_shape": list(x.shape),
                           "truth": images.encode(x), "display": images.encode(x * keep)} for i, x in truths.items()
        ], {"task": {"name": task, **TASKS[task]}})  # fmt: skip
        write("posterior", f"{dataset}-{task}", [
            measurement | {"item": i, "prior": "kernel", "mode": m, "probability": p}
            for i in ITEMS for m, p in ((0, 0.7), (1, 0.3))
        ])  # fmt: skip
        for sampler in SAMPLERS:
            if task == "inpaint_box" and sampler.startswith("ddnm"):
                continue
            method = sampler.split("_")[0]
            wrap = [{"diversity": GUIDANCE[sampler]}] if sampler in GUIDANCE else []
            run = measurement | {"prior": "kernel", "sampler": sampler}
            drawn_by = run | {"method": method, "wrappers": "diversity" if wrap else ""}
            name = f"{dataset}-{task}-{sampler}"
            by = {"stream": 1} if sampler == "exact_again" else {}
            settings = {"sampler": {"name": sampler, "method": method, "settings": by, "wrap": wrap}}
            write("samples", name, _samples(drawn_by, truths, keep, sampler), settings)
            write("metrics", name, _metrics(drawn_by, sampler))
            write("subsets", name, [
                run | {"item": i, "subset": s, "rank": r, "sample": (r * (k + 1)) % POOL}
                for i in ITEMS for k, s in enumerate(RULES) for r in range(SHOWN)
            ])  # fmt: skip
    write("items", "faces", [
        {"dataset": "faces", "item": f"p{n}", "name": f"p{n}", "group": "g", "split": "prior",
         "attributes": ["open"] if n % 2 else ["shut"],
         "signal": images.encode(torch.full((3, SIDE, SIDE), 0.5 - (n % 2)) + 0.01 * n)} for n in range(12)
    ])  # fmt: skip
    _study(files, write)
    _distances(write)
    return files


def _distances(write):
    """Two dimensions; DPS is 1 further away than MGPS on every instance; the best midpoint is 0.5, half of 1's."""
    for dim in (20, 200):
        key = {"prior": "mixture", "dim": dim, "statistic": "sliced_wasserstein", "forwards": 100, "backwards": 0}

        def job(name, method, runs, dim=dim, key=key):
            rows = [
                key | {"sampler": name, "method": method, "settings": json.dumps(settings), "instance": i,
                       "value": value + 0.1 * i, "diverged": 0.5 * (name == "dps" and i == 0), "seconds": 1.0}
                for settings, value in runs for i in range(5)
            ]  # fmt: skip
            made = {"runs": [{"method": method, "settings": settings} for settings, _ in runs]}
            write("distances", f"{dim}-{name}", rows, made)

        for name, value in {"exact": 0.3, "exact_score": 0.5, "mgps": 2.0, "dps": 3.0, "prior": 8.0}.items():
            job(name, name, [({}, value)])
        etas = {0.25: 5.8, 0.5: 1.8, 1.0: 3.8}
        job("mgps_midpoint", "mgps", [({"eta": e, "late_eta": e, "steps": 9}, v) for e, v in etas.items()])
        job("mgps_fits", "mgps", [({"every_fits": m}, 4.0 / m) for m in (1, 2, 8)])


def _study(files, write):
    """Questions about the made pools, and the simulated respondent's answers."""
    from posterity.stages.study import _read
    from posterity.study.design import parse, questions
    from posterity.study.simulate import respond

    faces = [p for p in files["samples"] + files["subsets"] if p.stem.startswith("faces-inpaint_face-ddnm")]
    where = {"sampler": "ddnm"}
    asked = [
        {"study": "paired_diversity", "approach": a} | where for a in ("kmeans", "uniformization", "fps", "guided")
    ]
    asked += [{"study": "coverage", "approach": a} | where for a in RULES]
    asked += [{"study": "paired_quality", "approach": "guided"} | where]
    design = parse({"experiment": "e", "comparisons": asked})
    pools, chosen = _read(faces)
    rows = questions(pools, chosen, design)
    write("questions", "questions", rows)
    write("responses", "simulated", respond(rows, pools, 4, 0))


def _samples(run, truths, keep, sampler):
    rows = []
    for n, (item, x) in enumerate(truths.items()):
        rng = np.random.default_rng([n, SAMPLERS.index(sampler)])
        for s in range(POOL):
            shift = float(rng.standard_t(3)) * 0.2
            wrong = sampler == "ddnm_guided" and s % 4 == 0
            picture = x * keep + (1 - keep) * (x + shift).clamp(-1, 1)
            rows.append(run | {
                "item": item, "sample": s, "signal": images.encode(picture), "lr_psnr": 60.0, "residual_rms": 0.001,
                "mode": 7 if wrong else int(shift > 0.1), "forwards": 100 if sampler.startswith("ddnm") else 250,
                "backwards": 250 if sampler.startswith("dps") else 0, "decodes": 0,
                "seconds": 2.0 if sampler.startswith("ddnm") else 5.0, "peak_bytes": 1 << 20,
            })  # fmt: skip
    return rows


def _metrics(run, sampler):
    rows = []
    for n, item in enumerate(ITEMS):
        diversity = 0.1 + 0.01 * n + (0.05 if sampler in GUIDANCE else 0.0)
        tv = 0.05 + 0.01 * n + (0.1 if sampler.startswith("dps") else 0.0)

        def add(metric, value, item=item, subset=None, sample=None, reason=None):
            about = {
                "item": item,
                "subset": subset,
                "sample": sample,
                "metric": metric,
                "value": value,
                "reason": reason,
            }
            rows.append(run | about)

        for s in range(SHOWN):
            add("psnr", 20.0 + n + s, sample=s)
            add("ssim", 0.8, sample=s)
            add("lpips", 0.2, sample=s)
            add("niqe", None, sample=s, reason="N/A: NIQE needs blocks of 96 px, the image is 16×16")
            add("lr_psnr", 40.0 if sampler == "dps" else 60.0 + n, sample=s)
            add("residual_rms", 0.001, sample=s)
        add("diversity", diversity)
        add("modes_shown", 0.5)
        add("tv", tv)
        add("sliced_wasserstein", tv / 10)
        for k, rule in enumerate(RULES):
            add("diversity", diversity + 0.02 * k, subset=rule)
            add("coverage", 0.6 - 0.1 * k, subset=rule)
            add("modes_shown", 0.5 + 0.1 * k, subset=rule)
    return rows


def problems(root: Path) -> list[Path]:
    """Two of the ten inverse problems of 3 items: averages by three samplers, phase retrieval by one.

    LPIPS of sample s is 0.2 + 0.1 s and PSNR 20 + s, but the residual is least in the last sample.
    """
    files: list[Path] = []

    def write(kind, name, rows, settings):
        files.append(root / kind / f"{name}.parquet")
        store.write(files[-1], kind, rows, {"settings": settings})

    truth = images.encode(torch.linspace(-1, 1, 3 * SIDE**2).reshape(3, SIDE, SIDE))
    tasks = {"pool4": {"operator": "pool", "factor": 4}, "phase": {"operator": "phase", "oversampling": 2}}
    tasks["deblur_spatial"] = {"operator": "spatial_blur"}
    drawn = SpatiallyBlurred().draw((3, SIDE, SIDE), np.random.default_rng(0))
    for task, about in tasks.items():
        key = {"dataset": "faces", "task": task}
        write("measurements", task, [
            key | {"item": i, "sigma_y": 0.05, "y_shape": [3], "truth": truth, "display": truth,
                   "parameters": save(drawn) if task == "deblur_spatial" else None,
                   "signal_shape": [3, SIDE, SIDE]} for i in ITEMS
        ], {"task": {"name": task, "sigma_y": 0.05, **about}})  # fmt: skip
        for n, sampler in enumerate(("exact", "ddnm", "mgps") if task == "pool4" else ("mgps",)):
            run = key | {"prior": "kernel", "sampler": sampler, "method": sampler, "wrappers": ""}
            about_run = {"sampler": {"method": sampler}}
            samples = [
                run | {"item": i, "sample": s, "signal": images.encode(torch.full((3, SIDE, SIDE), s / 2 - n / 3))}
                for i in ITEMS for s in range(3)
            ]  # fmt: skip
            write("samples", f"{task}-{sampler}", samples, about_run)
            values = {"lpips": lambda s: 0.2 + 0.1 * s, "psnr": lambda s: 20.0 + s, "ssim": lambda _: 0.5}
            values["residual_rms"] = lambda s: 0.05 * (3 - s)
            rows = [
                run | {"item": i, "sample": s, "metric": m, "value": v(s)}
                for m, v in values.items() for i in ITEMS for s in range(3)
            ]  # fmt: skip
            rows.append(run | {"item": None, "metric": "fid", "value": None, "reason": "N/A: no Inception weights"})
            write("metrics", f"{task}-{sampler}", rows, about_run)
    return files
