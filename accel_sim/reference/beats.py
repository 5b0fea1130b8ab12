"""The detectors at the edges: how many pieces of an operand a sync group's rows (or columns) take for a step.

A detector sees the operands of its group one step ahead of the array. It takes them apart piece by piece, as the PEs
will, and announces how many cycles passed until every member was exhausted. Rows run apart by more than a step, so a
group cannot agree inside the array; each PE still takes its own operands apart, and the engine fails if one is not
done in time.

Decisions
---------
* A group is the given number of rows of the array, the unused ones below a partly filled fold included: these hold
  zeros and take the beat of their group where it holds used rows, too.
* ``parallel`` with ``precision: dynamic`` counts as both operands serial: it makes passes of ``native_bits`` over both.
* ``serial_both`` with ``precision: dynamic``: each operand takes its own widest value in the group; the beat is the
  product.
* ``n_m`` and ``pack_columns``: a serial activation's detector and its window see everything that the edge carries. The
  pairs of ``term_serial_both`` are those that the PEs multiply.
* A signed 1-bit operand is one digit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.reference.detector_kernel import exhaust_digits, exhaust_minorities, exhaust_pairs, exhaust_terms
from accel_sim.reference.digits_kernel import is_last_digit
from accel_sim.reference.folds import Fold
from accel_sim.reference.spec import DIGITS, TERMS, ArraySpec, Intake

__all__ = ["Counts", "fold_piece_counts", "fused_parts", "line_intakes"]

Counts = NDArray[np.int32]


def fold_piece_counts(fold: Fold, moving: NDArray[np.int64], spec: ArraySpec) -> tuple[Counts, Counts]:
    """Pieces per step and line of both operands; the beat is their product.

    A *line* is a row of the array, or a column where ``spec.transposed``. Returns ``(steps, lines)`` for the operand
    that enters at the line's edge and for the other one; lines are all of the array's, or the fold's with
    ``edge_folds: used``.
    """
    lines = spec.cols if spec.transposed else spec.rows
    used = len(fold.cols) if spec.transposed else len(fold.rows) or len(fold.tile.edge)
    if spec.edge_folds == "used":
        lines = used
    intakes = line_intakes(spec)
    idle_own, idle_other = (_idle_count(intake) for intake in intakes)
    if spec.arithmetic == "fused":
        idle_own = fused_parts(spec)
    if not any(intake.data_dependent for intake in intakes):
        shape = (len(fold.steps), lines)
        return np.full(shape, idle_own, np.int32), np.full(shape, idle_other, np.int32)
    own, other = _line_counts(fold, moving, spec)
    group = spec.sync_cols if spec.transposed else spec.sync_rows
    return _synchronise(own, lines, group, idle_own), _synchronise(other, lines, group, idle_other)


def line_intakes(spec: ArraySpec) -> tuple[Intake, Intake]:
    """How PEs take the operand that moves along a line, and the one that rests or crosses the lines."""
    if spec.dataflow == "is" or spec.transposed:
        return spec.weights, spec.activations
    return spec.activations, spec.weights


def _line_counts(fold: Fold, moving: NDArray[np.int64], spec: ArraySpec) -> tuple[Counts, Counts]:
    """The same for the used lines, each by itself, where it depends on the data."""
    tile, steps = fold.tile, fold.steps
    stationary = spec.dataflow != "os"
    places = len(tile.edge) if stationary else len(fold.cols if spec.transposed else fold.rows)
    ones = np.ones((len(steps), places), np.int32)
    sent, select, value = _operands(fold, moving)
    if spec.arithmetic == "term_serial_both":
        return _pair_counts(sent, select, value, spec.activations.csd, not stationary), ones
    first, second = line_intakes(spec)
    if first.bidirectional:
        return _minority_counts(value, select >= 0), ones
    if spec.transposed:
        return _own_counts(value, first), ones
    if second.data_dependent:
        # The operand that rests or comes from the top: every column has its own, all share the row's beat.
        other = _own_counts(value, second).max(axis=1)
        other = np.broadcast_to(other if stationary else other[:, None], ones.shape)
    else:
        other = ones * _constant_count(second)
    own = _own_counts(sent, first) if first.data_dependent else ones * _constant_count(first)
    return own, other


def _operands(fold: Fold, moving: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """What the edges send ``(steps, rows, E)`` and the tile's select and value as the fold issues them."""
    edge = fold.tile.edge
    if len(fold.rows) == 0:
        sent = moving[fold.steps][:, edge] * (edge >= 0)
        return sent, fold.tile.select, fold.tile.value
    edge = edge[fold.steps]
    sent = (moving[fold.rows][:, edge] * (edge >= 0)).transpose(1, 0, 2)
    return sent, fold.tile.select[fold.steps], fold.tile.value[fold.steps]


def _synchronise(counts: Counts, lines: int, group: int, idle: int) -> Counts:
    """All members of a group wait for the slowest; lines without operands take ``idle`` pieces."""
    padded = np.full((len(counts), lines), idle, np.int32)
    padded[:, : counts.shape[1]] = counts
    starts = np.arange(0, lines, group)
    slowest = np.maximum.reduceat(padded, starts, axis=1)
    return np.repeat(slowest, np.diff(np.append(starts, lines)), axis=1)


def fused_parts(spec: ArraySpec) -> int:
    """Cycles of one multiplication of ``fused``: its 2×2-bit products are halved until a part fits the bricks."""
    parts = 1
    while -(-spec.brick_products // parts) > spec.bricks:
        parts *= 2
    return parts


def _idle_count(intake: Intake) -> int:
    """Pieces of the zeros in an unused line."""
    return 1 if intake.data_dependent else _constant_count(intake)


def _constant_count(intake: Intake) -> int:
    """Pieces of an operand whose value does not matter."""
    index = 0
    while intake.style == DIGITS and not is_last_digit(0, index, intake.digit_bits, intake.bits, intake.signed, False):
        index += 1
    return index + 1


def _own_counts(values: NDArray[np.int64], intake: Intake) -> Counts:
    """Pieces until the lanes (last axis) of each set of operands are exhausted, at least 1."""
    sets = np.ascontiguousarray(values).reshape(-1, values.shape[-1])
    counts = np.empty(len(sets), np.int32)
    if intake.style == TERMS:
        exhaust_terms(sets, intake.csd, intake.window, counts)
    else:
        exhaust_digits(sets, intake.digit_bits, intake.bits, intake.signed, intake.dynamic, counts)
    return counts.reshape(values.shape[:-1])


def _minority_counts(values: NDArray[np.int64], real: NDArray[np.bool_]) -> Counts:
    """Mixed columns of the real lanes (last axis) of each set of weights, at least 1."""
    lanes = values.shape[-1]
    counts = np.empty(values.size // lanes, np.int32)
    exhaust_minorities(np.ascontiguousarray(values).reshape(-1, lanes), real.reshape(-1, lanes), counts)
    return counts.reshape(values.shape[:-1])


def _pair_counts(
    sent: NDArray[np.int64], select: NDArray[np.int64], value: NDArray[np.int64], csd: bool, per_step: bool
) -> Counts:
    """Cycles until the slowest pair of each row and step is done; ``per_step``: the tile's places are steps (os)."""
    counts = np.empty(sent.shape[:2], np.int32)
    exhaust_pairs(np.ascontiguousarray(sent), select, value, csd, per_step, counts)
    return counts
