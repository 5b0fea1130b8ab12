"""Overlapping ws and is folds with a constant beat: steps skipped once they repeat, against every step."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.array.stationary_chain_kernel import (
    append_fold,
    begin_fold,
    chained_step,
    end_fold,
    new_stationary_chain,
    stationary_chain_end,
)

ROWS = 5
FOLDS = st.lists(
    st.tuples(st.integers(1, ROWS), st.integers(1, 4), st.integers(1, 40), st.integers(1, 4)), min_size=1, max_size=8
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(FOLDS, st.integers(1, 6), st.integers(1, 4))
def test_any_folds(folds, load_row, depth):
    """Folds of (rows, columns, steps, beat)."""
    skipping, by_step = new_stationary_chain(ROWS, depth), new_stationary_chain(ROWS, depth)
    for r, c, steps, beat in folds:
        append_fold(skipping, ROWS, r, c, steps, beat, load_row, depth)
        begin = begin_fold(by_step, ROWS - r, ROWS, load_row)
        f = np.maximum(by_step[0][ROWS - r :], begin - 1)
        for _ in range(steps):
            chained_step(f, np.full(r, beat), by_step, r, ROWS, depth)
        end_fold(by_step, f, r, ROWS, c)
        assert stationary_chain_end(skipping) == stationary_chain_end(by_step)
        assert np.array_equal(skipping[0], by_step[0])
