"""The roofs of a machine, from its hardware: kept apart from the pictures, which need no DRAM model."""

from __future__ import annotations

from collections.abc import Sequence

from accel_sim.array.beats import constant_beat_cycles, step_lanes
from accel_sim.hardware.schema import Hardware
from accel_sim.memory.dram import dram_model
from accel_sim.plots.roofline import Roofs
from accel_sim.result import LayerResult

__all__ = ["roofs_of"]


def roofs_of(hardware: Hardware, layers: Sequence[LayerResult]) -> Roofs:
    """Peak rate and DRAM bandwidth for these layers; with mixed widths the peak is that of the narrowest operands.

    Raises:
        HardwareError: the DRAM part is unknown or its file is wrong.

    """
    widths = {(layer.a_bits, layer.w_bits) for layer in layers if layer.groups}
    array = hardware.array
    rates = [step_lanes(array, *width) / constant_beat_cycles(array, *width) for width in widths]
    return Roofs(
        peak_macs_per_cycle=hardware.pes * max(rates, default=array.lanes),
        dram_bytes_per_cycle=dram_model(hardware).bytes_per_cycle,
    )
