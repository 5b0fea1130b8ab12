"""When steps run: against the recurrences of the page, and fold by fold against the reference engine."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.address_trace.folds import FoldLayout, group_matrices
from accel_sim.address_trace.sequence import FoldLength, FoldSequence
from accel_sim.address_trace.step_kernel import NEVER, end_steps, start_steps
from accel_sim.address_trace.steps import FoldSteps
from accel_sim.array.ports import Pace
from accel_sim.mapping.tiling import TileRange
from accel_sim.operand_checks import n_m_segment
from accel_sim.operands import layer_operands
from accel_sim.reference import ArraySpec, plan_layer, run_folds
from accel_sim.reference import Pace as ReferencePace
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


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), PACES, st.integers(1, 200))
def test_folds_stand_where_the_reference_engine_runs_them(seed: int, pace: Pace, most: int) -> None:
    """Loads, streams and drains of a whole layer, whatever its arithmetic and its zeros."""
    case = traceable_case(seed)
    layer, array = case.layer, case.hardware.array
    operands = layer_operands(layer, 0)
    bits = {"a_bits": layer.a_bits, "w_bits": layer.w_bits, "a_signed": layer.a_signed, "w_signed": layer.w_signed}
    spec = ArraySpec.from_array(array, **bits)
    activations, weights = (
        np.stack([take(group) for group in range(layer.groups)]) for take in (operands.activations, operands.weights)
    )
    plan = plan_layer(activations, weights, spec, segment=n_m_segment(layer))
    columns = layer.m if spec.dataflow == "is" else layer.n
    stretched = ReferencePace(
        pace.beat_first, pace.beat_later, pace.load_row, pace.drain_row_first, pace.drain_row_later
    )
    ran = run_folds(plan, plan.folds, spec, stretched, np.zeros((len(plan.moving), columns), np.int64))

    matrices = group_matrices(layer, spec, lambda: operands, 1)
    layout = FoldLayout(layer, spec, matrices, most=most)
    steps = FoldSteps(spec, pace, None, most=most)
    folds = list(layout.of_tile(TileRange((0, layer.groups), (0, layer.m), (0, layer.n), (0, layer.k))))
    height = [steps.height(fold) for _, fold in folds]
    lengths = [
        FoldLength(
            0 if spec.dataflow == "os" else rows * steps.load_row_cycles(fold, group),
            steps.stream_cycles(fold, group, matrices(group).moving),
            rows * steps.drain_row_cycles(fold),
        )
        for rows, (group, fold) in zip(height, folds, strict=True)
    ]
    end, places = FoldSequence(spec.fold_overlap == "preload", spec.dataflow == "os").append(lengths)
    assert end.end == ran.cycles
    pairs = list(zip(places, lengths, strict=True))
    assert [[p.stream, p.stream + n.stream] for p, n in pairs] == ran.streams.tolist()
    if spec.dataflow != "os":
        assert [[p.load, p.load + n.load] for p, n in pairs] == ran.loads.tolist()
    elif spec.os_drain:
        assert [[p.drain, p.drain + n.drain] for p, n in pairs] == ran.drains.tolist()
