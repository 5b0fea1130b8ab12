"""Beats and counts worked out by hand, one PE each."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.reference import ArraySpec, run_reference


def beat(a: list[int], w: list[int], **fields: object) -> int:
    """b of a single step of one PE with a lane per operand: 1 load cycle, b cycles."""
    spec = ArraySpec(rows=1, cols=1, lanes=len(a), a_signed=min(a) < 0, w_signed=min(w) < 0, **fields)
    run = run_reference(np.array([a]), np.array(w)[:, None], spec)
    assert run.outputs.item() == int(np.dot(a, w))
    return run.cycles - 1


@pytest.mark.parametrize(
    ("a", "fields", "expected"),
    [
        ([0], {}, 1),
        ([0b1011], {}, 3),
        ([-128], {}, 1),
        ([127], {}, 7),
        ([127], {"encoding": "csd"}, 2),  # 128 - 1
        ([0b1010, 0b0101], {}, 2),
        ([0b1010, 0b0101], {"term_window": 0}, 4),  # four distinct positions
        ([0b1010, 0b0101], {"term_window": 1}, 2),  # 1 and 0 lie within 2 positions, then 3 and 2
        ([0b1000, 0b0001], {"term_window": 1}, 2),  # 3 is out of reach of 0
        ([0b1000, 0b0001], {"term_window": 2}, 1),
        ([0b10001, 0b10001], {"term_window": 0}, 2),
    ],
)
def test_terms_of_activations(a: list[int], fields: dict[str, object], expected: int) -> None:
    assert beat(a, [3] * len(a), arithmetic="term_serial_act", **fields) == expected
    assert beat([3] * len(a), a, arithmetic="term_serial_weight", **fields) == expected


@pytest.mark.parametrize(
    ("a", "w", "expected"), [([7], [3], 6), ([0], [255], 1), ([7, 1], [1, 15], 4), ([255], [127], 56)]
)
def test_pairs_of_terms(a: list[int], w: list[int], expected: int) -> None:
    assert beat(a, w, arithmetic="term_serial_both", w_bits=8) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"arithmetic": "parallel", "native_bits": 8}, 1),
        ({"arithmetic": "parallel", "native_bits": 4}, 4),
        ({"arithmetic": "parallel", "native_bits": 3}, 9),
        ({"arithmetic": "serial_act"}, 8),
        ({"arithmetic": "serial_act", "digit_bits": 3}, 3),
        ({"arithmetic": "serial_weight", "digit_bits": 2}, 4),
        ({"arithmetic": "serial_both", "digit_bits": 2}, 16),
        ({"arithmetic": "fused", "bricks": 16}, 1),
        ({"arithmetic": "fused", "bricks": 8}, 2),
        ({"arithmetic": "fused", "bricks": 5}, 4),  # 16 products: 5 / 16, rounded down to a quarter
    ],
)
def test_constant_beats_of_8_bit_operands(fields: dict[str, object], expected: int) -> None:
    assert beat([-77], [-101], **fields) == expected


@pytest.mark.parametrize(
    ("a", "expected"), [([5, 3], 3), ([-4, 3], 3), ([-5, 3], 4), ([0, 0], 1), ([-1, 0], 1), ([127, -1], 8)]
)
def test_dynamic_precision_takes_the_shortest_width(a: list[int], expected: int) -> None:
    assert beat(a, [1] * len(a), arithmetic="serial_act", precision="dynamic") == expected


def test_fused_fills_the_bricks_with_lanes() -> None:
    spec = ArraySpec(rows=1, cols=1, arithmetic="fused", a_bits=2, w_bits=4)
    assert spec.step_lanes == 8
    run = run_reference(np.full((1, 8), 3), np.full((8, 1), -8), spec)
    assert run.outputs.item() == -192
    assert run.cycles == 2


def test_signed_one_bit_operands_are_minus_and_plus_one() -> None:
    spec = ArraySpec(rows=4, cols=1, a_bits=1, w_bits=1, a_signed=True, arithmetic="serial_both")
    run = run_reference(np.array([[1, -1, -1, 1]]), np.array([[1], [1], [-1], [-1]]), spec)
    assert run.outputs.item() == 0


def test_counts_of_one_fold() -> None:
    """Two rows, two columns, three steps of 8-bit operands: every register by hand."""
    spec = ArraySpec(rows=2, cols=2, fifo_depth=2, weight_sparsity="gate")
    run = run_reference(np.ones((3, 2), int), np.array([[1, 0], [1, 1]]), spec)
    counts = run.counts
    assert (counts.macs.effectual, counts.macs.gated) == (9, 3)
    assert (counts.multiplier_cycles, counts.gated_cycles, counts.additions) == (9, 3, 12)
    assert counts.operand_hop_bits == 3 * 2 * 2 * 8
    assert counts.psum_hop_bits == 3 * 2 * 2 * 32
    assert counts.fifo_push_bits == 3 * 2 * 32
    assert counts.stationary_hop_bits == (1 + 2) * 2 * 8 + 2 * 2 * 8  # shifts, and the copies from the shadow
    assert counts.pe_cycles == 4 * run.cycles


def test_lanes_that_wait_for_the_slowest_are_not_busy():
    activations, weights = np.array([[255, 1], [0, 3]]), np.array([[1, 2, 3], [4, 5, 6]])
    terms = run_reference(activations, weights, ArraySpec(rows=1, cols=3, lanes=2, arithmetic="term_serial_act"))
    digits = ArraySpec(rows=1, cols=3, lanes=2, arithmetic="serial_act", precision="dynamic")
    widths = run_reference(activations, weights, digits)
    # Beats of 8 and 2 in two lanes of three columns; terms 8 + 1 and 0 + 2, widths 8 + 1 and 1 + 2.
    assert terms.counts.multiplier_cycles == widths.counts.multiplier_cycles == 2 * 3 * (8 + 2)
    assert (terms.counts.busy_cycles, widths.counts.busy_cycles) == (3 * 11, 3 * 12)
    assert (terms.counts.operand_hop_bits, widths.counts.operand_hop_bits) == (0, 2 * 2 * 3 * 8)
