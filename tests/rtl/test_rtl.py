"""The Verilog array against NumPy, the page's recurrences, the project's engines and another RTL's measurements."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.rtl import spec
from tests.rtl.cases import CHOSEN, chosen_case, operands, random_case
from tests.rtl.engines import fast_cycles, reference_cycles
from tests.rtl.rtl_array import VERILOG, RtlCase, RtlFailure, missing_tools, run_rtl
from tests.rtl.verilator import run_verilator
from tests.shared_files import shared_path

needs_simulator = pytest.mark.skipif(missing_tools() is not None, reason=missing_tools() or "")

# Whoever claims to know the array's cycles stands here by name; each must agree with the RTL.
CYCLE_MODELS: dict[str, Callable[[RtlCase], int]] = {
    "recurrences": spec.cycles,
    "reference": reference_cycles,
    "fast": fast_cycles,
}

RANDOM_CASES = 72  # seeds of cases.random_case
GOLDEN = "golden/rtl_ws_systolic.csv"


def check(case: RtlCase, verilog: Path = VERILOG) -> None:
    """Runs the RTL once; its outputs must be NumPy's and its cycles those of every model."""
    run = run_rtl(case, verilog)
    np.testing.assert_array_equal(run.outputs, case.activations @ case.weights)
    assert {name: model(case) for name, model in CYCLE_MODELS.items()} == dict.fromkeys(CYCLE_MODELS, run.cycles)


@needs_simulator
@pytest.mark.parametrize("name", CHOSEN)
def test_chosen_product(name: str) -> None:
    check(chosen_case(name))


@needs_simulator
@pytest.mark.validate
@pytest.mark.parametrize("seed", range(RANDOM_CASES))
def test_random_product(seed: int) -> None:
    check(random_case(seed))


@pytest.mark.parametrize("seed", range(40))
def test_models_agree_without_the_rtl(seed: int) -> None:
    case = random_case(1000 + seed)
    found = {name: model(case) for name, model in CYCLE_MODELS.items()}
    assert len(set(found.values())) == 1, found


@pytest.mark.validate
@pytest.mark.skipif(shutil.which("verilator") is None, reason="verilator not found; tests/rtl/install.sh installs it")
@pytest.mark.parametrize("name", ["ws_term_serial_full", "os_term_serial_preload"])
def test_a_second_simulator_agrees(name: str) -> None:
    case = chosen_case(name)
    run = run_verilator(case).run
    np.testing.assert_array_equal(run.outputs, case.activations @ case.weights)
    assert run.cycles == spec.cycles(case)


def golden_rows() -> list[dict[str, str]]:
    with shared_path(GOLDEN).open(newline="") as file:
        return list(csv.DictReader(file))


def check_golden(row: dict[str, str]) -> None:
    """One measurement of another RTL: weight-stationary, folds one after another (``fold_overlap: none``)."""
    rng = np.random.default_rng(0)
    m, n, k, bits = (int(row[name]) for name in ("M", "N", "K", "act_bits"))
    case = RtlCase(
        operands(rng, (m, k), bits, signed=False),
        operands(rng, (k, n), 8, signed=True),
        rows=int(row["rows"]),
        cols=int(row["cols"]),
        arithmetic="parallel" if row["style"].startswith("bit-parallel") else "serial_act",
        fold_overlap="none",
        a_bits=bits,
    )
    run = run_rtl(case)
    np.testing.assert_array_equal(run.outputs, case.activations @ case.weights)
    assert (run.cycles, spec.cycles(case)) == (int(row["cycles"]), int(row["cycles"]))


@needs_simulator
def test_golden_sample() -> None:
    rows = golden_rows()
    for style in ("bit-parallel-8b", "bit-serial-act"):
        check_golden(next(row for row in rows if row["style"] == style and row["M"] == "7"))


@needs_simulator
@pytest.mark.validate
def test_every_golden_row() -> None:
    for row in golden_rows():
        check_golden(row)


