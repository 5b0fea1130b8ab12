"""Kernel parts of the output-stationary array: the chains of results that run down its columns."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from numba import njit

from accel_sim.reference.pe_kernel import STATIONARY_BITS
from accel_sim.reference.tables import NONE

__all__ = ["NEVER", "count_drained", "may_hand_over", "shift_results", "take_results"]

NEVER = -1


@njit(cache=True)
def count_drained(s, t, drain_fold, drained, folds):
    """Folds that no column has left to drain."""
    while drained < folds:
        for c in range(t.cols[drained] if s.used_edges else s.cols):
            if drain_fold[c] <= drained:
                return drained
        drained += 1
    return drained


@njit(cache=True)
def take_results(s, t, f, total, shadow, result_row, draining, outputs, counters):
    """All sums of a fold move into the chain at once (no drain: to the outputs)."""
    for row in range(t.rows[f]):
        for col in range(t.cols[f]):
            e, p = (col, row) if s.transposed else (row, col)
            output_row = t.row_ids[t.row_at[f] + row]
            if s.drains:
                shadow[row, col], result_row[row, col] = total[e, p], output_row
                if s.overlap != NONE:
                    counters[STATIONARY_BITS] += s.acc_bits
            else:
                outputs[output_row, t.col_ids[t.col_at[f] + col]] += total[e, p]
            total[e, p] = 0
    if s.drains:
        draining[: t.cols[f] if s.used_edges else s.cols] = True


@njit(cache=True)
def shift_results(s, t, f, c, shift, height, shadow, result_row, outputs, counters):
    """The chain of a column moves down one row, its last entry leaves; rows above ``shift`` have moved out."""
    last = height - 1
    if result_row[last, c] != NEVER:
        outputs[result_row[last, c], t.col_ids[t.col_at[f] + c]] += shadow[last, c]
    for row in range(last, shift, -1):
        if result_row[row - 1, c] != NEVER:
            counters[STATIONARY_BITS] += s.acc_bits
        shadow[row, c], result_row[row, c] = shadow[row - 1, c], result_row[row - 1, c]
    shadow[shift, c], result_row[shift, c] = 0, NEVER


@njit(cache=True)
def may_hand_over(s, t, e, handed_fold, drain_fold, draining, shifts, waited):
    """Whether the shadows that a line's wave will reach are empty by then.

    Rows as lines: row e of column 0 must be empty after this cycle. Columns as lines: the wave gets to row p after p
    cycles, so the column must be drained when it gets to the last row that still held results.
    """
    before = handed_fold[e]
    if before == NEVER:
        return True
    c = e if s.transposed else 0
    if drain_fold[c] != before:
        return drain_fold[c] > before
    if not draining[c]:
        return False
    if not s.transposed:
        return shifts[c] > e
    height = t.rows[before] if s.used_edges else s.rows
    return (height - shifts[c]) * t.drain_row[before] - waited[c] <= height - 1
