"""Resolves a sampler given by a name, an object or a file, and wraps it as requested."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from posterity import wrappers
from posterity.capabilities import capabilities, in_words, missing
from posterity.certificates.foreign import Foreign
from posterity.configuration.samplers import settle
from posterity.errors import PosterityError
from posterity.front.home import home
from posterity.front.measuring import Measurement
from posterity.priors.base import NoClosedForm, Prior
from posterity.samplers.base import Sampler
from posterity.stages import _user_file
from posterity.stages._settings import built
from posterity.stages.sample import built_sampler

__all__ = ["Chosen", "chosen", "lacking", "own"]

Guidance = float | Mapping[str, Any]


@dataclass(frozen=True)
class Chosen:
    """A sampler, and the settings that reproduce it.

    Arguments:
        sampler: the sampler, inside its wrappers.
        name: display name.
        settings: {name, method, settings, wrap}, as in the sampling stage; a user's own sampler has no settings.
    """

    sampler: Sampler
    name: str
    settings: Mapping[str, Any]


def chosen(
    given: str | Path | Sampler | type[Sampler] | Callable[..., Any], *, prior: str, task: str, samples: int,
    guidance: Guidance | None = None, coupled: bool | int = False,
) -> Chosen:  # fmt: skip
    """Return the sampler that ``given`` denotes.

    Arguments:
        given: a name in the configuration, with its settings for this prior and task; a sampler or its
            class; a function ``restore(denoise, A, y, sigma_y, noise)``; a Python file with one of these.
        prior, task: names that settings may depend on.
        samples: pool size.
        guidance: strength of diversity guidance, or its settings; None leaves the sampler as it is.
        coupled: couples the noise negatively in sets of this many samples; True for one set of all.
    """
    if isinstance(given, str) and not given.endswith(".py"):
        named = home().sampler(given)
        settings = settle(named, prior, task, "")
        reach = settle(replace(named, guided=True, variant=None), prior, task, "") if guidance is not None else settings
        settings["wrap"] = _around(settings["wrap"], reach["wrap"], guidance, coupled, samples)
        return Chosen(built_sampler(settings), given, settings)
    bare, name = own(given)
    wrap = _around([], [], guidance, coupled, samples)
    around = [
        built(wrappers.find(kind), given, f"sampler {name}, {kind}") for one in wrap for kind, given in one.items()
    ]
    whole = wrappers.Wrapped(bare, tuple(around)) if around else bare
    return Chosen(whole, name, {"name": name, "method": name, "settings": {}, "wrap": wrap})


def own(given: Any) -> tuple[Sampler, str]:
    """Return a user's own sampler and its name.

    Raises:
        PosterityError: if it is not a sampler.
    """
    if isinstance(given, str | Path):
        found, name = _user_file.load(Path(given).expanduser()), Path(given).stem
        return (found if isinstance(found, Foreign) else found()), name
    if isinstance(given, Sampler):
        return given, type(given).__name__.lower()
    if isinstance(given, type) and issubclass(given, Sampler):
        try:
            return given(), given.__name__.lower()
        except Exception as error:
            raise PosterityError(
                f"sampler {given.__name__}: {' '.join(str(error).split())}; pass an instance"
            ) from error
    if inspect.isfunction(given):
        return _user_file.foreign(given, "sampler"), given.__name__
    raise PosterityError(
        f"a {type(given).__name__} is not a sampler; give a name, a Sampler, a function "
        "restore(denoise, A, y, sigma_y, noise), or a Python file"
    )


def lacking(sampler: Sampler, name: str, prior: Prior, measurement: Measurement) -> str | None:
    """Return in one line why a sampler cannot restore a measurement; None if it can."""
    operator, sigma_y = measurement.operator, measurement.sigma_y
    of_prior = {"latent"} if prior.latent else set()
    if "posterior" in sampler.needs:
        try:
            prior.posterior(operator, measurement.y.to(prior.dtype), sigma_y)
            of_prior.add("posterior")
        except NoClosedForm:
            pass
    lack = missing(sampler.needs, capabilities(of_prior, operator.has, sigma_y))
    if not lack:
        return None
    about = f"task {measurement.task or operator} with prior {prior.name}"
    return f"sampler {name}: needs {in_words(lack)}, which {about} lacks"


def _around(
    wrap: list[dict[str, Any]], guided: list[dict[str, Any]], guidance: Guidance | None, coupled: bool | int,
    samples: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return a sampler's wrappers with the requested ones added; ``guided`` are those of its guided partner."""
    out = [one for one in wrap if "diversity" not in one] if guidance is not None else list(wrap)
    if guidance is not None:
        reach: dict[str, Any] = next((one["diversity"] for one in guided if "diversity" in one), {})
        given = guidance if isinstance(guidance, Mapping) else {**reach, "eta": guidance}
        out.append({"diversity": dict(given)})
    if coupled is not False:
        out.append({"coupled_noise": {"group": samples if coupled is True else coupled}})
    return out
