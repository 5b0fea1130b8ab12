"""BitFusion's own performance model, re-stated: compute cycles of a tile from our lanes, and its choice of tiles.

The array (N = 16 rows of input channels, M = 32 columns of output channels, 16 bricks per PE) takes one output pixel,
kernel position and ``N·f`` input channels per cycle; ``f`` products share a PE's bricks, our ``ArraySpec.step_lanes``::

    compute = tiles · b·oh·ow·kh·kw · ceil(oc/M) · ceil(ic/(N·f))

for tiles of b images, oh × ow pixels, ic and oc channels. The layer that reads the image is lowered to a product first:
``kh·kw`` moves into the last ceiling. Tiles are powers of two (oc in units of M; the last one the whole extent) and all
count in full, so 27 pixels in tiles of 14 cost 28. The model takes the tiles and the order of loops with the fewest
cycles; where a tile does not divide its extent, the layer's formula without tiles falls short by that padding.

Memory, for that choice: SRAM halves hold a tile; going outwards, a loop that does not move an operand re-uses it while
everything inside still fits; the first fill and the last store are exposed, the rest is hidden behind computation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from accel_sim.reference import ArraySpec

__all__ = ["COLS", "ROWS", "Layer", "best_cycles", "lane_factor", "layer_compute_cycles", "layer_of"]

Ints = NDArray[np.int64]

ROWS, COLS = 16, 32
SRAM_BYTES = {"weights": 65536, "activations": 32768, "outputs": 16384}
DRAM_BITS_PER_CYCLE = 192
PSUM_BITS = 32
IMAGE_CHANNELS = 3
"""A convolution with at most this many input channels reads the image."""

MOVES = {
    "b": ("activations", "outputs"),
    "ow": ("activations", "outputs"),
    "oh": ("activations", "outputs"),
    "ic": ("activations", "weights"),
    "oc": ("weights", "outputs"),
}
"""Loop over tiles -> the operands whose tile it changes."""


@dataclass(frozen=True)
class Layer:
    """One row of the file; ``out`` pixels and ``kernel`` positions per side."""

    batch: int
    out: int
    kernel: int
    stride: int
    in_channels: int
    out_channels: int
    a_bits: int
    w_bits: int
    reads_image: bool


def layer_of(row: dict[str, str]) -> Layer:
    """The layer that a row of ``bitfusion_layers.csv`` describes."""
    return Layer(
        batch=int(row["batch"]),
        out=int(row["O"]),
        kernel=int(row["K"]),
        stride=int(row["stride"]),
        in_channels=int(row["IC"]),
        out_channels=int(row["OC"]),
        a_bits=int(row["act_bits"]),
        w_bits=int(row["wgt_bits"]),
        reads_image=row["layer"].endswith("Convolution") and int(row["IC"]) <= IMAGE_CHANNELS,
    )


def lane_factor(a_bits: int, w_bits: int) -> int:
    """Products per PE and cycle."""
    return ArraySpec(rows=ROWS, cols=COLS, arithmetic="fused", a_bits=a_bits, w_bits=w_bits).step_lanes


def layer_compute_cycles(layer: Layer) -> int:
    """Compute cycles where every tile divides its extent."""
    return int(_compute(layer, layer.batch, layer.out, layer.in_channels, layer.out_channels))


def _compute(layer: Layer, b: Ints | int, o: Ints | int, ic: Ints | int, oc: Ints | int) -> Ints | int:
    width = ROWS * lane_factor(layer.a_bits, layer.w_bits)
    positions = layer.kernel**2
    steps = -(-positions * ic // width) if layer.reads_image else positions * -(-ic // width)
    return b * o * o * -(-oc // COLS) * steps


@cache
def best_cycles(layer: Layer) -> tuple[int, int]:
    """Compute cycles and stall cycles of the tiles and loop order with the fewest cycles in all."""
    unit = 1 if layer.reads_image else COLS
    sizes = np.meshgrid(
        _tiles(layer.batch, 1), _tiles(layer.out, 1), _tiles(layer.in_channels, 1), _tiles(layer.out_channels, unit)
    )
    b, o, ic, oc = (size.ravel() for size in sizes)
    extents = {"b": (layer.batch, b), "ow": (layer.out, o), "oh": (layer.out, o)}
    extents |= {"ic": (layer.in_channels, ic), "oc": (layer.out_channels, oc)}
    tiles = {loop: -(-extent // size) for loop, (extent, size) in extents.items()}
    bits = _tile_bits(layer, b, o, ic, oc)
    fits = np.logical_and.reduce([bits[name] <= _half_bits(name) for name in bits])
    compute = np.prod(list(tiles.values()), axis=0) * _compute(layer, b, o, ic, oc)
    # A tie between loop orders or tiles would be broken by energy; the smallest (total, compute) stands for it.
    choices = []
    for order in permutations(MOVES):
        stall = _stall(order, tiles, bits, compute)
        total = np.where(fits, compute + stall, np.iinfo(np.int64).max)
        best = np.lexsort((compute, total))[0]
        choices.append((int(total[best]), int(compute[best])))
    fewest, computing = min(choices)
    return computing, fewest - computing


def _tiles(extent: int, unit: int) -> Ints:
    powers = unit << np.arange(extent.bit_length() + 1)
    return np.append(powers[powers < extent], extent)


def _half_bits(name: str) -> int:
    """An SRAM is double-buffered."""
    return SRAM_BYTES[name] * 8 // 2


def _tile_bits(layer: Layer, b: Ints, o: Ints, ic: Ints, oc: Ints) -> dict[str, Ints]:
    """Bits that a tile of each operand occupies and moves."""
    width = ROWS * lane_factor(layer.a_bits, layer.w_bits)
    positions = layer.kernel**2
    side = layer.kernel + (o - 1) * layer.stride
    pixels = o * o * positions if layer.reads_image else side * side
    return {
        "weights": -(-positions * ic // width) * width * oc * layer.w_bits,
        "activations": pixels * ic * b * layer.a_bits,
        "outputs": o * o * -(-oc // COLS) * COLS * b * PSUM_BITS,
    }


def _stall(order: tuple[str, ...], tiles: dict[str, Ints], bits: dict[str, Ints], compute: Ints) -> Ints:
    """Cycles of DRAM that computation does not hide, loops from the outermost to the innermost."""
    traffic, held = dict(bits), dict(bits)
    fits = {name: np.ones(len(compute), bool) for name in bits}
    for loop in reversed(order):
        for name in bits:
            if name in MOVES[loop]:
                traffic[name] = traffic[name] * tiles[loop]
                fits[name] = fits[name] & (traffic[name] <= _half_bits(name))
                held[name] = np.where(fits[name], traffic[name], held[name])
            else:
                traffic[name] = np.where(fits[name], traffic[name], traffic[name] * tiles[loop])
    fill, store = sum(held.values()), held["outputs"]
    moved = sum(traffic.values()) + traffic["outputs"]  # partial sums are read as often as they are written
    hidden = -(-(moved - fill - store) // DRAM_BITS_PER_CYCLE)
    exposed = -(-fill // DRAM_BITS_PER_CYCLE) + -(-store // DRAM_BITS_PER_CYCLE)
    return np.asarray(np.maximum(0, hidden - compute) + exposed, np.int64)
