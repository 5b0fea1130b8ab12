"""BitFusion's published table: compute and stall cycles from its organisation with our lanes. See README.md."""

from __future__ import annotations

from itertools import product

import numpy as np

from accel_sim.reference import ArraySpec, run_reference
from tests.validation.bitfusion import COLS, ROWS, best_cycles, lane_factor, layer_compute_cycles, layer_of
from tests.validation.bitfusion_machine import fused_cycles
from tests.validation.golden import golden_rows


def test_every_row_has_its_compute_and_stall_cycles():
    for row in golden_rows("bitfusion_layers"):
        stall = int(row["mem_stall_cycles"])
        theirs = (int(row["cycles"]) - stall, stall)
        assert best_cycles(layer_of(row)) == theirs, (row["network"], row["layer"])


def test_formula_without_tiles_falls_short_by_padding_alone():
    """Tiles that do not divide their extent cost the whole tile; all others need the layer's own formula."""
    rows = golden_rows("bitfusion_layers")
    exact = 0
    for row in rows:
        layer = layer_of(row)
        theirs = int(row["cycles"]) - int(row["mem_stall_cycles"])
        ours = layer_compute_cycles(layer)
        exact += ours == theirs
        assert ours <= theirs
    assert exact >= 0.7 * len(rows)


def test_lane_factor_is_bitfusion_s_for_all_widths():
    """floor(8/max(Pa, 2))·floor(8/max(Pw, 2)), the product of two powers of two up to 8 bits; ours counts bricks."""
    for a_bits, w_bits in product(range(1, 9), repeat=2):
        assert lane_factor(a_bits, w_bits) == (8 // max(a_bits, 2)) * (8 // max(w_bits, 2))


def test_both_engines_run_the_fused_machine():
    generator = np.random.default_rng(0)
    for bits in (2, 4, 8):
        a = generator.integers(0, 1 << bits, (9, 70))
        w = generator.integers(-(1 << bits - 1), 1 << bits - 1, (70, 11))
        spec = ArraySpec(rows=4, cols=8, arithmetic="fused", fold_overlap="full", a_bits=bits, w_bits=bits)
        run = run_reference(a, w, spec)
        np.testing.assert_array_equal(run.outputs, a @ w)
        assert run.cycles == fused_cycles(9, 11, 70, bits, bits, rows=4, cols=8)


def test_our_array_adds_its_load_and_fill_where_lanes_divide_channels():
    """2·rows + cols − 2 once, folds overlapped. Elsewhere ours is the shorter: K runs through kernel positions, too."""
    equal = 0
    for layer in {layer_of(row) for row in golden_rows("bitfusion_layers")}:
        m, k = layer.batch * layer.out**2, layer.kernel**2 * layer.in_channels
        ours = fused_cycles(m, layer.out_channels, k, layer.a_bits, layer.w_bits) - (2 * ROWS + COLS - 2)
        theirs = layer_compute_cycles(layer)
        lanes = ROWS * lane_factor(layer.a_bits, layer.w_bits)
        if layer.in_channels % lanes == 0 or layer.kernel == 1 or layer.reads_image:
            assert ours == theirs, layer
            equal += 1
        else:
            assert theirs / layer.kernel**2 <= ours < theirs, layer
    assert equal >= 30
