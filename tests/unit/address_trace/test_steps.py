"""When steps run: against the recurrences of the page, and fold by fold against the reference engine."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.address_trace.beats import FoldBeats
from accel_sim.address_trace.clock import Event, Load, Steps, new_clock
from accel_sim.address_trace.folds import FoldLayout, group_matrices
from accel_sim.address_trace.step_kernel import NEVER, end_steps, start_steps
from accel_sim.array.ports import Pace
from accel_sim.mapping.tiling import TileRange
from accel_sim.operand_checks import n_m_segment
from accel_sim.operands import layer_operands
from accel_sim.reference import ArraySpec, run_folds
from accel_sim.reference import Pace as ReferencePace
from accel_sim.reference.deal import Dealer, Dealing, Matrices
from accel_sim.reference.folds import Fold, FoldPlan
from tests.unit.address_trace.traced import traceable_case

PACES = st.builds(Pace, *[st.integers(1, 4)] * 5)


@st.composite
def beats(draw: st.DrawFn) -> np.ndarray:
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 5)))
    return np.array(
        draw(st.lists(st.integers(1, 6), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    ).reshape(shape)


@settings(max_examples=100, deadline=None)
@given(beats(), st.integers(1, 12), st.integers(1, 9))
def test_chunks_give_the_recurrences_of_the_page(b: np.ndarray, depth: int, chunk: int) -> None:
    steps, lines = b.shape

    @cache
    def f(r: int, t: int) -> int:
        terms = [(f(r, t - 1) if t else -1) + int(b[t, r])]
        terms += [f(r - 1, t) + 1] if r else []
        return max(terms + ([f(r + 1, t - depth)] if r + 1 < lines and t >= depth else []))

    @cache
    def s(r: int, t: int) -> int:
        terms = [s(r, t - 1) + int(b[t - 1, r]) if t else 0]
        terms += [s(r - 1, t) + 1] if r else []
        return max(terms + ([s(r + 1, t - depth)] if r + 1 < lines and t >= depth else []))

    before_f, before_s = np.full((2, depth, lines), NEVER)
    before_f[-1] = -1
    free, found_f, found_s = np.zeros(lines, np.int64), [], []
    for first in range(0, steps, chunk):
        part = b[first : first + chunk]
        for before, found in ((before_f, found_f), (before_s, found_s)):
            table = np.concatenate([before, np.zeros_like(part)])
            if found is found_f:
                end_steps(table, part, depth)
            else:
                start_steps(table, free, part, depth)
            found.append(table[depth:])
            before[:] = table[len(part) :]
    wanted = [[[form(r, t) for r in range(lines)] for t in range(steps)] for form in (f, s)]
    assert np.concatenate(found_f).tolist() == wanted[0]
    assert np.concatenate(found_s).tolist() == wanted[1]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), PACES, st.integers(1, 200))
def test_folds_stand_where_the_reference_engine_runs_them(seed: int, pace: Pace, most: int) -> None:
    """Loads, streams and drains of a whole layer on each array, whatever its arithmetic, its zeros and its overlap."""
    case = traceable_case(seed)
    layer, array = case.layer, case.hardware.array
    operands = layer_operands(layer, 0)
    bits = {"a_bits": layer.a_bits, "w_bits": layer.w_bits, "a_signed": layer.a_signed, "w_signed": layer.w_signed}
    spec = ArraySpec.from_array(array, **bits)
    matrices = group_matrices(layer, spec, lambda: operands, 1)
    tile = TileRange((0, layer.groups), (0, layer.m), (0, layer.n), (0, layer.k))
    layout = FoldLayout(layer, Dealing(spec, array.arrays, case.tiling.array_dim), matrices, most=most)
    clocks = [new_clock(FoldBeats(spec, pace, None, most=most)) for _ in range(array.arrays)]
    found: list[list[Ran]] = [[] for _ in clocks]
    for one in layout.of_tile(tile):
        events = clocks[one.array].run(one.fold, one.group, matrices(one.group).moving)
        found[one.array].append(ran_events(spec, one.fold, pace.load_row, list(events)))

    activations, weights = (
        np.stack([take(group) for group in range(layer.groups)]).astype(np.int64)
        for take in (operands.activations, operands.weights)
    )
    moving, resting = activations, weights
    if spec.dataflow == "is":
        moving, resting = (matrix.transpose(0, 2, 1) for matrix in (weights, activations))
    flat = np.ascontiguousarray(moving.reshape(-1, layer.k))
    dealer = Dealer(Matrices(flat, resting, weights), spec, array.arrays, case.tiling.array_dim, n_m_segment(layer))
    dealt = dealer.deal(tile).folds
    stretched = ReferencePace(
        pace.beat_first, pace.beat_later, pace.load_row, pace.drain_row_first, pace.drain_row_later
    )
    for index, (clock, own) in enumerate(zip(clocks, found, strict=True)):
        folds = [one.fold for one in dealt if one.array == index]
        plan = FoldPlan(tuple(folds), flat, 0, 0, False, 0)
        ran = run_folds(plan, folds, spec, stretched, np.zeros((len(flat), resting.shape[2]), np.int64))
        assert clock.end == ran.cycles
        assert [one.stream for one in own] == ran.streams.tolist()
        if spec.dataflow != "os":
            assert [one.load for one in own] == ran.loads.tolist()
        elif spec.os_drain:
            assert [one.drain for one in own] == ran.drains.tolist()


class Ran(NamedTuple):
    """First cycle and first cycle after of a fold's load, its streaming and its drain."""

    load: list[int]
    stream: list[int]
    drain: list[int]


def ran_events(spec: ArraySpec, fold: Fold, load_row: int, events: list[Event]) -> Ran:
    """The last column (row where columns are lines) ends as many cycles after the first as it lies behind it."""
    across = len(fold.rows) if spec.transposed else len(fold.cols)
    if spec.edge_folds == "full":
        across = spec.rows if spec.transposed else spec.cols
    load, drain, starts, ends = [-1, -1], [-1, -1], [], np.zeros(0, np.int64)
    for event in events:
        if isinstance(event, Load):
            load = [event.end - spec.rows * load_row, event.end]
            if spec.fold_overlap != "full":  # whose load may wait on its way, for rows whose shadow is not free
                assert event.starts[-1] == load[0]
        elif isinstance(event, Steps):
            starts.append(event.starts)
            ends = event.ends[-1] if spec.dataflow == "os" else event.ends[-1, -1:]
        else:
            ends = event.ends
            if event.drain is not None:
                drain = [int(event.drain.min()), int(event.drain.max()) + event.height * event.row_cycles]
    return Ran(load, [int(np.concatenate(starts).min()), int(ends.max()) + across], drain)
