"""What a network's tensors take in DRAM, in the formats that the machine stores them in, from their real values.

A tensor is stored by its producer and read by all its readers in one format. An activation tensor is stored compressed
where an array layer's stage makes it and every reader takes it as an array layer's activations, and nothing beside it;
others (operands and results of vector operations that run alone, weights that are computed) stay dense. The format's
share of the dense size is that of the whole tensor, and holds for each of its tiles; a format that is larger than dense
is counted as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.formats.size import COLUMN_GROUP, encoded_bits
from accel_sim.hardware.schema import Hardware, NmSparsity
from accel_sim.operand_checks import n_m_segment
from accel_sim.operands import LayerOperands
from accel_sim.schedule import Stage
from accel_sim.workload import GemmLayer

__all__ = [
    "StoredShares",
    "activation_vectors",
    "share_of",
    "stored_shares",
    "stores_compressed",
    "weight_vectors",
]

DENSE = 1.0
OperandsOf = Callable[[GemmLayer], LayerOperands]


@dataclass(frozen=True)
class StoredShares:
    """Of a stage: the stored size of its weights, input and output over the dense one, and how dense they are.

    Attributes:
        weights, activations, output: 1: dense.
        weights_there, activations_there: share of elements that are decoded when they are fetched: those that are not
            zero, none where the SRAM takes the tensor as it is.
    """

    weights: float = DENSE
    activations: float = DENSE
    output: float = DENSE
    weights_there: float = 0.0
    activations_there: float = 0.0


def stores_compressed(hardware: Hardware) -> bool:
    """Whether sizes in DRAM depend on the operands' values."""
    dram = hardware.dram
    return dram.weight_format != "dense" or dram.activation_format != "dense"


def weight_vectors(layer: GemmLayer, operands: LayerOperands, name: str) -> NDArray[np.integer]:
    """``(groups · n, k)``: the k of each output channel; for ``n_m``, whose groups restart there, one vector for each
    kernel position.
    """
    weights = operands.stored_weights
    length = n_m_segment(layer) if name == "n_m" else weights.shape[1]
    return weights.transpose(0, 2, 1).reshape(-1, length)


def activation_vectors(layer: GemmLayer, operands: LayerOperands) -> NDArray[np.integer]:
    """``(pixels, channels)`` of a feature map, ``(groups · m, k)`` of a plain product."""
    activations = operands.stored_activations
    if layer.conv is None:
        return activations.reshape(-1, layer.k)
    return activations.transpose(0, 2, 3, 1).reshape(-1, activations.shape[1])


def stored_shares(hardware: Hardware, stages: Sequence[Stage], operands: OperandsOf) -> list[StoredShares]:
    """Shares of all stages; ``operands`` gives those of an array layer."""
    if not stores_compressed(hardware):
        return [StoredShares()] * len(stages)
    inputs, weights = _inputs(hardware, stages, operands), _weights(hardware, stages, operands)
    outputs = [_of_readers(index, stages, inputs) for index in range(len(stages))]
    found = []
    for index, stage in enumerate(stages):
        own = inputs[index]
        read = outputs[stage.input_stages[-1]] if stage.input_stages else own[0]
        decoded = read != DENSE and hardware.dram.activation_format != hardware.buffers.activations.format
        weights_there = 0.0 if hardware.dram.weight_format == hardware.buffers.weights.format else weights[index][1]
        there = own[1] if decoded else 0.0
        found.append(StoredShares(weights[index][0], read, outputs[index], weights_there, there))
    return found


def _inputs(hardware: Hardware, stages: Sequence[Stage], operands: OperandsOf) -> list[tuple[float, float]]:
    """Share of the size, and of non-zero elements, that each stage's activations would have."""
    name = hardware.dram.activation_format
    found = []
    for stage in stages:
        work = stage.array_work
        if work is None or name == "dense":
            found.append((DENSE, 0.0))
        else:
            vectors = activation_vectors(work.layer, operands(work.layer))
            found.append(share_of(name, vectors, work.layer.a_bits, None))
    return found


def _weights(hardware: Hardware, stages: Sequence[Stage], operands: OperandsOf) -> list[tuple[float, float]]:
    name, pattern = hardware.dram.weight_format, hardware.array.weight_sparsity
    found = []
    for stage in stages:
        work = stage.array_work
        if work is None or name == "dense" or not work.layer.static_weights:
            found.append((DENSE, 0.0))
        else:
            n_m = pattern if isinstance(pattern, NmSparsity) else None
            found.append(share_of(name, weight_vectors(work.layer, operands(work.layer), name), work.layer.w_bits, n_m))
    return found


def share_of(name: str, vectors: NDArray[np.integer], bits: int, n_m: NmSparsity | None) -> tuple[float, float]:
    """Size of a tensor's ``vectors (number, length)`` in a format over the dense one, and what is decoded of it per
    element: those that are not zero; of ``bit_columns`` the header of a group.
    """
    share = encoded_bits(name, vectors, bits, n_m) / encoded_bits("dense", vectors, bits)
    if name == "bit_columns":
        return share, -(-vectors.shape[1] // COLUMN_GROUP) / vectors.shape[1]
    return share, float(np.count_nonzero(vectors) / vectors.size)


def _of_readers(index: int, stages: Sequence[Stage], inputs: Sequence[tuple[float, float]]) -> float:
    """Share that a stage's output is stored with: its first reader's, where it may be compressed at all."""
    readers = [reader for reader, stage in enumerate(stages) if index in stage.input_stages]
    others = any(index in (*stage.weight_stages, *stage.extra_stages) for stage in stages)
    alone = all(stages[reader].array_work is not None for reader in readers)
    same = all(stages[reader].input_stages == (index,) for reader in readers)
    if stages[index].array_work is None or not readers or not alone or not same or others:
        return DENSE
    return inputs[readers[0]][0]
