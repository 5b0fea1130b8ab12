"""Builds the PyTorch model that a name stands for, and reads weights for it."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from accel_sim.errors import WorkloadError
from compress.pretrained import is_pretrained, prepare_for_pretrained, pretrained_tensors

__all__ = ["ModelSource", "initialised_model", "load_model", "load_state_dict", "read_state_dict", "trained_model"]


@dataclass(frozen=True)
class ModelSource:
    """A model and the shape ``(channels, height, width)`` of its input, where that is known."""

    model: nn.Module
    input_shape: tuple[int, ...] | None


def load_model(spec: str) -> ModelSource:
    """Build ``torchvision:NAME`` (without data: parameters on ``meta``) or ``module:callable``.

    Raises:
        WorkloadError: no such model, module or callable, or what it returns is no module.
    """
    kind, _, name = spec.partition(":")
    return _torchvision(spec, name, _ParametersOnMeta()) if kind == "torchvision" else _callable(spec, kind, name)


def initialised_model(spec: str, seed: int) -> ModelSource:
    """Build a model as :func:`load_model` does, with data in its parameters: as it initialises itself.

    Args:
        seed: of the initialisation; PyTorch's own random state is left as it was.

    Raises:
        WorkloadError: no such model, module or callable, or what it returns is no module.
    """
    kind, _, name = spec.partition(":")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "torchvision":
            return _torchvision(spec, name, contextlib.nullcontext())
        return _callable(spec, kind, name)


def trained_model(spec: str, weights: Path | None, seed: int) -> ModelSource:
    """A model in evaluation mode with its weights, as compression wants it.

    Args:
        spec: ``torchvision:NAME`` or ``module:callable``.
        weights: as for :func:`read_state_dict`; the initialisation of ``seed`` if left out.

    Raises:
        WorkloadError: no PyTorch model, or the weights do not fit it.
        RunError: published weights that cannot be fetched.
    """
    kind, _, name = spec.partition(":")
    if not name or kind == "gemm":
        raise WorkloadError(
            f"{spec}: PyTorch models only can be compressed; allowed: torchvision:NAME, module:callable"
        )
    source = initialised_model(spec, seed)
    if weights is not None:
        load_state_dict(weights, source.model, spec)
    source.model.eval()
    return source


class _ParametersOnMeta(TorchFunctionMode):
    """Puts what ``torch.empty`` allocates, hence every large parameter, on ``meta``.

    The device context of PyTorch would move everything, and torchvision's RegNet computes widths with tensors.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        changed = {"device": "meta"} if func is torch.empty else {}
        return func(*args, **{**(kwargs or {}), **changed})


def _torchvision(spec: str, name: str, building: contextlib.AbstractContextManager[Any]) -> ModelSource:
    try:
        from torchvision import models
    except ImportError as error:
        raise WorkloadError(f"{spec}: torchvision is needed; pip install 'bitgrove[torch]'") from error
    known = models.list_models(module=models)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"{len(known)} are known, e.g. resnet50"
        raise WorkloadError(f"{spec}: torchvision has no classification model {name!r}; {hint}")
    # these two initialise every weight by sampling unless told not to
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with building:
        model = models.get_model(name, weights=None, **options)
    if any(parameter.is_meta for parameter in model.parameters()):
        model = model.to("meta")
    # a vision transformer is built for one size, whatever its published weights were trained at
    side = getattr(model, "image_size", None)
    size = (side, side) if isinstance(side, int) else _crop_size(models.get_model_weights(name), name)
    return ModelSource(model, (3, *size))


def _crop_size(published: Any, name: str) -> tuple[int, int]:
    """The crop of the first published weights, which is what the model was designed for."""
    for weights in published:
        sizes = weights.transforms().crop_size
        return sizes[0], sizes[-1]
    return (299, 299) if name == "inception_v3" else (224, 224)


