"""Constant beats: columns in vectors and on threads, batches of cycles; the elastic array of scalars is the oracle."""

from __future__ import annotations

import os
from dataclasses import asdict

import numpy as np
import pytest

from accel_sim.reference import ArraySpec, ReferenceRun, engine, run_reference
from accel_sim.reference.threads import run_parts, split


def run(**fields: object) -> tuple[ReferenceRun, np.ndarray]:
    """Folds of 150 columns (three blocks) and 2 to 5 rows, longer than a batch of the controller."""
    rng = np.random.default_rng(3)
    a, w = rng.integers(0, 256, (310, 17)), rng.integers(-128, 128, (17, 160))
    a[rng.random(a.shape) < 0.3] = 0
    w[rng.random(w.shape) < 0.3] = 0
    spec = ArraySpec(**({"rows": 5, "cols": 150, "dataflow": "ws"} | fields))
    return run_reference(a, w, spec), a @ w


def same(left: ReferenceRun, right: ReferenceRun) -> None:
    assert np.array_equal(left.outputs, right.outputs)
    assert asdict(left.counts) == asdict(right.counts)
    assert left.cycles == right.cycles
    assert np.array_equal(left.loads, right.loads)
    assert np.array_equal(left.streams, right.streams)


@pytest.mark.parametrize("arithmetic", ["parallel", "serial_both"])
@pytest.mark.parametrize("weight_sparsity", ["none", "gate"])
def test_any_number_of_threads(monkeypatch: pytest.MonkeyPatch, arithmetic: str, weight_sparsity: str) -> None:
    runs = []
    for cores in (1, 2, 3, 8):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        found, product = run(arithmetic=arithmetic, digit_bits=4, weight_sparsity=weight_sparsity)
        assert np.array_equal(found.outputs, product)
        runs.append(found)
    for other in runs[1:]:
        same(runs[0], other)


@pytest.mark.parametrize(
    ("fold_overlap", "edge_folds"),
    [("none", "full"), ("none", "used"), ("preload", "full"), ("preload", "used"), ("full", "full")],
)
@pytest.mark.parametrize("arithmetic", ["parallel", "serial_act"])
def test_long_folds_equal_the_elastic_array(
    monkeypatch: pytest.MonkeyPatch, arithmetic: str, fold_overlap: str, edge_folds: str
) -> None:
    fields = {"arithmetic": arithmetic, "digit_bits": 4, "fold_overlap": fold_overlap, "edge_folds": edge_folds}
    rigid, product = run(**fields)
    assert np.array_equal(rigid.outputs, product)
    monkeypatch.setattr(engine, "is_rigid", lambda spec: False)
    same(rigid, run(**fields)[0])


def test_parts_cover_the_units_in_order() -> None:
    assert [split(7, parts) for parts in (1, 2, 3)] == [[(0, 7)], [(0, 3), (3, 7)], [(0, 2), (2, 4), (4, 7)]]


def test_runs_inside_a_run_take_no_more_threads_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    inner = run_parts(lambda _: run_parts(lambda part: part, 4), 2)
    assert inner == [[(0, 4)], [(0, 4)]]
