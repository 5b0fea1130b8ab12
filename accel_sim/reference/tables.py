"""Folds and machine as the flat arrays and numbers that the kernels take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from accel_sim.reference.banks import FoldWaves
from accel_sim.reference.beats import fold_piece_counts, fused_parts, line_intakes
from accel_sim.reference.folds import Fold, FoldPlan
from accel_sim.reference.pe_kernel import BRICKS, LOCAL_TERMS, PAIRS, PIECES, Datapath
from accel_sim.reference.spec import DIGITS, TERMS, WHOLE, ArraySpec

__all__ = [
    "FULL",
    "NONE",
    "PRELOAD",
    "FoldTables",
    "Pace",
    "Structure",
    "datapath",
    "fold_tables",
    "is_rigid",
    "rigid_types",
    "structure",
]

Ints = NDArray[np.int64]
_Integer = TypeVar("_Integer", np.int32, np.int64)

NONE, PRELOAD, FULL = 0, 1, 2
_OVERLAP = {"none": NONE, "preload": PRELOAD, "full": FULL}


class Pace(NamedTuple):
    """What the SRAM ports make of the array's cycles.

    ``beat_cycles``: a beat lasts at least this, in a first K fold and in later ones (os: the first);
    ``load_row_cycles``, ``drain_row_cycles``: cycles per row of a load or drain; ``later_drain_row_cycles`` those of
    an os fold whose results are added to earlier ones.
    """

    beat_cycles: int = 1
    later_beat_cycles: int = 1
    load_row_cycles: int = 1
    drain_row_cycles: int = 1
    later_drain_row_cycles: int = 1


class Structure(NamedTuple):
    """The array around the PEs, as numbers."""

    rows: int
    cols: int
    fifo_depth: int
    overlap: int
    used_edges: bool
    transposed: bool
    drains: bool
    own_bits: int
    other_bits: int
    acc_bits: int


class FoldTables(NamedTuple):
    """All folds, one after another. ``F`` folds, ``S`` steps in all, ``P`` places of all tiles.

    Attributes:
        rows, cols, first_step, load_row, drain_row: ``(F,)`` used rows and columns, number of the first step, cycles
            per row of the load and of the drain.
        operands: ``(F,)`` operands in place, of all lanes of a column (ws, is).
        row_at, col_at: ``(F,)`` where the fold's entries of ``row_ids``, ``col_ids`` (output rows, columns) begin.
        tile_at: ``(F,)`` where the fold's places begin in ``edge_at``, ``pe_at``.
        fold, source, pace: ``(S,)`` the step's fold, its moving row (ws, is) or its place in the tile (os), its least
            beat.
        own_count, other_count: ``(S, lines)`` pieces of both operands.
        edge: ``(P, E)``; ``pe_at``: ``(P,)`` where a place begins in ``select`` and ``value`` (columns × lanes, flat).
        zeros: ``(P, lanes)`` zeros among the values of each lane.

    """

    rows: Ints
    cols: Ints
    first_step: Ints
    pace: Ints
    load_row: Ints
    drain_row: Ints
    row_at: Ints
    col_at: Ints
    tile_at: Ints
    operands: Ints
    row_ids: Ints
    col_ids: Ints
    fold: Ints
    source: Ints
    own_count: NDArray[np.int32]
    other_count: NDArray[np.int32]
    edge: Ints
    pe_at: Ints
    select: Ints
    value: Ints
    zeros: Ints


def structure(spec: ArraySpec, index_bits: int, steps: int) -> Structure:
    """The array of ``spec``; ``index_bits`` travel with every weight; no FIFO ever holds more than ``steps``."""
    own, other = line_intakes(spec)
    weights_own = _weights_own(spec)
    return Structure(
        rows=spec.rows,
        cols=spec.cols,
        fifo_depth=min(spec.fifo_depth, max(steps, 2)),
        overlap=_OVERLAP[spec.fold_overlap],
        used_edges=spec.edge_folds == "used",
        transposed=spec.transposed,
        drains=spec.os_drain,
        own_bits=(0 if own.style == TERMS else own.bits) + (index_bits if weights_own else 0),
        other_bits=other.bits + (0 if weights_own else index_bits),
        acc_bits=spec.acc_bits,
    )


def _weights_own(spec: ArraySpec) -> bool:
    """Whether weights are the operand that moves along a line."""
    return spec.dataflow == "is" or spec.transposed


def datapath(spec: ArraySpec, decodes: bool) -> Datapath:
    """The PE of ``spec``."""
    own, other = line_intakes(spec)
    gates = (spec.activation_sparsity == "gate", spec.weight_sparsity == "gate")
    gate_own, gate_other = gates[::-1] if _weights_own(spec) else gates
    kind = PIECES
    if spec.arithmetic == "fused":
        kind = BRICKS
    elif own.style == TERMS and other.style == TERMS:
        kind = PAIRS
    elif other.style == TERMS:
        kind = LOCAL_TERMS
    return Datapath(
        kind=kind,
        lanes=spec.step_lanes,
        own_style=own.style if kind == PIECES else WHOLE,
        own_digit_bits=own.digit_bits,
        other_style=other.style,
        other_digit_bits=other.digit_bits,
        own_bits=own.bits,
        other_bits=other.bits,
        csd=own.csd,
        bidirectional=own.bidirectional,
        window=own.window,
        bricks_per_cycle=-(-spec.brick_products // fused_parts(spec)),
        gate_own=gate_own,
        gate_other=gate_other,
        own_is_selected=not spec.transposed,
        decodes=decodes,
        own_dynamic=own.style == DIGITS and own.dynamic,
        other_dynamic=other.style == DIGITS and other.dynamic,
        own_signed=own.signed,
        other_signed=other.signed,
    )


def is_rigid(spec: ArraySpec) -> bool:
    """Whether every beat of a ws or is array is as long as the next and every lane multiplies its own k."""
    own, other = line_intakes(spec)
    return (
        spec.dataflow != "os"
        and not (own.data_dependent or other.data_dependent)
        and spec.weight_sparsity not in {"n_m", "pack_columns"}
        and (spec.arithmetic != "fused" or fused_parts(spec) == 1)
        and (spec.edge_folds == "full" or spec.fold_overlap != "full")
    )


def rigid_types(spec: ArraySpec) -> tuple[NDArray[np.signedinteger], NDArray[np.signedinteger]]:
    """Empty arrays of the narrowest types that hold the array's operands and its partial sums."""
    signed_bits = (spec.a_bits + (not spec.a_signed), spec.w_bits + (not spec.w_signed))
    deepest = spec.rows * spec.step_lanes << sum(signed_bits)
    if max(signed_bits) <= 16 and deepest < 1 << 31:
        return np.zeros(0, np.int16), np.zeros(0, np.int32)
    return np.zeros(0, np.int32), np.zeros(0, np.int64)


