"""Counts of one array layer in closed form: what crosses the SRAM edges and what happens inside the PEs.

Definitions (dense machine, padding of the array in none of them):

* An operand crosses an edge once per fold that needs it; where arrays share it and are in step
  (:func:`accel_sim.array.beats.arrays_in_step`), once per round of the folds that they run side by side.
* The first K fold writes partial sums, every later one reads and writes them; a finished output is read once more,
  on its way to the vector unit. Partial sums that leave for DRAM and come back cost a read and a write besides.
* A moving operand is clocked into one PE register per multiplication that it takes part in, unless it moves term by
  term (:func:`accel_sim.array.beats.hop_bits`). A partial sum of ws and
  is passes one register per row of the array (of the fold, with ``edge_folds: used``); one of os is written in
  place once per step.
* A stationary operand of row r passes r + 1 registers on its way in, and one more into the active register where
  there is a shadow; a result of os leaves through the rows below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from accel_sim.array.beats import arrays_in_step, columns_are_elastic, constant_beat_cycles, hop_bits, step_lanes
from accel_sim.array.ports import Sharing
from accel_sim.counts import ArrayCounts
from accel_sim.hardware.schema import Hardware
from accel_sim.mapping.tiling import Tiling
from accel_sim.result import MacCounts, SramCounts, SramTraffic
from accel_sim.workload import GemmLayer

__all__ = ["array_counts", "edge_traffic", "finished_words", "sharing"]

_REMEMBERED = 16384
"""Cuts of one dimension; the mapper asks for the same ones again and again."""


@dataclass(frozen=True)
class _Folds:
    """Folds of one dimension over all its tiles: their number, and sums over them."""

    count: int
    sizes: tuple[tuple[int, int], ...]  # (elements of a fold, how many such folds)

    def words(self, bits_per_element: int, word_bits: int) -> int:
        """SRAM words for one step of every fold."""
        return sum(times * -(-size * bits_per_element // word_bits) for size, times in self.sizes)

    def words_with(self, others: _Folds, bits_per_element: int, word_bits: int) -> int:
        """SRAM words where every fold meets every one of ``others``, all elements of the two at once."""
        return sum(times * others.words(size * bits_per_element, word_bits) for size, times in self.sizes)


def _places(extent: int, tile: int, lanes: int) -> _Folds:
    """PE rows or steps of ``lanes`` k, the last of each tile partly filled."""
    return _folds(extent, tile, lanes)


@lru_cache(maxsize=_REMEMBERED)
def _tiles(extent: int, tile: int) -> tuple[tuple[int, int], ...]:
    """Tile sizes along one dimension and how often each occurs."""
    full, rest = divmod(extent, tile)
    return tuple((size, times) for size, times in ((tile, full), (rest, 1)) if size and times)


@lru_cache(maxsize=_REMEMBERED)
def _folds(extent: int, tile: int, unit: int) -> _Folds:
    sizes: dict[int, int] = {}
    for size, times in _tiles(extent, tile):
        full, rest = divmod(size, unit)
        for elements, number in ((unit, full), (rest, 1)):
            if elements and number:
                sizes[elements] = sizes.get(elements, 0) + number * times
    return _Folds(sum(sizes.values()), tuple(sizes.items()))


def _rounds(extent: int, tile: int, unit: int, arrays: int) -> int:
    """Rounds in which ``arrays`` arrays get through the folds of one dimension."""
    total = 0
    for size, times in _tiles(extent, tile):
        folds = -(-size // unit)
        total += times * -(-folds // min(arrays, folds))
    return total


def sharing(hardware: Hardware, tiling: Tiling) -> Sharing:
    """How many arrays work side by side on a full tile, and how many copies of each operand they take per beat."""
    array = hardware.array
    if array.arrays == 1:
        return Sharing()
    along = tiling.tile_n if tiling.array_dim == "n" else tiling.tile_m
    unit = {("ws", "n"): array.cols, ("os", "n"): array.cols, ("is", "m"): array.cols, ("os", "m"): array.rows}
    share = min(array.arrays, -(-along // unit.get((array.dataflow, tiling.array_dim), 1)))
    groups = min(tiling.tile_g, max(1, array.arrays // share))
    both = share * groups
    if not arrays_in_step(array, tiling.array_dim):
        return Sharing(arrays=both, activations=both, weights=both)
    if tiling.array_dim == "n":
        return Sharing(arrays=both, activations=groups, weights=both)
    return Sharing(arrays=both, activations=both, weights=groups)


def edge_traffic(hardware: Hardware, layer: GemmLayer, tiling: Tiling) -> SramCounts:
    """Traffic of the three SRAMs at the array's edges (fills from DRAM and spills to it are not in it)."""
    array, buffers = hardware.array, hardware.buffers
    lanes = step_lanes(array, layer.a_bits, layer.w_bits)
    m, n, k, groups = layer.m, layer.n, layer.k, layer.groups
    tiles_m, tiles_n = -(-m // tiling.tile_m), -(-n // tiling.tile_n)
    by_n = tiling.array_dim == "n"
    a_word, w_word, o_word = buffers.activations.word_bits, buffers.weights.word_bits, buffers.outputs.word_bits
    if array.dataflow == "ws":
        rows = _folds(k, tiling.tile_k, array.rows * lanes)
        cols = _folds(n, tiling.tile_n, array.cols)
        rounds = _rounds(n, tiling.tile_n, array.cols, array.arrays if by_n else 1)
        a_reads, a_words = m * k * rounds, m * rounds * rows.words(layer.a_bits, a_word)
        loads = _places(k, tiling.tile_k, lanes)
        w_reads, w_words = tiles_m * k * n, tiles_m * loads.words_with(cols, layer.w_bits, w_word)
        out_words, folds_k = m * cols.words(array.acc_bits, o_word), rows.count
    elif array.dataflow == "is":
        rows = _folds(k, tiling.tile_k, array.rows * lanes)
        cols = _folds(m, tiling.tile_m, array.cols)
        rounds = _rounds(m, tiling.tile_m, array.cols, 1 if by_n else array.arrays)
        w_reads, w_words = k * n * rounds, n * rounds * rows.words(layer.w_bits, w_word)
        loads = _places(k, tiling.tile_k, lanes)
        a_reads, a_words = tiles_n * m * k, tiles_n * loads.words_with(cols, layer.a_bits, a_word)
        out_words, folds_k = n * cols.words(array.acc_bits, o_word), rows.count
    else:
        rows = _folds(m, tiling.tile_m, array.rows)
        cols = _folds(n, tiling.tile_n, array.cols)
        steps = _places(k, tiling.tile_k, lanes)
        n_rounds = _rounds(n, tiling.tile_n, array.cols, array.arrays if by_n else 1)
        m_rounds = _rounds(m, tiling.tile_m, array.rows, 1 if by_n else array.arrays)
        a_reads, a_words = m * k * n_rounds, n_rounds * steps.words_with(rows, layer.a_bits, a_word)
        w_reads, w_words = k * n * m_rounds, m_rounds * steps.words_with(cols, layer.w_bits, w_word)
        out_words, folds_k = m * cols.words(array.acc_bits, o_word), -(-k // tiling.tile_k)
    out_bytes = groups * m * n * array.acc_bits / 8
    return SramCounts(
        activations=SramTraffic(read_bytes=groups * a_reads * layer.a_bits / 8, word_reads=groups * a_words),
        weights=SramTraffic(read_bytes=groups * w_reads * layer.w_bits / 8, word_reads=groups * w_words),
        outputs=SramTraffic(
            read_bytes=out_bytes * folds_k,  # every later fold reads back, and the finished output leaves once
            write_bytes=out_bytes * folds_k,
            word_reads=groups * out_words * folds_k,
            word_writes=groups * out_words * folds_k,
        ),
    )


def finished_words(hardware: Hardware, layer: GemmLayer, tiling: Tiling) -> int:
    """Words in which all finished outputs are read, those of each column block in words of their own."""
    array, word_bits = hardware.array, hardware.buffers.outputs.word_bits
    if array.dataflow == "is":
        words = layer.n * _folds(layer.m, tiling.tile_m, array.cols).words(array.acc_bits, word_bits)
    else:
        words = layer.m * _folds(layer.n, tiling.tile_n, array.cols).words(array.acc_bits, word_bits)
    return layer.groups * words


def array_counts(hardware: Hardware, layer: GemmLayer, tiling: Tiling, compute_cycles: int) -> ArrayCounts:
    """Actions inside the array for one layer that took ``compute_cycles``."""
    array = hardware.array
    macs = layer.macs
    beat = constant_beat_cycles(array, layer.a_bits, layer.w_bits)
    return ArrayCounts(
        macs=MacCounts(total=macs, effectual=macs),
        multiplier_cycles=macs * beat,
        busy_cycles=macs * beat,
        additions=macs,
        operand_hop_bits=macs * sum(hop_bits(array, layer.a_bits, layer.w_bits)),
        psum_hop_bits=_psum_hops(hardware, layer, tiling) * array.acc_bits,
        stationary_hop_bits=_stationary_hop_bits(hardware, layer, tiling),
        fifo_push_bits=_fifo_push_bits(hardware, layer, tiling) if array.fifo_depth > 1 else 0,
        pe_cycles=hardware.pes * compute_cycles,
    )


def _psum_hops(hardware: Hardware, layer: GemmLayer, tiling: Tiling) -> int:
    """Registers that partial sums are clocked into."""
    array = hardware.array
    lanes = step_lanes(array, layer.a_bits, layer.w_bits)
    outputs = layer.output_elements
    if array.dataflow == "os":
        return outputs * sum(times * -(-size // lanes) for size, times in _tiles(layer.k, tiling.tile_k))
    rows = _folds(layer.k, tiling.tile_k, array.rows * lanes)
    if array.edge_folds == "full":
        return outputs * rows.count * array.rows
    return outputs * sum(times * -(-size // lanes) for size, times in rows.sizes)


def _fifo_push_bits(hardware: Hardware, layer: GemmLayer, tiling: Tiling) -> int:
    """Bits pushed between elastic lines: partial sums (ws, is), or the operand that crosses the lines (os)."""
    array = hardware.array
    if array.dataflow != "os":
        lanes = step_lanes(array, layer.a_bits, layer.w_bits)
        sums = 0
        for size, times in _folds(layer.k, tiling.tile_k, array.rows * lanes).sizes:
            lines = array.rows if array.edge_folds == "full" else -(-size // lanes)
            sums += times * (lines - 1)
        return layer.output_elements * sums * array.acc_bits
    if columns_are_elastic(array):
        crossed = sum(times * (size - 1) for size, times in _folds(layer.n, tiling.tile_n, array.cols).sizes)
        return layer.groups * layer.m * layer.k * crossed * layer.a_bits
    crossed = sum(times * (size - 1) for size, times in _folds(layer.m, tiling.tile_m, array.rows).sizes)
    return layer.groups * layer.n * layer.k * crossed * layer.w_bits


def _stationary_hop_bits(hardware: Hardware, layer: GemmLayer, tiling: Tiling) -> int:
    """Bits clocked into registers by loads (ws, is) and drains (os)."""
    array = hardware.array
    lanes = step_lanes(array, layer.a_bits, layer.w_bits)
    shadow = 0 if array.fold_overlap == "none" else 1
    if array.dataflow == "os":
        if not array.os_drain:
            return 0
        hops = 0
        for size, times in _folds(layer.m, tiling.tile_m, array.rows).sizes:
            height = array.rows if array.edge_folds == "full" else size
            hops += times * (size * (height - 1 + shadow) - size * (size - 1) // 2)
        tiles_k = -(-layer.k // tiling.tile_k)
        return layer.groups * layer.n * tiles_k * hops * array.acc_bits
    hops = 0
    for size, times in _folds(layer.k, tiling.tile_k, array.rows * lanes).sizes:
        # Elements of lane-row r of a fold of `size` elements; the last lane-row may be partly filled.
        top = array.rows - -(-size // lanes) if array.edge_folds == "used" else 0
        full_rows, rest = divmod(size, lanes)
        hops += times * lanes * (full_rows * (top + 1 + shadow) + full_rows * (full_rows - 1) // 2)
        hops += times * rest * (top + full_rows + 1 + shadow)
    if array.dataflow == "ws":
        loads = _time_parts(layer.m, tiling.tile_m, array.arrays if tiling.array_dim == "m" else 1)
        return layer.groups * layer.n * loads * hops * layer.w_bits
    loads = _time_parts(layer.n, tiling.tile_n, array.arrays if tiling.array_dim == "n" else 1)
    return layer.groups * layer.m * loads * hops * layer.a_bits


def _time_parts(extent: int, tile: int, arrays: int) -> int:
    """Parts of the time steps over all tiles where ``arrays`` share those of each; every part loads its own PEs."""
    return sum(times * -(-size // -(-size // arrays)) for size, times in _tiles(extent, tile))
