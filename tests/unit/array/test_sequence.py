"""Fold sequences against a literal transcription of section 5's rules, one fold at a time."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.array.sequence_kernel import FULL, NONE, PRELOAD, advance, new_state, sequence_end


@dataclass(frozen=True)
class Fold:
    steps: int
    beat: int
    r: int
    c: int


def rule(folds: list[Fold], rows: int, dataflow: str, overlap: int, load: int, drain: bool) -> int:
    """End of the sequence, from the page's sentences."""
    stream = [f.steps * f.beat + f.r + f.c - 2 for f in folds]
    drains = [f.r if drain else 0 for f in folds]
    if overlap == NONE:
        return sum(stream) + (len(folds) * load if dataflow != "os" else sum(drains))
    if overlap == PRELOAD and dataflow != "os":
        begin = load
        for i in range(1, len(folds)):
            load_end = begin + load  # the load of fold i starts when fold i-1 starts streaming
            begin = max(begin + stream[i - 1], load_end)
        return begin + stream[-1]
    if overlap == PRELOAD:
        stream_end, drain_end = 0, 0
        begin = 0
        for length, drained in zip(stream, drains, strict=True):
            stream_end = begin + length
            begin = max(stream_end, drain_end)  # the shadow is free once the drain before has ended
            drain_end = begin + drained
        return drain_end
    if dataflow == "os":
        begin, end, drain_end = 0, 0, 0
        for fold, drained in zip(folds, drains, strict=True):
            # Drains follow the wave: column 0 first, each column one drain at a time.
            drain_end = max(begin + fold.steps * fold.beat + fold.r - 1, drain_end) + drained
            end = max(end, drain_end + fold.c - 1)
            begin += max(fold.steps * fold.beat, drained)
        return end
    return full_rows(folds, rows, load)


def full_rows(folds: list[Fold], rows: int, load: int) -> int:
    """`full` for ws and is: the recurrence f[r][t] over every row and step, FIFO depth 1."""
    last = [load - 1] * rows  # end of each row's last step so far; at first f_0[r][-1]
    history: list[dict[int, int]] = []  # per fold: row -> f_i[r][T-1]
    load_end, end = load, 0
    for fold in folds:
        used = range(rows - fold.r, rows)
        if history:
            may_load = max(e + 1 - r for r, e in history[-2].items()) if len(history) > 1 else load
            load_end = max(load_end, may_load) + load
            last = [max(e, load_end - 1) for e in last]
        now = {r: last[r] for r in used}
        below = history[-1] if history else {}  # f[r+1][t-1], in the first step that of the fold before
        for _ in range(fold.steps):
            step: dict[int, int] = {}
            for r in used:
                bound = now[r] + fold.beat
                if r - 1 in step:
                    bound = max(bound, step[r - 1] + 1)
                if r + 1 in below:
                    bound = max(bound, below[r + 1])
                step[r] = bound
            now = below = step
        history.append(now)
        for r in used:
            last[r] = now[r]
        end = max(end, now[rows - 1] + fold.c)
    return end


folds = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), st.integers(1, 7)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=400, deadline=None)
@given(
    runs=folds,
    dataflow=st.sampled_from(["ws", "os"]),
    overlap=st.sampled_from([NONE, PRELOAD, FULL]),
    drain=st.booleans(),
)
def test_sequence_follows_the_page(runs, dataflow, overlap, drain):
    rows = 5
    load = rows if dataflow == "ws" else 0
    state = new_state()
    flat = []
    for steps, beat, r, c, count in runs:
        drained = r if dataflow == "os" and drain else 0
        advance(state, dataflow == "os", overlap, count, steps, beat, r, c, rows, load, drained, drained)
        flat += [Fold(steps, beat, r, c)] * count
    assert sequence_end(state, dataflow == "os", overlap) == rule(flat, rows, dataflow, overlap, load, drain)


@settings(max_examples=300, deadline=None)
@given(runs=folds, load_row=st.integers(1, 2), full_height=st.booleans())
def test_full_overlap_follows_the_recurrence(runs, load_row, full_height):
    rows = 5
    state = new_state()
    flat = []
    for steps, beat, r, c, count in runs:
        height = rows if full_height else r
        advance(state, False, FULL, count, steps, beat, height, c, rows, rows * load_row, 0, 0)
        flat += [Fold(steps, beat, height, c)] * count
    assert sequence_end(state, False, FULL) == full_rows(flat, rows, rows * load_row)


@pytest.mark.parametrize("overlap", [NONE, PRELOAD, FULL])
@pytest.mark.parametrize("os", [True, False])
def test_a_million_folds_cost_no_more_than_a_few(overlap, os):
    state = new_state()
    load, drain = (0, 8) if os else (8, 0)
    advance(state, os, overlap, 1_000_000, 3, 2, 8, 8, 8, load, drain, drain)
    one = new_state()
    for _ in range(1000):
        advance(one, os, overlap, 1, 3, 2, 8, 8, 8, load, drain, drain)
    thousand = sequence_end(one, os, overlap)
    advance(one, os, overlap, 1, 3, 2, 8, 8, 8, load, drain, drain)
    period = sequence_end(one, os, overlap) - thousand
    assert sequence_end(state, os, overlap) == thousand + (1_000_000 - 1000) * period


def test_an_empty_sequence_takes_no_time():
    assert sequence_end(new_state(), False, PRELOAD) == 0