def fold_tables(
    plan: FoldPlan, folds: Sequence[Fold], spec: ArraySpec, pace: Pace, waves: Sequence[FoldWaves] | None
) -> FoldTables:
    """Flat tables of ``folds`` (at least one), which may be part of the plan's; ``waves``: one for each, if any."""
    tiles = {id(fold.tile): fold.tile for fold in folds}
    starts = dict(zip(tiles, _starts([len(tile.edge) for tile in tiles.values()]), strict=True))
    width = max(tile.edge.shape[1] for tile in tiles.values())
    edge = np.concatenate([_widen(tile.edge, width, -1) for tile in tiles.values()])
    counts = [fold_piece_counts(fold, plan.moving, spec) for fold in folds]
    lines = max(own.shape[1] for own, _ in counts)
    steps = np.array([len(fold.steps) for fold in folds])
    return FoldTables(
        rows=np.array([len(fold.rows) or len(fold.tile.edge) for fold in folds]),
        cols=np.array([len(fold.cols) for fold in folds]),
        first_step=_starts(steps),
        pace=_least_beats(folds, pace, waves),
        load_row=np.array([max(pace.load_row_cycles, wave.load_row) for wave in waves])
        if waves
        else np.full(len(folds), pace.load_row_cycles),
        drain_row=np.array([pace.later_drain_row_cycles if fold.later_k else pace.drain_row_cycles for fold in folds]),
        row_at=_starts([len(fold.rows) for fold in folds]),
        col_at=_starts([len(fold.cols) for fold in folds]),
        tile_at=np.array([starts[id(fold.tile)] for fold in folds]),
        operands=np.array([int((fold.tile.select[:, 0] >= 0).sum()) for fold in folds]),
        row_ids=np.concatenate([fold.rows for fold in folds]),
        col_ids=np.concatenate([fold.cols for fold in folds]),
        fold=np.repeat(np.arange(len(folds)), steps),
        source=np.concatenate([fold.steps for fold in folds]),
        own_count=_stack([own for own, _ in counts], lines),
        other_count=_stack([other for _, other in counts], lines),
        edge=np.ascontiguousarray(edge),
        pe_at=_starts(np.concatenate([np.full(len(t.edge), t.select[0].size) for t in tiles.values()])),
        select=np.concatenate([tile.select.ravel() for tile in tiles.values()]),
        value=np.concatenate([tile.value.ravel() for tile in tiles.values()]),
        zeros=np.concatenate([(tile.value == 0).sum(axis=1) for tile in tiles.values()]),
    )


def _least_beats(folds: Sequence[Fold], pace: Pace, waves: Sequence[FoldWaves] | None) -> Ints:
    """Of every step of all folds."""
    ports = [pace.later_beat_cycles if fold.later_k else pace.beat_cycles for fold in folds]
    least = np.repeat(np.array(ports, np.int64), [len(fold.steps) for fold in folds])
    return np.maximum(least, np.concatenate([wave.steps for wave in waves])) if waves else least


def _starts(lengths: Sequence[int] | Ints) -> Ints:
    """Where parts of these lengths begin in their concatenation."""
    return np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)


def _stack(parts: list[NDArray[np.int32]], lines: int) -> NDArray[np.int32]:
    return np.concatenate([_widen(part, lines, 1) for part in parts])


def _widen(table: NDArray[_Integer], width: int, value: int) -> NDArray[_Integer]:
    """``table`` with columns of ``value`` up to ``width``."""
    missing = width - table.shape[1]
    return np.pad(table, ((0, 0), (0, missing)), constant_values=value) if missing else table
