"""The machine against the page: every case's outputs, cycles, intervals and counts, exactly."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.reference import ArraySpec, Pace, plan_layer, run_folds, run_reference
from tests.shared_files import shared_path
from tests.unit.reference.cases import ACTIVATION_SPARSITY, ARITHMETIC, BIDIRECTIONAL, WEIGHT_SPARSITY, random_case
from tests.unit.reference.check import check_case

OVERLAPS = ("none", "preload", "full")


@pytest.mark.parametrize("fold_overlap", OVERLAPS)
@pytest.mark.parametrize("arithmetic", ARITHMETIC)
@pytest.mark.parametrize("dataflow", ["ws", "is", "os"])
def test_dataflow_arithmetic_and_overlap(dataflow: str, arithmetic: str, fold_overlap: str) -> None:
    for seed in range(3):
        check_case(random_case(seed, dataflow=dataflow, arithmetic=arithmetic, fold_overlap=fold_overlap))


@pytest.mark.parametrize(
    ("dataflow", "weight_sparsity", "activation_sparsity"),
    [(d, w, a) for d in ("ws", "is", "os") for w in WEIGHT_SPARSITY[d] for a in ACTIVATION_SPARSITY[d]],
)
def test_zero_handling(dataflow: str, weight_sparsity: str, activation_sparsity: str) -> None:
    for seed in range(100, 106):
        check_case(
            random_case(
                seed, dataflow=dataflow, weight_sparsity=weight_sparsity, activation_sparsity=activation_sparsity
            )
        )


@pytest.mark.parametrize("fifo_depth", [1, 2, 3, 4, 1000])
@pytest.mark.parametrize("sync_rows", [1, 2, 100])
def test_elastic_rows(fifo_depth: int, sync_rows: int) -> None:
    for dataflow in ("ws", "os"):
        for arithmetic in ("term_serial_act", "term_serial_weight"):
            fixed = {"dataflow": dataflow, "arithmetic": arithmetic, "rows": 4, "cols": 3, "a_bits": 8, "w_bits": 8}
            check_case(random_case(7, **fixed, fifo_depth=fifo_depth, sync_rows=sync_rows, sync_cols=sync_rows))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 5, 8]))
def test_bidirectional_bit_columns(seed: int, lanes: int) -> None:
    check_case(random_case(seed, **BIDIRECTIONAL, lanes=lanes))


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_case(seed: int) -> None:
    check_case(random_case(seed))


@pytest.mark.validate
@pytest.mark.parametrize("block", range(20))
def test_many_cases(block: int) -> None:
    for seed in range(10**6 + 1000 * block, 10**6 + 1000 * block + 1000):
        check_case(random_case(seed))


@pytest.mark.parametrize(
    ("dataflow", "fold_overlap", "expected"),
    [
        ("ws", "none", 6 * (2 * 4 + 3 + 7 * 8 - 2)),
        ("ws", "preload", 4 + 6 * (7 * 8 + 4 + 3 - 2)),
        ("ws", "full", 4 + 6 * 7 * 8 + 4 + 3 - 2),
        ("os", "none", 6 * (12 * 8 + 4 + 3 - 2 + 4)),
        ("os", "preload", 6 * (12 * 8 + 4 + 3 - 2) + 4),
        ("os", "full", 6 * 12 * 8 + 4 + 3 - 2 + 4),
    ],
)
def test_constant_beat_has_the_closed_form_of_the_page(dataflow: str, fold_overlap: str, expected: int) -> None:
    """8-bit serial activations on 4 × 3 PEs: three row folds by two column folds."""
    m, n, k = (7, 6, 12) if dataflow == "ws" else (12, 6, 12)
    rng = np.random.default_rng(1)
    spec = ArraySpec(rows=4, cols=3, dataflow=dataflow, arithmetic="serial_act", fold_overlap=fold_overlap)
    run = run_reference(rng.integers(0, 256, (m, k)), rng.integers(-128, 128, (k, n)), spec)
    assert run.cycles == expected


@pytest.mark.parametrize(("steps", "apart"), [(3, 8), (8, 8), (11, 11)])
@pytest.mark.parametrize("dataflow", ["ws", "os"])
def test_full_overlap_puts_folds_apart_by_work_or_rows(dataflow: str, steps: int, apart: int) -> None:
    m, k = (steps, 32) if dataflow == "ws" else (32, steps)
    spec = ArraySpec(rows=8, cols=2, dataflow=dataflow, fold_overlap="full")
    run = run_reference(np.ones((m, k), int), np.ones((k, 2), int), spec)
    assert set(np.diff(run.fold_end_cycles)) == {apart}


def test_cycles_equal_a_verilog_array() -> None:
    with shared_path("golden/rtl_ws_systolic.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert rows
    for row in rows:
        _check_rtl_row(row)


def _check_rtl_row(row: dict[str, str]) -> None:
    """Loads not hidden; ``style`` bit-parallel or with one activation bit per cycle."""
    bits, m, k, n = (int(row[name]) for name in ("act_bits", "M", "K", "N"))
    spec = ArraySpec(
        rows=int(row["rows"]),
        cols=int(row["cols"]),
        arithmetic="parallel" if "parallel" in row["style"] else "serial_act",
        fold_overlap="none",
        a_bits=bits,
    )
    rng = np.random.default_rng(0)
    a, w = rng.integers(0, 1 << bits, (m, k)), rng.integers(-128, 128, (k, n))
    run = run_reference(a, w, spec)
    assert run.cycles == int(row["cycles"]), row
    assert np.array_equal(run.outputs, a @ w)


def test_groups_follow_one_another() -> None:
    a, w = np.ones((3, 5, 4), int), np.ones((3, 4, 2), int)
    spec = ArraySpec(rows=4, cols=2, fold_overlap="none")
    run = run_reference(a, w, spec)
    assert run.outputs.shape == (3, 5, 2)
    assert run.cycles == 3 * run_reference(a[0], w[0], spec).cycles


def test_folds_can_be_dealt_to_several_arrays() -> None:
    rng = np.random.default_rng(5)
    a, w = rng.integers(0, 256, (1, 9, 10)), rng.integers(-128, 128, (1, 10, 8))
    spec = ArraySpec(rows=4, cols=2)
    plan = plan_layer(a, w, spec)
    outputs = np.zeros((9, 8), np.int64)
    deals = [[fold for fold in plan.folds if (fold.cols[0] // 2) % 2 == array] for array in range(2)]
    runs = [run_folds(plan, folds, spec, Pace(), outputs) for folds in deals]
    assert np.array_equal(outputs, a[0] @ w[0])
    assert sum(run.counts.macs.effectual for run in runs) == 9 * 8 * 10
    assert runs[0].cycles == runs[1].cycles


def test_nothing_left_runs_no_fold() -> None:
    spec = ArraySpec(rows=2, cols=2, weight_sparsity="skip_rows")
    run = run_reference(np.ones((3, 4), int), np.zeros((4, 5), int), spec)
    assert run.cycles == 0
    assert not run.outputs.any()
    assert run.counts.macs.skipped == 3 * 4 * 5
