"""From what a user names on the command line to a workload: torchvision, any Python callable, ONNX, CSV, one product.

``gemm:`` and topology files need no PyTorch, and ONNX files only ``onnx``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import DataError, WorkloadError
from accel_sim.workload.layers import MAX_BITS, Workload, gemm
from accel_sim.workload.topology_csv import read_topology_csv

__all__ = ["DataRequest", "load_workload"]


@dataclass(frozen=True)
class DataRequest:
    """Images to take operands from.

    Attributes:
        spec: of the data set, as for :func:`compress.data.open_images`.
        images: how many the ranges are taken from, at least the batch; ``None``: the batch. The first of them are
            what the machine works on.
        seed: which images; also of the initial weights where none are given.
        needed: whether the layers need their integers; else the data set is only checked, and the model does not run.
    """

    spec: str
    images: int | None = None
    seed: int = 0
    needed: bool = True


FORMS = "torchvision:NAME, module:callable, FILE.onnx, FILE.csv or gemm:M,N,K"


def load_workload(
    spec: str,
    weights: Path | None = None,
    batch: int = 1,
    a_bits: int = 8,
    w_bits: int = 8,
    input_shape: Sequence[int] | None = None,
    data: DataRequest | None = None,
) -> Workload:
    """Read a model and lower it to a workload.

    Args:
        spec: ``torchvision:resnet50``, ``compress.models:resnet20`` (any ``module:callable`` that returns an
            ``nn.Module``; modules of the current directory included), ``file.onnx``, ``file.csv`` (a SCALE-Sim
            topology) or ``gemm:M,N,K``.
        weights: safetensors, a state dict that ``torch.load(weights_only=True)`` reads, or the word ``torchvision``
            for the published weights of ``torchvision:NAME``; its tensors become the integer weights of the layers.
            Only for PyTorch models.
        batch: images at a time; not for ``gemm:``.
        a_bits, w_bits: operand widths of every layer.
        input_shape: ``(channels, height, width)``; needed where the model does not tell.
        data: images to run the model on, so that every layer gets the integers that it multiplies; without
            ``weights``, the weights are the model's initialisation. Only for PyTorch models.

    Raises:
        WorkloadError: with one line that says what is wrong and what is allowed.
        DataError: the same, of ``data``.
    """
    for what, bits in (("a_bits", a_bits), ("w_bits", w_bits)):
        if not 1 <= bits <= MAX_BITS:
            raise WorkloadError(f"{what} is {bits}; allowed: 1 to {MAX_BITS}")
    if batch < 1:
        raise WorkloadError(f"batch is {batch}; allowed: an integer from 1")
    kind, _, rest = spec.partition(":")
    suffix = Path(spec).suffix.lower()
    if suffix in (".onnx", ".csv") or kind == "gemm":
        _refuse_options(spec, weights, input_shape if suffix != ".onnx" else None, data)
    if kind == "gemm":
        if batch != 1:
            raise WorkloadError(f"{spec}: a batch of {batch} has no meaning for one product; give a larger M")
        return gemm(*_gemm_sizes(spec, rest), a_bits=a_bits, w_bits=w_bits)
    if suffix == ".csv":
        return read_topology_csv(Path(spec), batch=batch, a_bits=a_bits, w_bits=w_bits)
    if suffix == ".onnx":
        return _onnx_workload(Path(spec), batch, a_bits, w_bits, input_shape)
    if not rest or not kind:
        raise WorkloadError(f"model {spec!r}: allowed: {FORMS}")
    _need_torch(spec)
    if data is not None and data.needed:
        return _calibrated_workload(spec, weights, batch, a_bits, w_bits, input_shape, data)
    if data is not None:
        _check_data(spec, batch, data)
    return _torch_workload(spec, weights, batch, a_bits, w_bits, input_shape)


def _refuse_options(
    spec: str, weights: Path | None, input_shape: Sequence[int] | None, data: DataRequest | None
) -> None:
    if weights is not None:
        raise WorkloadError(f"{spec}: weights {weights} can be given for PyTorch models only")
    if input_shape is not None:
        raise WorkloadError(f"{spec}: an input shape can be given for PyTorch and ONNX models only")
    if data is not None:
        raise WorkloadError(f"{spec}: data {data.spec} can be given for PyTorch models only")


def _need_torch(spec: str) -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise WorkloadError(f"{spec}: PyTorch is needed for this model; pip install 'bitgrove[torch]'") from error


def _gemm_sizes(spec: str, text: str) -> tuple[int, int, int]:
    sizes = [part.strip() for part in text.split(",")]
    if len(sizes) != 3 or not all(re.fullmatch("0*[1-9][0-9]{0,17}", size) for size in sizes):
        raise WorkloadError(f"{spec}: allowed: gemm:M,N,K with three integers from 1, such as gemm:512,512,512")
    m, n, k = map(int, sizes)
    return m, n, k


def _onnx_workload(path: Path, batch: int, a_bits: int, w_bits: int, input_shape: Sequence[int] | None) -> Workload:
    from compress.graph.lower import workload_from_graph
    from compress.graph.onnx_import import read_onnx

    model = read_onnx(path, batch=batch, input_shape=input_shape)
    workload = workload_from_graph(model.graph, path.name, a_bits, w_bits, model.weights)
    if not model.quantised:
        return workload
    from compress.quantised_onnx import with_quantised_operands

    return with_quantised_operands(workload, model, a_bits, w_bits)


def _torch_workload(
    spec: str, weights: Path | None, batch: int, a_bits: int, w_bits: int, input_shape: Sequence[int] | None
) -> Workload:
    from compress.graph.lower import workload_from_graph
    from compress.graph.trace import layer_graph
    from compress.model_sources import load_model, read_state_dict

    source = load_model(spec)
    values: Mapping[str, NDArray[np.floating]] = MappingProxyType({})
    if weights is not None:
        values = read_state_dict(weights, source.model, spec)
    graph = layer_graph(source.model, _image_shape(spec, input_shape or source.input_shape), batch, name=spec)
    workload = workload_from_graph(graph, spec, a_bits, w_bits, values)
    return workload if weights is None else replace(workload, metadata=MappingProxyType({"weights": "real weights"}))


def _image_shape(spec: str, given: Sequence[int] | None) -> tuple[int, ...]:
    shape = tuple(given or ())
    if len(shape) != 3 or any(size < 1 for size in shape):
        problem = f"input shape {','.join(map(str, shape))} is wrong" if shape else "the input shape is not known"
        raise WorkloadError(f"{spec}: {problem}; give --input-shape C,H,W with three integers from 1")
    return shape


def _image_count(spec: str, batch: int, data: DataRequest) -> int:
    count = batch if data.images is None else data.images
    if count < batch:
        raise WorkloadError(f"{spec}: images is {count}; allowed: at least the batch, {batch}")
    return count


def _check_data(spec: str, batch: int, data: DataRequest) -> None:
    from compress.data import open_images

    images, count = open_images(data.spec), _image_count(spec, batch, data)
    if count > images.size:
        raise DataError(f"data {data.spec}: {count} images are asked for; allowed: 1 to {images.size}")


def _calibrated_workload(
    spec: str,
    weights: Path | None,
    batch: int,
    a_bits: int,
    w_bits: int,
    input_shape: Sequence[int] | None,
    data: DataRequest,
) -> Workload:
    from compress.calibration import calibrate
    from compress.data import calibration_batch
    from compress.model_sources import initialised_model, load_state_dict

    count = _image_count(spec, batch, data)
    source = initialised_model(spec, data.seed)
    if weights is not None:
        load_state_dict(weights, source.model, spec)
    shape = _image_shape(spec, input_shape or source.input_shape)
    images = calibration_batch(data.spec, source.model, count, data.seed, shape)
    workload = calibrate(source.model, images, name=spec, a_bits=a_bits, w_bits=w_bits, batch=batch).workload
    run = f"{batch} image{'s' if batch > 1 else ''} of {data.spec.partition(':')[0]}"
    origin = {
        "weights": f"initial weights (seed {data.seed})" if weights is None else "real weights",
        "activations": run if count == batch else f"{run}, ranges from {count}",
    }
    return replace(workload, metadata=MappingProxyType(origin))
