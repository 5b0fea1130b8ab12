"""A Verilog weight-stationary array, bit-parallel and activation-serial: cycles equal, row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest

from accel_sim import gemm, load_hardware, simulate
from accel_sim.reference import ArraySpec, run_reference
from tests.validation.golden import golden_rows

STYLES = {"bit-parallel": "parallel", "bit-serial-act": "serial_act"}


def rows(arithmetic: str) -> list[dict[str, str]]:
    return [row for row in golden_rows("rtl_ws_systolic") if arithmetic_of(row) == arithmetic]


def arithmetic_of(row: dict[str, str]) -> str:
    return next(arithmetic for style, arithmetic in STYLES.items() if row["style"].startswith(style))


def shape(row: dict[str, str]) -> tuple[int, int, int]:
    return int(row["M"]), int(row["N"]), int(row["K"])


@pytest.mark.parametrize("arithmetic", ["parallel", "serial_act"])
def test_reference_engine(arithmetic):
    compared = rows(arithmetic)
    assert len(compared) >= 10
    for row in compared:
        m, n, k = shape(row)
        bits = int(row["act_bits"])
        # The bench multiplies 8-bit weights whatever the activations are.
        spec = ArraySpec(
            rows=int(row["rows"]),
            cols=int(row["cols"]),
            arithmetic=arithmetic,
            fold_overlap="none",
            a_bits=bits,
        )
        generator = np.random.default_rng(0)
        a, w = generator.integers(0, 1 << bits, (m, k)), generator.integers(-128, 128, (k, n))
        run = run_reference(a, w, spec)
        assert run.cycles == int(row["cycles"]), row
        np.testing.assert_array_equal(run.outputs, a @ w)


@pytest.mark.parametrize("arithmetic", ["parallel", "serial_act"])
def test_fast_engine(arithmetic):
    compared = rows(arithmetic)
    assert len(compared) >= 10
    for row in compared:
        m, n, k = shape(row)
        machine = {
            "preset": "scalesim",  # ports and SRAMs without limits, folds one after another
            "array.rows": int(row["rows"]),
            "array.cols": int(row["cols"]),
            "array.arithmetic": arithmetic,
        }
        total = simulate(gemm(m, n, k, a_bits=int(row["act_bits"])), load_hardware("dense_int8_16x16", machine)).total
        assert total.cycles.total == int(row["cycles"]), row


def test_the_file_s_own_formula_is_what_it_says():
    """So that a row that was mistyped shows as such."""
    for row in golden_rows("rtl_ws_systolic"):
        m, n, k = shape(row)
        height, width = int(row["rows"]), int(row["cols"])
        beat = 1 if arithmetic_of(row) == "parallel" else int(row["act_bits"])
        folds = math.ceil(k / height) * math.ceil(n / width)
        assert folds * (2 * height + width + beat * m - 2) == int(row["cycles"])
