"""What operands take in the SRAMs in the formats of these (``buffers.*.format``), from their real values.

* The edges, and loads, read a tensor's share of its dense bits; the ports give what is read, so a beat is stretched by
  the share, too. A decoder at the edge takes every non-zero element that is read: a metadata decode.
* A tile takes its share of the SRAM, so larger tiles fit; so does what stays on chip.
* Weights in ``n_m`` are what an N:M array takes: kept weights, each with its index, are read and decoded there whatever
  the format; it is the SRAM's room and its fills that it saves.
* A tensor that lies in the same format in DRAM is moved as it is; else it is decoded on its way (:mod:`.tiles`).
  Encoding costs nothing beside it.
* A format's share of the dense size is that of the whole tensor, and holds for each of its tiles and waves; a format
  that is larger than dense is counted as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil

from accel_sim.formats.stored import activation_vectors, share_of, weight_vectors
from accel_sim.hardware.schema import BuffersConfig, Hardware, NmSparsity
from accel_sim.operands import LayerOperands
from accel_sim.result import SramCounts, SramTraffic
from accel_sim.schedule import Packing, Stage
from accel_sim.workload import GemmLayer

__all__ = ["edge_decodes", "pack_stages", "packed_edges", "packs_operands"]

OperandsOf = Callable[[GemmLayer], LayerOperands]


def packs_operands(buffers: BuffersConfig) -> bool:
    """Whether an SRAM holds operands in a format that is not dense."""
    return buffers.weights.format != "dense" or buffers.activations.format != "dense"


def pack_stages(hardware: Hardware, stages: Sequence[Stage], operands: OperandsOf) -> tuple[Stage, ...]:
    """The stages with their operands' packing; ``operands`` gives those of an array layer."""
    if not packs_operands(hardware.buffers):
        return tuple(stages)
    return tuple(
        stage
        if stage.array_work is None
        else replace(stage, packing=_packing(hardware, stage.array_work.layer, operands(stage.array_work.layer)))
        for stage in stages
    )


def _packing(hardware: Hardware, layer: GemmLayer, operands: LayerOperands) -> Packing:
    found = Packing()
    buffers, pattern = hardware.buffers, hardware.array.weight_sparsity
    if buffers.activations.format != "dense":
        share, there = share_of(buffers.activations.format, activation_vectors(layer, operands), layer.a_bits, None)
        found = replace(found, activations=share, activations_read=share, activations_there=there)
    if buffers.weights.format != "dense":
        n_m = pattern if isinstance(pattern, NmSparsity) else None
        share, there = share_of(
            buffers.weights.format, weight_vectors(layer, operands, buffers.weights.format), layer.w_bits, n_m
        )
        if buffers.weights.format == "n_m":
            return replace(found, weights=share)
        return replace(found, weights=share, weights_read=share, weights_there=there)
    return found


def packed_edges(edges: SramCounts, packing: Packing) -> SramCounts:
    """What crosses the array's edges, as the SRAMs hold it."""
    return replace(
        edges,
        activations=_scaled(edges.activations, packing.activations_read),
        weights=_scaled(edges.weights, packing.weights_read),
    )


def _scaled(traffic: SramTraffic, share: float) -> SramTraffic:
    if share == 1:
        return traffic
    return SramTraffic(
        read_bytes=traffic.read_bytes * share,
        write_bytes=traffic.write_bytes * share,
        word_reads=ceil(traffic.word_reads * share),
        word_writes=ceil(traffic.word_writes * share),
    )


def edge_decodes(layer: GemmLayer, edges: SramCounts, packing: Packing) -> int:
    """Non-zero elements that the decoders at the edges take; ``edges``: their dense traffic."""
    activations = edges.activations.read_bytes * 8 / layer.a_bits * packing.activations_there
    weights = edges.weights.read_bytes * 8 / layer.w_bits * packing.weights_there
    return round(activations) + round(weights)
