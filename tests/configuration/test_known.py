"""What the configuration knows about the library matches the library."""

import numpy as np
import pytest
import torch

from posterity.configuration import generated, known, shapes
from posterity.configuration.problems import Problems
from posterity.operators import build as operators
from posterity.operators import families
from posterity.priors.base import NoClosedForm


def test_generated_schemas_are_current():
    for name, text in generated.schemas().items():
        assert (generated.FOLDER / f"{name}.json").read_text() == text, "run: posterity schema --write"


def test_schemas_are_found_where_editors_look_for_them():
    from pathlib import Path

    assert Path(__file__).parents[2].joinpath("workflow", "schemas", "samplers.json").is_file()


TASKS = {
    "inpaint": {"box": [0.3, 0.2, 0.7, 0.6]},
    "sr": {"factor": 2},
    "pool": {"factor": 2},
    "blur": {"width": 1.0},
    "blur_truncated": {"width": [0.5, 1.5]},
    "motion_blur": {"size": 3, "intensity": 0.5},
    "jpeg": {"quality": 50},
    "phase": {"oversampling": 2},
    "hdr": {"factor": 2},
    "hadamard": {"ratio": 4},
    "dense": {"measured": 20},
}
SHAPE = (3, 16, 16)


WITHOUT_WEIGHTS = sorted(set(families.names()) - {"nonlinear_blur"})
"""Families that can be built here; the published blur needs a file."""


def operator(name):
    """An operator of the family, from a task that the configuration accepts."""
    task = {"operator": name, **TASKS.get(name, {})}
    problems = Problems()
    assert shapes.check(task, shapes.tasks()[name], "task", problems), problems
    task = shapes.defaults(shapes.tasks()[name]) | task
    return operators.build(task, SHAPE, operators.draw(task, SHAPE, np.random.default_rng(0)))


def test_operators_have_what_their_family_says():
    for name in WITHOUT_WEIGHTS:
        assert operator(name).has == known.has(name) - {"pixelwise"}


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_an_operator_that_is_pixelwise_acts_on_every_pixel_alone(name):
    """A changed pixel changes no other one of A(x), where A(x) has pixels."""
    if "pixelwise" in known.has(name):
        x = torch.zeros(1, *SHAPE, dtype=torch.float64)
        x[..., 3, 5] = 1.0
        changed = operator(name)(x).abs().sum(1)[0]
        changed[3, 5] = 0
        assert not changed.any()


def test_masks_are_those_that_can_be_made():
    from posterity.operators import lead_masks
    from posterity.operators.mask_shapes import FACE_PARTS, SHAPES

    inpaint = shapes.tasks()["inpaint"]["properties"]
    images = set(SHAPES) - {"face_part"} | {"regions", "objects", "face_parts"}
    assert set(inpaint) - {"operator", "sigma_y"} == images | set(lead_masks.SHAPES)
    assert set(shapes.schema("operators")["inpaint"]["one_of"]) == images | set(lead_masks.SHAPES)
    assert inpaint["missing_block"]["enum"] == list(lead_masks.HALVES)
    assert inpaint["face_parts"]["items"]["enum"] == list(FACE_PARTS)


def test_figures_of_answers_are_those_that_ask_for_them(tmp_path):
    """Without answers they refuse, and the others find something else to say or draw."""
    from posterity import figures
    from posterity.errors import PosterityError
    from posterity.tables.frames import Frames

    refused = set()
    for name in figures.names():
        try:
            figures.find(name).draw(Frames([], f"figure {name}"), {})
        except PosterityError as error:
            refused |= {name} if "needs responses" in str(error) or "needs questions" in str(error) else set()
        except Exception:  # some figures of problems in closed form have options to miss
            continue
    assert refused == set(known.ANSWERED)


def test_rules_are_those_of_the_workflow():
    import re
    from pathlib import Path

    root = Path(__file__).parents[2]
    text = "".join(p.read_text() for p in [root / "Snakefile", *(root / "rules").glob("*.smk")])
    found = re.findall(r"^rule (\w+):|^use rule \w+ as (\w+) with:", text, re.MULTILINE)
    assert {a or b for a, b in found} == set(known.RULES)


