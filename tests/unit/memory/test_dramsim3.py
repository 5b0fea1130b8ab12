"""The cycle-level DRAM against DRAMsim3: cycles, commands, row hits and energy of every golden run."""

from __future__ import annotations

import csv

import pytest

from accel_sim.memory.cycle_level import ControllerSettings, run_requests
from accel_sim.memory.power import run_energy
from accel_sim.memory.trace_file import read_trace
from tests.shared_files import shared_path, shared_root
from tests.unit.memory.dramsim3_parts import dramsim3_setup

COUNTS = ("reads", "writes", "activates", "precharges", "refreshes", "read_hits", "write_hits")
COLUMNS = ("rd_cmds", "wr_cmds", "act_cmds", "pre_cmds", "ref_cmds", "rd_row_hits", "wr_row_hits")
MERGED_READS = 1
"""Reads of a random trace that meet another of the same burst; DRAMsim3 answers both with one command."""


def _rows() -> list[dict[str, str]]:
    path = shared_root() / "golden" / "dramsim3_runs.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ROWS = _rows()


@pytest.mark.skipif(not ROWS, reason="golden/dramsim3_runs.csv not found (set BITGROVE_SHARED)")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['config']}-{row['trace']}-{row['reqs_per_cycle_max']}")
def test_run(row: dict[str, str]) -> None:
    setup = dramsim3_setup(shared_path("golden/dramsim3_params.csv"), row["config"])
    trace = read_trace(shared_path(f"golden/dramsim3_traces/{row['trace']}.trace"))
    run = run_requests(
        setup.part,
        trace.addresses,
        trace.writes,
        trace.cycles,
        channels=setup.channels,
        per_clock=int(row["reqs_per_cycle_max"]),
        settings=ControllerSettings(address_map=setup.address_map),
    )
    energy_pj = run_energy(setup.part, run).total_pj
    if int(row["rd_cmds"]) == int(row["reads"]):  # nothing was merged: the very same run
        assert run.cycles == int(row["cycles"])
        assert [getattr(run, name) for name in COUNTS] == [int(row[name]) for name in COLUMNS]
        assert energy_pj == pytest.approx(float(row["total_energy_pJ"]), rel=1e-4)  # six digits are printed
        if run.reads and setup.channels == 1:  # of several it gives the mean of the channels' means
            assert run.read_latency_cycles == pytest.approx(float(row["avg_read_latency_cycles"]), rel=1e-4)
        return
    assert run.reads - int(row["rd_cmds"]) == MERGED_READS
    assert run.cycles == pytest.approx(int(row["cycles"]), rel=0.01)
    assert run.activates == pytest.approx(int(row["act_cmds"]), rel=0.001)
    assert run.refreshes == int(row["ref_cmds"])
    assert energy_pj == pytest.approx(float(row["total_energy_pJ"]), rel=0.01)
