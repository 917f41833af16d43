"""External files: declared in ``resources/assets.yaml``, fetched once, verified, kept under ``data/assets``."""

from __future__ import annotations

from pathlib import Path

from posterity.artifacts.identity import use
from posterity.assets import checksum
from posterity.assets.declared import DECLARED, Asset, load, parse
from posterity.errors import PosterityError

__all__ = ["DECLARED", "Asset", "anycost", "inception", "load", "niqe", "parse", "vgg16"]


def _present(root: Path, name: str, file: str) -> Path:
    path = Path(root) / name / file
    if not path.is_file():
        raise PosterityError(f"asset {name!r} is not at {path}; run `posterity fetch {name}`")
    checksum.verify(path)
    use(path)
    return path


def vgg16(root: Path) -> Path:
    """Return the path of VGG-16's convolutions: safetensors with ``features.N.weight`` and ``.bias``."""
    return _present(root, "vgg16", "vgg16.safetensors")


def niqe(root: Path) -> Path:
    """Return the path of NIQE's model: .mat with ``mu_prisparam`` (1, 36) and ``cov_prisparam`` (36, 36)."""
    return _present(root, "niqe", "niqe.mat")


def anycost(root: Path) -> Path:
    """Return the path of AnyCost-GAN's attribute predictor, as published."""
    return _present(root, "anycost", "attribute_predictor.pt")


def inception(root: Path) -> Path | None:
    """Return the path of FID's Inception-v3, a file of tensors; None if it was not fetched."""
    path = Path(root) / "inception" / "pt_inception-2015-12-05-6726825d.pth"
    return _present(root, "inception", path.name) if path.is_file() else None