@pytest.mark.parametrize("kind", ["blocks", "gaussian", "kernel"])
def test_priors_have_the_closed_forms_that_the_table_says(kind):
    from posterity import priors

    pictures = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    labels = [{"split": "prior", "attributes": []} for _ in range(6)]
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[3:] = True
    settings = shapes.defaults(shapes.priors()[kind]) | {"name": kind, "kind": kind}
    settings |= {"regions": ["lower"]} if kind == "blocks" else {}
    prior = priors.build(settings, pictures, labels, {"lower": mask}, SHAPE)
    for name in WITHOUT_WEIGHTS:
        op = operator(name)
        y = op(pictures[:1])
        try:
            prior.posterior(op, y, 0.1)
            found = True
        except NoClosedForm:
            found = False
        assert found == (name in known.closed_form({"kind": kind})), name


@pytest.mark.parametrize("kind", ["kernel", "gaussian"])
def test_a_latent_prior_has_a_closed_form_for_every_linear_operator(kind):
    from posterity import priors

    pictures = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    labels = [{"split": "prior", "attributes": []} for _ in range(6)]
    coder = {"kind": "patch_pca", "patch": 8, "components": 2}
    settings = shapes.defaults(shapes.priors()[kind]) | {"kind": kind, "autoencoder": coder}
    prior = priors.build(settings, pictures, labels, {}, SHAPE)
    for name in WITHOUT_WEIGHTS:
        op = operator(name)
        try:
            prior.posterior(op, op(pictures[:1]), 0.1)
            found = True
        except NoClosedForm:
            found = False
        assert found == (name in known.closed_form({"kind": kind, "autoencoder": "mine"})), name


@pytest.mark.parametrize("sigma_y", [0.0, 0.1])
def test_what_a_latent_prior_lacks_is_what_samplers_refuse(sigma_y):
    """Each sampler runs for two steps; `check` refuses exactly those whose run fails."""
    from posterity import priors, samplers
    from posterity.diffusion.noise import Noise
    from posterity.samplers.base import Problem

    pictures = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    labels = [{"split": "prior", "attributes": []} for _ in range(6)]
    coder = {"kind": "patch_pca", "patch": 8, "components": 2}
    prior = priors.build({"kind": "kernel", "autoencoder": coder}, pictures, labels, {}, SHAPE)
    op = operator("inpaint")
    for name in samplers.names():
        cls = samplers.find(name)
        told = known.lacking(
            cls.needs, {"operator": "inpaint", "sigma_y": sigma_y}, {"kind": "kernel", "autoencoder": "mine"}
        )
        if told is None:
            few = {"steps": 12} if "steps" in cls.__dataclass_fields__ else {}
            problem = Problem(prior, op, op(pictures[:1]), sigma_y, torch.zeros(1, dtype=torch.long))
            drawn = cls(**{**cls.quick, **few}).sample(problem, Noise(0, ["a"], [0]))
            assert drawn.x.shape == (1, *SHAPE) and drawn.state.shape == (1, 2, 2, 2), name
        elif cls.needs & {"mask", "pinv", "svd"} and "restorer" not in cls.needs:
            assert "a prior of signals (after a decoder no operator has a mask, pseudo-inverse or SVD)" in told, name
        else:
            assert (sigma_y == 0 and "noisy" in told) or "restorer" in told, (name, told)


def test_lacking_says_what_is_missing():
    task, prior = {"operator": "sr", "sigma_y": 0.1}, {"kind": "kernel"}
    assert known.lacking({"svd", "posterior"}, task, prior) is None
    told = known.lacking({"mask", "noiseless"}, task, prior)
    assert told == "an inpainting task and a noiseless task (sigma_y = 0)"
    assert known.lacking({"latent"}, task, prior) == "a latent prior"