# file, what stands there, what a slip would make of it, the chosen case that must notice it.
SLIPS = [
    ("fifo.v", "used != DEPTH || pop", "used != DEPTH", "ws_term_serial_preload"),
    ("fifo.v", "used != DEPTH || pop", "used < DEPTH - 1 || pop", "ws_term_serial_full"),
    ("fifo.v", "used != DEPTH || pop", "used != DEPTH + 1 || pop", "ws_term_serial_full"),
    ("serializer.v", "count == DIGITS - 1", "count == DIGITS", "ws_serial_act_preload"),
    ("serializer.v", "three & ~half", "three | ~half", "ws_term_serial_full"),
    ("ws_array.v", "(FOLD_OVERLAP != 2 || row_free)", "1'b1", "ws_term_serial_full"),
    ("ws_array.v", "loads_done == streams_done", "1'b1", "ws_parallel_none"),
    ("ws_row.v", "&& sum_valid && room", "&& room", "ws_term_serial_preload"),
    ("ws_row.v", "&& sum_valid && room", "&& sum_valid", "ws_term_serial_preload"),
    ("os_array.v", "drain_row >= r", "drain_row > r", "os_term_serial_full"),
    ("os_array.v", "drain_count[c] < r", "drain_count[c] + 1 < r", "os_serial_act_preload"),
    ("os_row.v", "operand_valid && room", "operand_valid", "os_term_serial_preload"),
    ("os_row.v", "!busy && operand_valid", "operand_valid", "os_serial_act_preload"),
]


@needs_simulator
@pytest.mark.validate
@pytest.mark.parametrize(("file", "correct", "slip", "name"), SLIPS)
def test_a_slip_in_the_rtl_is_noticed(tmp_path: Path, file: str, correct: str, slip: str, name: str) -> None:
    verilog = tmp_path / "verilog"
    shutil.copytree(VERILOG, verilog)
    source = (verilog / file).read_text()
    assert source.count(correct) == 1
    (verilog / file).write_text(source.replace(correct, slip))
    with pytest.raises((AssertionError, RtlFailure)):
        check(chosen_case(name), verilog)


@pytest.mark.parametrize("dataflow", ["ws", "os"])
def test_full_overlap_puts_folds_apart_by_steps_or_rows(dataflow: str) -> None:
    """With a constant beat folds start ``max(T·b, rows)`` apart (section 5)."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        m, n, k, rows, cols = (int(x) for x in rng.integers(1, 12, 5))
        case = RtlCase(
            operands(rng, (m, k), 8, signed=False),
            operands(rng, (k, n), 8, signed=True),
            rows=rows,
            cols=cols,
            dataflow=dataflow,  # type: ignore[arg-type]
            fold_overlap="full",
        )
        apart = (case.row_folds * case.col_folds - 1) * max(case.steps, rows)
        assert spec.cycles(case) == apart + case.steps + 2 * rows + cols - 2


@pytest.mark.parametrize("dataflow", ["ws", "os"])
def test_constant_beats_give_the_closed_form(dataflow: str) -> None:
    """``T·b + rows + cols − 2`` per fold, and a load or drain of ``rows`` (section 4)."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        m, n, k, rows, cols, lanes, bits = (int(x) for x in rng.integers(1, 9, 7))
        case = RtlCase(
            operands(rng, (m, k), bits, signed=False),
            operands(rng, (k, n), 8, signed=True),
            rows=rows,
            cols=cols,
            lanes=lanes,
            dataflow=dataflow,  # type: ignore[arg-type]
            arithmetic="serial_act",
            fold_overlap="none",
            fifo_depth=int(rng.integers(1, 4)),
            a_bits=bits,
        )
        folds = case.row_folds * case.col_folds
        assert spec.cycles(case) == folds * (case.steps * bits + 2 * rows + cols - 2)


def test_operands_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="activations do not fit 4 unsigned bits"):
        RtlCase(np.array([[16]]), np.array([[1]]), a_bits=4)
