"""The cycle-level DRAM beside DRAMsim3 and Ramulator 2: the section of ``docs/validation.md``."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from accel_sim.memory.cycle_level import ControllerSettings, DramRun, run_requests
from accel_sim.memory.power import run_energy
from accel_sim.memory.trace_file import read_trace
from tests.benchmarks.report import markdown_table
from tests.unit.memory.dramsim3_parts import dramsim3_setup
from tests.unit.memory.ramulator_parts import (
    BURST_LENGTHS,
    ramulator_part,
    ramulator_settings,
    ramulator_trace,
)

__all__ = ["dram_section"]

COUNTS = ("reads", "writes", "activates", "precharges", "refreshes", "read_hits", "write_hits")
COLUMNS = ("rd_cmds", "wr_cmds", "act_cmds", "pre_cmds", "ref_cmds", "rd_row_hits", "wr_row_hits")


@dataclass(frozen=True)
class _Row:
    config: str
    trace: str
    cycles: float
    energy: float
    exact: bool


def dram_section(golden: Path) -> str:
    """Both tables."""
    return "\n".join(["## DRAM: DRAMsim3 and Ramulator 2", "", *_dramsim3(golden), "", *_ramulator(golden), ""])


def _dramsim3(golden: Path) -> list[str]:
    with (golden / "dramsim3_runs.csv").open(encoding="utf-8", newline="") as file:
        rows = [_dramsim3_row(golden, row) for row in csv.DictReader(file)]
    cells = []
    for config, group in groupby(rows, lambda row: row.config):
        own = list(group)
        worst = max(own, key=lambda row: abs(row.cycles))
        cells.append(
            (
                config,
                len(own),
                sum(row.exact for row in own),
                f"{100 * worst.cycles:+.2f} %{f' ({worst.trace})' if worst.cycles else ''}",
                f"{100 * max((row.energy for row in own), key=abs):+.3f} %",
            )
        )
    return [
        "DRAMsim3's configurations (organisation, timing, currents, ranks, address map, queues), its traces. Equal are",
        "cycles and the numbers of reads, writes, activations, precharges, refreshes and row hits. In the other runs",
        "two reads of one burst are in flight at once, which DRAMsim3 answers with one command. Energy: IDD method.",
        "",
        markdown_table(("configuration", "runs", "equal", "worst cycles", "worst energy"), cells),
    ]


def _dramsim3_row(golden: Path, row: dict[str, str]) -> _Row:
    setup = dramsim3_setup(golden / "dramsim3_params.csv", row["config"])
    trace = read_trace(golden / "dramsim3_traces" / f"{row['trace']}.trace")
    run = run_requests(
        setup.part,
        trace.addresses,
        trace.writes,
        trace.cycles,
        channels=setup.channels,
        per_clock=int(row["reqs_per_cycle_max"]),
        settings=ControllerSettings(address_map=setup.address_map),
    )
    return _Row(
        row["config"],
        row["trace"],
        run.cycles / int(row["cycles"]) - 1,
        run_energy(setup.part, run).total_pj / float(row["total_energy_pJ"]) - 1,
        run.cycles == int(row["cycles"]) and _counts(run) == [int(row[name]) for name in COLUMNS],
    )


def _counts(run: DramRun) -> list[int]:
    return [getattr(run, name) for name in COUNTS]


def _ramulator(golden: Path) -> list[str]:
    with (golden / "ramulator2_runs.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["std"] in BURST_LENGTHS]
    cells = []
    for row in rows:
        part = ramulator_part(golden / "ramulator2_params.csv", row["std"])
        addresses, writes = ramulator_trace(row["trace"], int(row["requests"]), int(row["bytes_per_req"]))
        nothing = np.zeros(len(addresses), np.int64)
        run = run_requests(part, addresses, writes, nothing, settings=ramulator_settings())
        theirs = int(row["cycles"])
        cells.append(
            (row["std"], row["trace"], f"{theirs:,}", f"{run.cycles:,}", f"{100 * (run.cycles / theirs - 1):+.1f} %")
        )
    return [
        "Ramulator 2's presets, its address map (RoBaRaCoCh), a window of 32 requests. Its cycles end when the last",
        "request is *sent*. HBM2: its pseudo channels are taken as ranks, since they share the data bus there; with",
        "requests that wait in the banks' queues alone (32 each) the sequential runs are within 1 %, so what differs",
        "is how many requests it looks at. HBM3 is left out: its cycles are about twice ours throughout, of a clock",
        "that is not named.",
        "",
        markdown_table(("standard", "trace", "Ramulator 2", "Bitgrove", "difference"), cells),
    ]
