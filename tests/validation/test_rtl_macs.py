"""Public Verilog of precision-scalable MAC units, measured in Verilator: K steps of our beat and the pipeline stages.

The units are those of the JETCAS 2019 artefact (vincent-camus/benchmarking-precision-scalable-mac-units) and BitSys.
A dot product of length K on one PE is K/lanes steps, so a 1 × 1 output-stationary array is the same machine: it takes
the steps' beats and no skew, and the units add their input and output register.
"""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.reference import ArraySpec, run_reference
from tests.validation.golden import golden_rows

REGISTERS = 2
"""Cycles through the input and the output register of the JETCAS units."""

BITSYS_LATENCY = 21
"""Depth of BitSys's bitwise systolic multiplier and accumulator."""

ARITHMETIC = {"mac_serial": "serial_weight", "mac_serial2d": "serial_both", "mac_bfusion": "fused"}


def rows(design: str) -> list[dict[str, str]]:
    return [row for row in golden_rows("rtl_mac_cycles") if row["design"] == design]


def unit(row: dict[str, str]) -> ArraySpec:
    return ArraySpec(
        rows=1,
        cols=1,
        dataflow="os",
        os_drain=False,
        arithmetic=ARITHMETIC[row["design"]],
        digit_bits=int(row["serial_bits_per_cycle"] or 1),
        a_bits=int(row["act_bits"]),
        w_bits=int(row["wgt_bits"]),
        a_signed=True,
    )


def dot_product_cycles(spec: ArraySpec, length: int) -> int:
    """Cycles of one PE on random operands; the sum is checked on the way."""
    generator = np.random.default_rng(length)
    a = generator.integers(-(1 << spec.a_bits - 1), 1 << spec.a_bits - 1, (1, length))
    w = generator.integers(-(1 << spec.w_bits - 1), 1 << spec.w_bits - 1, (length, 1))
    run = run_reference(a, w, spec)
    np.testing.assert_array_equal(run.outputs, a @ w)
    return run.cycles


@pytest.mark.parametrize("design", list(ARITHMETIC))
def test_unit_takes_our_beats_and_its_registers(design):
    compared = rows(design)
    assert len(compared) >= 20
    for row in compared:
        cycles = dot_product_cycles(unit(row), int(row["K_dot_length"]))
        assert cycles + REGISTERS == int(row["cycles"]), row


def test_bitfusion_unit_packs_as_many_products_as_our_bricks():
    for row in rows("mac_bfusion"):
        assert unit(row).step_lanes == int(row["products_per_cycle"])


def test_bitsys_packs_by_width_where_bricks_pack_by_area():
    """BitSys's array is 8 bits wide and splits into 8/width products; 16 bricks hold (8/width)² of them, so the two
    agree at 8 bits alone. Its cycles are K steps of that many products and a constant depth."""
    compared = rows("BitSys_MAC")
    assert compared
    for row in compared:
        width, products = int(row["act_bits"]), int(row["products_per_cycle"])
        spec = ArraySpec(rows=1, cols=1, lanes=products, dataflow="os", os_drain=False, a_bits=width, w_bits=width)
        steps = -(-int(row["K_dot_length"]) // spec.step_lanes)
        assert products == 8 // width
        assert steps + BITSYS_LATENCY == int(row["cycles"])
        fused = ArraySpec(rows=1, cols=1, arithmetic="fused", a_bits=width, w_bits=width)
        assert fused.step_lanes == min(products**2, fused.bricks)
