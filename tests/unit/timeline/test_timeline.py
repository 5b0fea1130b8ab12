"""The time line against cases worked out by hand, and laws that any time line obeys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.timeline import kernel


def tile(w=0, a=0, p=0, out=0, cycles=0, vector=0, from_idle=None, stage=0, deps=(-1, -1, -1)):
    record = np.zeros(kernel.COLUMNS, np.int64)
    record[[kernel.W_BYTES, kernel.A_BYTES, kernel.P_BYTES, kernel.OUT_BYTES]] = w, a, p, out
    record[[kernel.BACK_TO_BACK, kernel.FROM_IDLE, kernel.VECTOR]] = cycles, from_idle or cycles, vector
    record[kernel.STAGE] = stage
    record[[kernel.W_DEP, kernel.A_DEP, kernel.P_DEP]] = deps
    return record


def run(tiles, rate=1.0, latency=0, halves=(2, 2, 2)):
    params, nothing = np.array([0, rate, latency, 1], float), np.zeros(0, np.int64)
    *ends, times, _, _ = kernel.run(
        np.array(tiles), params, (nothing,) * 3, np.zeros((0, 4, 3), np.int64), np.array(halves)
    )
    return *ends, times


def test_one_tile_is_fetch_then_compute_then_store():
    compute, vector, ready, store, _ = run([tile(w=10, a=20, out=5, cycles=100, vector=3)], latency=7)
    assert (ready[0], compute[0], vector[0], store[0]) == (37, 137, 137, 142)


def test_a_slow_vector_unit_delays_the_store():
    compute, vector, _, store, _ = run([tile(a=10, out=5, cycles=20, vector=50)])
    assert (compute[0], vector[0], store[0]) == (30, 60, 65)


def test_the_next_tile_is_fetched_while_one_computes():
    compute, *_ = run([tile(a=10, out=1, cycles=100), tile(a=10, out=1, cycles=100)])
    assert list(compute) == [110, 210]


def test_without_a_second_half_fetch_and_compute_take_turns():
    compute, *_ = run([tile(a=10, out=1, cycles=100), tile(a=10, out=1, cycles=100)], halves=(1, 2, 2))
    assert list(compute) == [110, 220]


def test_a_third_tile_waits_for_the_half_of_the_first():
    compute, _, ready, _, _ = run([tile(a=10, out=1, cycles=100) for _ in range(3)])
    # At 110 the first tile leaves its halves: the third fetch (to 120) goes before the first store (to 121), and the
    # third tile needs both, an input half that is filled and an output half that is empty.
    assert (ready[2], compute[2]) == (121, 310)


def test_output_halves_hold_up_the_array_until_stores_are_through():
    compute, *_ = run([tile(a=1, out=1000, cycles=10) for _ in range(3)])
    assert compute[2] >= 1000 + 10


def test_a_late_fetch_exposes_the_load_again():
    compute, *_ = run([tile(a=10, out=1, cycles=5, from_idle=9), tile(a=90, out=1, cycles=5, from_idle=9)])
    assert list(compute) == [19, 100 + 9]


def test_weights_of_the_next_layer_are_fetched_before_the_border():
    first, second = tile(w=10, a=10, out=10, cycles=100), tile(w=50, a=10, out=1, cycles=10, stage=1, deps=(-1, 0, -1))
    compute, _, ready, store, _ = run([first, second])
    assert store[0] == 130
    assert ready[1] == 140  # the weights are there, only the activations had to wait for the store
    assert compute[1] == 150


def test_stages_do_not_share_the_array_while_the_vector_unit_is_busy():
    first, second = tile(a=1, out=1, cycles=10, vector=100), tile(a=1, out=1, cycles=10, stage=1)
    compute, *_ = run([first, second])
    assert compute[1] == 1 + 100 + 10


tiles_strategy = st.lists(
    st.tuples(*[st.integers(0, 30) for _ in range(4)], st.integers(0, 60), st.integers(0, 60), st.integers(0, 9)),
    min_size=1,
    max_size=12,
)


def build(rows):
    records = [tile(w=w, a=a, p=p, out=out, cycles=c, vector=v, from_idle=c + s) for w, a, p, out, c, v, s in rows]
    records[0][kernel.A_BYTES] = max(1, records[0][kernel.A_BYTES])
    records[-1][kernel.OUT_BYTES] = max(1, records[-1][kernel.OUT_BYTES])
    return records


def finish(result):
    compute, vector, _, store, _ = result
    return int(max(compute[-1], vector[-1], store.max()))


@settings(max_examples=300, deadline=None)
@given(rows=tiles_strategy, latency=st.integers(0, 20), halves=st.tuples(*[st.integers(1, 2)] * 3))
def test_bounds_and_order(rows, latency, halves):
    records = build(rows)
    result = run(records, 1.0, latency, halves)
    compute, vector, ready, _, times = result
    sizes = np.array(records)[:, : kernel.OUT_BYTES + 1]
    moved = int(sizes.sum())
    assert ((times[:, :, 1] - times[:, :, 0] >= sizes) | (sizes == 0)).all()
    assert (times[sizes == 0] == 0).all()
    assert finish(result) >= max(moved, sum(int(r[kernel.BACK_TO_BACK]) for r in records))
    assert finish(result) <= moved + sum(int(r[kernel.FROM_IDLE] + r[kernel.VECTOR]) + 4 * latency for r in records)
    assert all(np.diff(compute) >= [r[kernel.BACK_TO_BACK] for r in records[1:]])
    assert all(compute - ready >= [r[kernel.FROM_IDLE] for r in records])
    assert all(vector >= compute)


@settings(max_examples=200, deadline=None)
@given(rows=tiles_strategy, latency=st.integers(0, 20))
def test_an_ideal_memory_leaves_the_array_alone(rows, latency):
    records = build(rows)
    compute, *_ = run(records, np.inf, 0)
    expected = records[0][kernel.FROM_IDLE]
    for record in records[1:]:
        expected = expected + record[kernel.BACK_TO_BACK]
    vector_free = all(r[kernel.VECTOR] == 0 for r in records)
    if vector_free and all(r[kernel.FROM_IDLE] == r[kernel.BACK_TO_BACK] for r in records):
        assert compute[-1] == expected
    assert compute[-1] >= expected


def test_an_impossible_wait_is_an_error_not_a_hang():
    with pytest.raises(RuntimeError, match="cannot advance"):
        run([tile(a=1, out=1, cycles=1, deps=(-1, 0, -1))])
