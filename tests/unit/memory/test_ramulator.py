"""The cycle-level DRAM against Ramulator 2 under equal set-up: DDR4, DDR5 and LPDDR5.

HBM is left out: of HBM2's pseudo channels the two simulators disagree which resources they share (sequential runs agree
within 20 %, see ``docs/validation.md``), and HBM3's cycles are of a clock that the file does not name.
"""

from __future__ import annotations

import csv

import numpy as np
import pytest

from accel_sim.memory.cycle_level import run_requests
from tests.shared_files import shared_path, shared_root
from tests.unit.memory.ramulator_parts import ramulator_part, ramulator_settings, ramulator_trace

STANDARDS = ("DDR4", "DDR5", "LPDDR5")
RUNS = shared_root() / "golden" / "ramulator2_runs.csv"


def _rows() -> list[dict[str, str]]:
    if not RUNS.exists():
        return []
    with RUNS.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["std"] in STANDARDS]


ROWS = _rows()


@pytest.mark.skipif(not ROWS, reason="golden/ramulator2_runs.csv not found (set BITGROVE_SHARED)")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['std']}-{row['trace']}")
def test_run(row: dict[str, str]) -> None:
    part = ramulator_part(shared_path("golden/ramulator2_params.csv"), row["std"])
    addresses, writes = ramulator_trace(row["trace"], int(row["requests"]), int(row["bytes_per_req"]))
    run = run_requests(part, addresses, writes, np.zeros(len(addresses), np.int64), settings=ramulator_settings())
    assert run.cycles == pytest.approx(int(row["cycles"]), rel=0.06)
    assert run.row_hits == pytest.approx(int(row["row_hits"]), rel=0.03, abs=50)
