"""Read the networks that EDM and MAT published as pickles, without running any code in them.

Such a pickle holds each module's source code and state. The code is ignored; parameters and buffers are taken from
the state. Any other name than those of tensors and containers is refused.
"""

from __future__ import annotations

import collections
import io
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posterity.errors import PosterityError

__all__ = ["CALLBACKS", "read"]


class _Module:
    """Stand-in for any module: a plain object with its attributes."""


CALLBACKS: list[Any] = [
    (_Module, f"{package}.callbacks.{name}")
    for package in ("pytorch_lightning", "lightning.pytorch")
    for name in ("model_checkpoint.ModelCheckpoint", "early_stopping.EarlyStopping")
]
"""Classes by whose names Lightning keeps the state of callbacks in its checkpoints: a plain object stands for each."""


class _Mapping(dict):  # type: ignore[type-arg]
    """Stand-in for their dict with attribute access."""


def _module(meta: dict[str, Any]) -> _Module:
    found = _Module()
    found.__dict__.update(meta["state"])
    return found


def _storage(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


_ADMITTED: dict[tuple[str, str], Any] = {
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _module,
    ("dnnlib.util", "EasyDict"): _Mapping,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,  # type: ignore[attr-defined]
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,  # type: ignore[attr-defined]
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("builtins", "set"): set,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("torch.nn.modules."):
            return _Module
        if (module, name) in _ADMITTED:
            return _ADMITTED[module, name]
        # scale factors of the initialisation
        if name in ("scalar", "dtype") and module.split(".")[0] == "numpy":
            import numpy as np

            return np.dtype if name == "dtype" else np._core.multiarray.scalar  # type: ignore[attr-defined]
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def read(path: Path) -> dict[str, Tensor]:
    """Return the state dict of the averaged (EMA) network in ``path``, {name: tensor}."""
    try:
        with path.open("rb") as file:
            content = _Unpickler(file).load()
    except Exception as error:  # a broken pickle can raise almost anything
        reason = " ".join(str(error).split())[:120]
        raise PosterityError(f"{path} is refused, it is not a pickled network of EDM or MAT ({reason})") from error
    names = ("ema", "G_ema")
    found = next((content[n] for n in names if n in content), None) if isinstance(content, dict) else None
    if not isinstance(found, _Module):
        raise PosterityError(f"{path} is refused, it is not a pickled network of EDM or MAT (it has no 'ema')")
    return dict(_tensors(found, ""))


def _tensors(module: Any, prefix: str) -> Any:
    """Yield (name, tensor) of all parameters and buffers of the module."""
    own = vars(module)
    for part in ("_parameters", "_buffers"):
        for name, value in own.get(part, {}).items():
            if isinstance(value, Tensor):
                yield prefix + name, value.detach()
    for name, child in own.get("_modules", {}).items():
        if child is not None:
            yield from _tensors(child, f"{prefix}{name}.")
