"""Kernel: what a tiling makes the array and the SRAMs at its edges do, as :mod:`accel_sim.array.actions` counts it.

The mapper needs the counts of thousands of tilings; the simulation those of one, from objects. A test holds the two
against each other.
"""

from __future__ import annotations

from accel_sim.array.sequence_kernel import NONE
from accel_sim.array.tile_kernel import (
    IS,
    L_A_BITS,
    L_GROUPS,
    L_K,
    L_LANES,
    L_M,
    L_N,
    L_W_BITS,
    WS,
    X_ACC_BITS,
    X_ARRAYS,
    X_COLS,
    X_DATAFLOW,
    X_DRAIN,
    X_FIFO_DEPTH,
    X_OVERLAP,
    X_ROWS,
    X_TRANSPOSED,
    X_USED_EDGES,
    ceil_div,
    count_folds,
)
from accel_sim.jit import kernel

__all__ = ["array_actions"]


@kernel
def _folds(extent, tile, unit):
    """Folds of ``unit`` along a dimension cut into tiles: how many full ones, and size and number of two rests."""
    full, rest = extent // tile, extent % tile
    return full * (tile // unit) + rest // unit, tile % unit, full, rest % unit, 1


@kernel
def _words(folds, unit, bits, word):
    """SRAM words for one step of every fold (:func:`_folds`), each element ``bits`` wide."""
    many, rest, rests, last, _ = folds
    words = many * ceil_div(unit * bits, word) if many else 0
    if rest:
        words += rests * ceil_div(rest * bits, word)
    return words + ceil_div(last * bits, word) if last else words


@kernel
def _words_of_pairs(folds, unit, others, other_unit, bits, word):
    """SRAM words where every fold along one dimension meets every one along the other, all elements at once."""
    many, rest, rests, last, _ = folds
    words = many * _words(others, other_unit, unit * bits, word) if many else 0
    if rest:
        words += rests * _words(others, other_unit, rest * bits, word)
    return words + _words(others, other_unit, last * bits, word) if last else words


@kernel
def _rounds_of_tile(size, unit, arrays):
    folds = ceil_div(size, unit)
    return 0 if folds == 0 else ceil_div(folds, min(arrays, folds))


@kernel
def _rounds(extent, tile, unit, arrays):
    """Rounds in which ``arrays`` arrays get through the folds."""
    if arrays == 1:
        return count_folds(extent, tile, unit)
    return (extent // tile) * _rounds_of_tile(tile, unit, arrays) + _rounds_of_tile(extent % tile, unit, arrays)


@kernel
def _parts_of_tile(size, arrays):
    return 0 if size == 0 else ceil_div(size, ceil_div(size, arrays))


@kernel
def _time_parts(extent, tile, arrays):
    """Parts of the time steps where ``arrays`` share those of each tile."""
    if arrays == 1:
        return ceil_div(extent, tile)
    return (extent // tile) * _parts_of_tile(tile, arrays) + _parts_of_tile(extent % tile, arrays)


@kernel
def _load_hops(size, rows, lanes, used, shadow):
    """Registers that the elements of one fold of ``size`` k pass on their way in."""
    top = rows - ceil_div(size, lanes) if used else 0
    full, rest = size // lanes, size % lanes
    hops = lanes * (full * (top + 1 + shadow) + full * (full - 1) // 2)
    return hops + rest * (top + full + 1 + shadow)


@kernel
def _drain_hops(size, rows, used, shadow):
    """Registers that one column's results of a fold of ``size`` rows pass on their way out."""
    height = size if used else rows
    return size * (height - 1 + shadow) - size * (size - 1) // 2


@kernel
def _stationary_actions(layer, array, words, tiling, deal_n):
    """Of ws and is; see :func:`array_actions`."""
    _, tile_m, tile_n, tile_k = tiling
    m, n, k, lanes = layer[L_M], layer[L_N], layer[L_K], layer[L_LANES]
    rows, cols, arrays, used = array[X_ROWS], array[X_COLS], array[X_ARRAYS], array[X_USED_EDGES] == 1
    ws = array[X_DATAFLOW] == WS
    # What moves along time and stays in place: m and n change places between ws and is.
    time, time_tile, across, across_tile = (m, tile_m, n, tile_n) if ws else (n, tile_n, m, tile_m)
    dealt_across = arrays if (deal_n == 1) == ws else 1
    move_bits, stay_bits = (layer[L_A_BITS], layer[L_W_BITS]) if ws else (layer[L_W_BITS], layer[L_A_BITS])
    move_word, stay_word = (words[0], words[1]) if ws else (words[1], words[0])
    folds_k = count_folds(k, tile_k, rows * lanes)
    rounds = _rounds(across, across_tile, cols, dealt_across)
    folds, columns = _folds(k, tile_k, rows * lanes), _folds(across, across_tile, cols)
    moved, moved_words = time * k * rounds, time * rounds * _words(folds, rows * lanes, move_bits, move_word)
    loads = ceil_div(time, time_tile)
    stayed = loads * k * across
    stayed_words = loads * _words_of_pairs(_folds(k, tile_k, lanes), lanes, columns, cols, stay_bits, stay_word)
    out_words = time * _words(columns, cols, array[X_ACC_BITS], words[2]) * folds_k
    many, rest, rests, last, _ = folds
    shadow = 0 if array[X_OVERLAP] == NONE else 1
    hops = many * _load_hops(rows * lanes, rows, lanes, used, shadow)
    hops += rests * _load_hops(rest, rows, lanes, used, shadow) + _load_hops(last, rows, lanes, used, shadow)
    parts = _time_parts(time, time_tile, 1 if dealt_across > 1 else arrays)
    register_bits = across * parts * hops * stay_bits
    lines = folds_k * rows
    if used:
        lines = many * rows + rests * ceil_div(rest, lanes) + ceil_div(last, lanes)
    register_bits += m * n * lines * array[X_ACC_BITS]
    fifo_bits = m * n * (lines - folds_k) * array[X_ACC_BITS] if array[X_FIFO_DEPTH] > 1 else 0
    if ws:
        return moved, moved_words, stayed, stayed_words, folds_k, out_words, register_bits, fifo_bits
    return stayed, stayed_words, moved, moved_words, folds_k, out_words, register_bits, fifo_bits


@kernel
def _output_actions(layer, array, words, tiling, deal_n):
    """Of os; see :func:`array_actions`."""
    _, tile_m, tile_n, tile_k = tiling
    m, n, k, lanes = layer[L_M], layer[L_N], layer[L_K], layer[L_LANES]
    rows, cols, arrays, used = array[X_ROWS], array[X_COLS], array[X_ARRAYS], array[X_USED_EDGES] == 1
    n_rounds = _rounds(n, tile_n, cols, arrays if deal_n else 1)
    m_rounds = _rounds(m, tile_m, rows, 1 if deal_n else arrays)
    folds_k = ceil_div(k, tile_k)
    steps, lines, columns = _folds(k, tile_k, lanes), _folds(m, tile_m, rows), _folds(n, tile_n, cols)
    a_words = n_rounds * _words_of_pairs(steps, lanes, lines, rows, layer[L_A_BITS], words[0])
    w_words = m_rounds * _words_of_pairs(steps, lanes, columns, cols, layer[L_W_BITS], words[1])
    out_words = m * _words(columns, cols, array[X_ACC_BITS], words[2]) * folds_k
    register_bits = m * n * count_folds(k, tile_k, lanes) * array[X_ACC_BITS]
    many, rest, rests, last, _ = lines
    if array[X_DRAIN]:
        shadow = 0 if array[X_OVERLAP] == NONE else 1
        hops = many * _drain_hops(rows, rows, used, shadow)
        hops += rests * _drain_hops(rest, rows, used, shadow) + _drain_hops(last, rows, used, shadow)
        register_bits += n * folds_k * hops * array[X_ACC_BITS]
    fifo_bits = 0
    if array[X_FIFO_DEPTH] > 1:
        if array[X_TRANSPOSED]:
            fifo_bits = m * k * (n - count_folds(n, tile_n, cols)) * layer[L_A_BITS]
        else:
            fifo_bits = n * k * (m - count_folds(m, tile_m, rows)) * layer[L_W_BITS]
    return m * k * n_rounds, a_words, k * n * m_rounds, w_words, folds_k, out_words, register_bits, fifo_bits


@kernel
def array_actions(layer, array, words, tiling, deal_n):
    """Actions of one tiling, all groups together.

    Args:
        layer, array: vectors of :mod:`accel_sim.array.tile_kernel`.
        words: bits of a word of the activation, weight and output SRAM.
        tiling: groups, m, n and k of a tile.

    Returns ``(a_reads, a_words, w_reads, w_words, folds_k, out_words, register_bits, fifo_bits)``: elements and words
    that the edges read; how often each output is written (and read); words for that; bits clocked into registers by
    partial sums, loads and drains; bits pushed into FIFOs.
    """
    if array[X_DATAFLOW] == WS or array[X_DATAFLOW] == IS:
        found = _stationary_actions(layer, array, words, tiling, deal_n)
    else:
        found = _output_actions(layer, array, words, tiling, deal_n)
    g = layer[L_GROUPS]
    return (
        g * found[0], g * found[1], g * found[2], g * found[3], found[4], g * found[5], g * found[6], g * found[7],
    )  # fmt: skip
