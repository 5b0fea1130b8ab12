"""Overlapping os folds with a constant beat: line by line at once against the recurrence of section 4, step by step."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.array.output_chain_kernel import append_equal_folds, chain_end, drain_chain, new_chain, run_fold

FOLDS = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 6), st.integers(1, 5), st.integers(1, 4)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(FOLDS, st.integers(1, 4), st.integers(1, 3), st.booleans(), st.booleans())
def test_any_folds(folds, beat, depth, transposed, drains):
    """Folds of (rows, columns, steps, how many, cycles per row of the drain)."""
    at_once, by_step = new_chain(5, 5, depth), new_chain(5, 5, depth)
    may_block = not transposed and max(fold[4] for fold in folds) > depth * beat
    for r, c, steps, count, drain_row in folds:
        lines, across = (c, r) if transposed else (r, c)
        append_equal_folds(
            at_once, count, lines, across, r, steps, beat, drain_row, drains, transposed, depth, may_block
        )
        for _ in range(count):
            run_fold(np.full((lines, steps), beat), np.full(steps, beat), depth, by_step)
            drain_chain(by_step, lines, across, r, drain_row, drains, transposed)
        assert chain_end(at_once) == chain_end(by_step)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(FOLDS, st.integers(1, 4), st.integers(1, 3))
def test_a_full_fifo_delays_nothing_where_all_folds_have_all_rows(folds, beat, depth):
    at_once, by_step = new_chain(5, 5, depth), new_chain(5, 5, depth)
    for _, c, steps, count, drain_row in folds:
        append_equal_folds(at_once, count, 5, c, 5, steps, beat, drain_row, True, False, depth, False)
        append_equal_folds(by_step, count, 5, c, 5, steps, beat, drain_row, True, False, depth, True)
        assert chain_end(at_once) == chain_end(by_step)
