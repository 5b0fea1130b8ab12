"""The cycle-level DRAM against Ramulator 2 under equal set-up: clocks before the last request was sent."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from accel_sim.memory.cycle_level import run_requests
from tests.shared_files import shared_path, shared_root
from tests.unit.memory.ramulator_parts import (
    CLOCKS_PER_CK,
    EQUAL,
    ramulator_part,
    ramulator_settings,
    ramulator_trace,
)

RUNS = shared_root() / "golden" / "ramulator2_runs.csv"


def _rows() -> list[dict[str, str]]:
    if not RUNS.exists():
        return []
    with RUNS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ROWS = _rows()


@pytest.mark.skipif(not ROWS, reason="golden/ramulator2_runs.csv not found (set BITGROVE_SHARED)")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['std']}-{row['trace']}")
def test_run(row: dict[str, str]) -> None:
    part = ramulator_part(shared_path("golden/ramulator2_params.csv"), row["std"])
    assert part.burst_bytes == int(row["bytes_per_req"])
    addresses, writes = ramulator_trace(row["trace"], int(row["requests"]), part)
    run = run_requests(part, addresses, writes, np.zeros(len(addresses), np.int64), settings=ramulator_settings())
    clocks = int(row["cycles"]) / CLOCKS_PER_CK.get(row["std"], 1)
    if row["std"] in EQUAL:
        assert run.accepted_cycles == clocks
    assert run.accepted_cycles == pytest.approx(clocks, rel=0.01)
    assert run.row_hits == pytest.approx(int(row["row_hits"]), rel=0.005, abs=40)  # those under way are not in theirs