def _callable(spec: str, module_name: str, name: str) -> ModelSource:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # importing runs the user's code
        raise WorkloadError(f"{spec}: module {module_name!r} cannot be imported: {_summary(error)}") from error
    build = getattr(module, name, None)
    if not callable(build):
        names = [known for known in dir(module) if callable(getattr(module, known)) and not known.startswith("_")]
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise WorkloadError(f"{spec}: module {module_name!r} has no callable {name!r}{hint}")
    try:
        model = build()
    except Exception as error:  # so does building the model
        raise WorkloadError(f"{spec}: calling {name}() failed: {_summary(error)}") from error
    if not isinstance(model, nn.Module):
        raise WorkloadError(f"{spec}: {name}() returns {type(model).__name__}; allowed: a torch.nn.Module")
    shape = getattr(build, "input_shape", None) or getattr(model, "input_shape", None)
    return ModelSource(model, None if shape is None else tuple(shape))


def _summary(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def read_state_dict(path: Path, model: nn.Module, spec: str) -> dict[str, NDArray[np.floating]]:
    """Read weights and check that they fit the model: the same names and shapes.

    Args:
        path: safetensors, a file that ``torch.load(weights_only=True)`` reads, or the word ``torchvision`` for the
            published weights of ``torchvision:NAME`` (:mod:`compress.pretrained`).
        spec: the model, as the user named it.

    Returns:
        The model's floating-point parameters by name.

    Raises:
        WorkloadError: no such file, not a state dict, or one that does not fit.
        RunError: published weights that cannot be fetched.
    """
    tensors = _fitting_tensors(path, model, spec)
    return {name: tensors[name].float().numpy() for name, _ in model.named_parameters()}


def load_state_dict(path: Path, model: nn.Module, spec: str) -> None:
    """Read weights, check them as :func:`read_state_dict` does, and load them into the model, buffers included.

    Raises:
        WorkloadError: no such file, not a state dict, or one that does not fit.
        RunError: published weights that cannot be fetched.
    """
    model.load_state_dict(_fitting_tensors(path, model, spec), strict=False)  # older files lack batch norm's counters
    if is_pretrained(path):
        prepare_for_pretrained(model)


def _fitting_tensors(path: Path, model: nn.Module, spec: str) -> dict[str, Tensor]:
    """The file's tensors: every name and shape of the model's, and no others."""
    tensors = pretrained_tensors(spec) if is_pretrained(path) else _read_tensors(path)
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    counters = {name for name in expected if name.endswith("num_batches_tracked")}  # older files lack these
    missing = [name for name in expected if name not in tensors and name not in counters]
    unknown = [name for name in tensors if name not in expected]
    if missing or unknown:
        parts = [_list("lacks", missing), _list("holds unknown", unknown)]
        raise WorkloadError(f"{path}: does not fit {spec}: it {' and '.join(part for part in parts if part)}")
    for name, shape in expected.items():
        if name in tensors and tuple(tensors[name].shape) != shape:
            found = tuple(tensors[name].shape)
            raise WorkloadError(f"{path}: does not fit {spec}: {name} has shape {found}; the model needs {shape}")
    return tensors


def _list(what: str, names: list[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{what} {names[0]!r}{more}" if names else ""


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise WorkloadError(f"{path}: no such weights file")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling a damaged or foreign file fails in many ways
        raise WorkloadError(f"{path}: cannot be read as a state dict of tensors ({type(error).__name__})") from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WorkloadError(f"{path}: holds no state dict; allowed: a mapping from names to tensors")
    return state


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        safetensors = importlib.import_module("safetensors.torch")
    except ImportError as error:
        raise WorkloadError(f"{path}: reading safetensors needs the package; pip install safetensors") from error
    try:
        return dict(safetensors.load_file(path))
    except Exception as error:  # the library raises its own type, which it does not export for typing
        raise WorkloadError(f"{path}: cannot be read as safetensors ({type(error).__name__})") from error
