"""Machines of equal area: arrays grow or shrink until each machine is as large as the first.

What is compared at equal area in the literature (Stripes, BitFusion, Bit-Tactical) is the compute: capacities and DRAM
stay as they are, rows and columns change together, and the SRAMs' banks with the edges that they feed, so that a larger
array does not starve. A machine's area is the model's, SRAMs included; its array takes what they leave of the first
machine's area.
"""

from __future__ import annotations

from math import ceil

from accel_sim.energy.area import area_breakdown
from accel_sim.errors import InputError
from accel_sim.hardware.schema import BufferConfig, Hardware

__all__ = ["MOST_LINES", "at_area"]

MOST_LINES = 4096
"""Most rows or columns of an array."""
_EDGES = {
    "ws": {"activations": "rows", "weights": "cols", "outputs": "cols"},
    "is": {"activations": "cols", "weights": "rows", "outputs": "cols"},
    "os": {"activations": "rows", "weights": "cols", "outputs": "cols"},
}
"""Lines that each SRAM feeds or takes from."""


def at_area(hardware: Hardware, area_mm2: float) -> Hardware:
    """The machine with the array that brings it closest to ``area_mm2``, not above it; the ratio of rows to columns is
    kept as closely as whole numbers allow.

    Raises:
        InputError: its buffers alone, with an array of one PE, are larger.
    """
    smallest = area_breakdown(_resized(hardware, 1, 1)).total
    if smallest > area_mm2:
        raise InputError(
            f"--iso area: {hardware.name} takes {smallest:.3g} mm² with a single PE; allowed: at most the area of the"
            f" first machine, {area_mm2:.3g} mm²; make its buffers smaller"
        )
    low, high = 0.0, MOST_LINES / max(hardware.array.rows, hardware.array.cols)
    while high - low > 1e-4 * high:  # the largest factor that fits; both sides are rounded down to whole lines
        middle = (low + high) / 2
        if area_breakdown(_scaled(hardware, middle)).total <= area_mm2:
            low = middle
        else:
            high = middle
    best = _scaled(hardware, low)
    rows, cols = best.array.rows, best.array.cols
    sizes = [size for size in ((rows + 1, cols), (rows, cols + 1)) if max(size) <= MOST_LINES]
    return max((best, *(_resized(hardware, *size) for size in sizes)), key=lambda one: _fit(one, area_mm2))


def _fit(hardware: Hardware, area_mm2: float) -> tuple[bool, float]:
    taken = area_breakdown(hardware).total
    return taken <= area_mm2, taken if taken <= area_mm2 else -taken


def _scaled(hardware: Hardware, factor: float) -> Hardware:
    array = hardware.array
    return _resized(hardware, max(1, int(array.rows * factor)), max(1, int(array.cols * factor)))


def _resized(hardware: Hardware, rows: int, cols: int) -> Hardware:
    array, buffers = hardware.array, hardware.buffers
    factors = {"rows": rows / array.rows, "cols": cols / array.cols}
    scaled = {name: _banked(getattr(buffers, name), factors[line]) for name, line in _EDGES[array.dataflow].items()}
    changes = {
        "array": array.model_copy(update={"rows": rows, "cols": cols}),
        "buffers": buffers.model_copy(update=scaled),
    }
    return hardware.model_copy(update=changes)


def _banked(buffer: BufferConfig, factor: float) -> BufferConfig:
    """The SRAM with banks in proportion, each of them with room for a word."""
    most = int(buffer.kib * 8192 / buffer.word_bits / (2 if buffer.double_buffered else 1))
    return buffer.model_copy(update={"banks": max(1, min(most, ceil(buffer.banks * factor)))})
