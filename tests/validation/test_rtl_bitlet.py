"""Bitlet's compute engine in RTL: it walks the bit planes of 64 weights where our lanes walk the weights' own bits.

Each plane has a pointer and a window of eight weights. Per cycle it takes the first set bit of the window and moves to
the second one, or past the window if there is none; the slowest plane ends the dot product. So the same set bits are
worked off, but a cycle holds one per plane instead of one per weight: the numbers of terms agree, the cycles do not.
"""

from __future__ import annotations

import numpy as np

from accel_sim.reference import ArraySpec, plan_layer
from accel_sim.reference.beats import fold_piece_counts
from tests.validation.golden import golden_rows

WEIGHTS = 64
WINDOW = 8
LATENCY = 9
"""Cycles from the last window step to the valid sum: selection register, adder tree, accumulator."""


def weights(row: dict[str, str]) -> np.ndarray:
    """Magnitudes, ``(64,)``."""
    text = row["weights_hex"]
    return np.array([int(text[start : start + 4], 16) for start in range(0, len(text), 4)])


def window_steps(plane: np.ndarray) -> int:
    """Steps of one plane's pointer over its 64 bits."""
    pointer = steps = 0
    while pointer < len(plane):
        ahead = np.flatnonzero(plane[pointer : pointer + WINDOW])
        pointer += int(ahead[1]) if len(ahead) > 1 else WINDOW
        steps += 1
    return steps


def planes(row: dict[str, str]) -> np.ndarray:
    """``(bits, 64)``: bit b of every weight."""
    return weights(row) >> np.arange(int(row["wgt_bits"]))[:, None] & 1


def our_terms(row: dict[str, str]) -> np.ndarray:
    """Beats of a PE with one lane per weight, weight by weight: number of terms, at least 1. ``(64,)``"""
    values = weights(row)
    spec = ArraySpec(
        rows=1,
        cols=1,
        dataflow="os",
        arithmetic="term_serial_weight",
        w_bits=16,
        w_signed=False,
    )
    plan = plan_layer(np.ones((1, 1, WEIGHTS), np.int64), values[None, :, None], spec)
    (fold,) = plan.folds
    own, other = fold_piece_counts(fold, plan.moving, spec)
    return (own * other)[:, 0]


def test_cycles_are_the_slowest_plane_s_window_steps():
    for row in golden_rows("rtl_bitlet_ce"):
        steps = max(window_steps(plane) for plane in planes(row))
        assert steps == int(row["predicted_window_steps"])
        assert steps + LATENCY == int(row["latency_cycles"])


def test_terms_to_work_off_are_ours():
    for row in golden_rows("rtl_bitlet_ce"):
        terms = our_terms(row)
        at_least_one = (weights(row) == 0).sum()  # a beat is 1 where nothing is left to do
        per_plane = planes(row).sum(axis=1)
        assert terms.sum() - at_least_one == per_plane.sum()
        assert per_plane.max() == int(row["max_popcount"])
        assert abs(per_plane.mean() - float(row["mean_popcount"])) <= 0.005 + 1e-9


def test_no_window_step_can_beat_the_fullest_plane_or_the_window():
    for row in golden_rows("rtl_bitlet_ce"):
        steps = int(row["predicted_window_steps"])
        assert max(int(row["max_popcount"]), WEIGHTS // WINDOW) <= steps <= WEIGHTS
        # One lane per weight ends after the longest weight: fewer cycles, on 64 shifters instead of one per plane.
        assert our_terms(row).max() <= int(row["wgt_bits"]) < WEIGHTS
