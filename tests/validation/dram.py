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
    CLOCKS_PER_CK,
    ramulator_part,
    ramulator_settings,
    ramulator_trace,
)

__all__ = ["dram_section"]

COUNTS = ("reads", "writes", "activates", "precharges", "refreshes", "read_hits", "write_hits")
COLUMNS = ("rd_cmds", "wr_cmds", "act_cmds", "pre_cmds", "ref_cmds", "rd_row_hits", "wr_row_hits")
RAMULATOR_TEXT = (
    "Ramulator 2's presets and its address map (RoBaRaCoCh), with `fr_fcfs_window` and 32 reads and 32 writes",
    "waiting: the controller that its source (main branch, `FRFCFS`, `AllBank`, `Open`) describes. Clocks until",
    "the last request is *sent*, as there. Its source, built and run anew, gives the very cycles of the table.",
    "",
    "- HBM: the pseudo channels of a channel share one window of requests and the two command buses and nothing",
    "  else; an activation takes two clocks of the row bus, and its timing counts from the second. With one clock",
    "  instead the stream of stride 1,024 would be 17 % faster; taken as ranks on one data bus, with queues of",
    "  banks that are served in turn, the sequential streams were 18 to 20 % off. The part `hbm2_2000` is that of",
    "  DRAMsim3, whose commands take one clock each; `act_command_ck: 2` in its timing makes it Ramulator's.",
    "- Where Ramulator departs from what a controller need do: all pseudo channels are due for refresh in the",
    "  same clock, and no other request is served until all of them have been refreshed, unless its row was",
    "  opened for it before (`pick_rw_if` only with an empty priority queue, `controller_base.cpp`); a precharge",
    "  for another row goes out as soon as tRTP allows even if row hits wait (`FRFCFS` does not protect them).",
    "  Both are followed here.",
    "- HBM3: its controller counts halves of CK (`tick_multiplier = 2`, `hbm3.py`), so its cycles are halved. A",
    "  precharge takes half a CK there and an activation one and a half; here one and two, which is what differs.",
    "- HBM3's vadd: at 512 MiB the channel starts again at its first byte. The outside run's three streams lie in",
    "  rows of their own (so its row hits say), and so do ours.",
    "- LPDDR5: ACT-1 and ACT-2 are taken as one command of two clocks; Ramulator may put reads between them",
    "  (tAAD), and sends a CAS before the first read after a pause, which is what differs.",
)


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
        rows = list(csv.DictReader(file))
    cells = []
    for row in rows:
        part = ramulator_part(golden / "ramulator2_params.csv", row["std"])
        addresses, writes = ramulator_trace(row["trace"], int(row["requests"]), part)
        nothing = np.zeros(len(addresses), np.int64)
        run = run_requests(part, addresses, writes, nothing, settings=ramulator_settings())
        theirs = int(row["cycles"]) / CLOCKS_PER_CK.get(row["std"], 1)
        difference = f"{100 * (run.accepted_cycles / theirs - 1):+.2f} %" if run.accepted_cycles != theirs else "equal"
        cells.append((row["std"], row["trace"], f"{theirs:,.0f}", f"{run.accepted_cycles:,}", difference))
    return [*RAMULATOR_TEXT, "", markdown_table(("standard", "trace", "Ramulator 2", "Bitgrove", "difference"), cells)]
