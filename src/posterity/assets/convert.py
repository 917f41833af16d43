"""Converts downloaded files to the formats that the library reads, without executing foreign code."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from posterity.errors import PosterityError

__all__ = ["CONVERSIONS", "arrays", "convert"]

_VGG16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Position of each of VGG-16's 13 convolutions in torchvision's ``features``."""


class _ArraysOnly(pickle.Unpickler):
    """An unpickler of dicts, lists, numbers, texts and numpy arrays; it refuses all other types."""

    def find_class(self, module: str, name: str) -> Any:
        import numpy as np
        from numpy._core import multiarray

        admitted = {
            ("multiarray", "_reconstruct"): multiarray._reconstruct,  # type: ignore[attr-defined]
            ("multiarray", "scalar"): multiarray.scalar,  # type: ignore[attr-defined]
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        short = module.removeprefix("numpy.core.").removeprefix("numpy._core.")
        if (short, name) not in admitted:
            raise pickle.UnpicklingError(f"it names {module}.{name}, and only numpy arrays are allowed")
        return admitted[short, name]


def arrays(file: BinaryIO) -> Any:
    """Unpickle nested dicts of numpy arrays; raise PosterityError if the pickle holds anything else."""
    try:
        return _ArraysOnly(file).load()
    except Exception as error:  # a damaged pickle can raise almost anything
        raise PosterityError(f"the pickle is refused: {error}") from error


def vgg16(source: Path, target: Path) -> None:
    """Convert kernels (kh, kw, in, out) in layer order to torchvision's ``features.N.weight`` (out, in, kh, kw)."""
    import numpy as np
    from safetensors.numpy import save_file

    with source.open("rb") as file:
        tree = arrays(file)
    out = {}
    for i, position in enumerate(_VGG16):
        layer = tree["VGG16_0"][f"Conv_{i}"]
        out[f"features.{position}.weight"] = np.ascontiguousarray(np.transpose(layer["kernel"], (3, 2, 0, 1)))
        out[f"features.{position}.bias"] = np.ascontiguousarray(layer["bias"])
    save_file(out, target)


def niqe(source: Path, target: Path) -> None:
    """Write the mean and covariance of pristine images under the names that MATLAB's release and `pyiqa` use."""
    import numpy as np
    from scipy.io import savemat

    with np.load(source, allow_pickle=False) as found:
        content = {"mu_prisparam": found["mu_pris_param"], "cov_prisparam": found["cov_pris_param"]}
    with target.open("wb") as file:
        savemat(file, content)
        file.seek(0)  # the header's text contains the date, which would change the bytes from day to day
        file.write(b"MATLAB 5.0 MAT-file".ljust(116))


CONVERSIONS: dict[str, Callable[[Path, Path], None]] = {"vgg16": vgg16, "niqe": niqe}
"""The conversions that an asset may name."""


def convert(rule: str, source: Path, target: Path) -> None:
    """Apply a conversion by its name, writing ``target`` in place."""
    try:
        CONVERSIONS[rule](source, target)
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise PosterityError(f"conversion {rule!r} does not find the expected content ({error})") from error
