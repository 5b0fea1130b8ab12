"""All benchmarks in one run: prints them and writes ``docs/benchmarks.md`` (``make bench``)."""

from __future__ import annotations

import sys
from pathlib import Path

from accel_sim.files import write_atomically
from tests.benchmarks import (
    against_scalesim,
    command_line,
    compression,
    dram,
    reference_engine,
    report_page,
    resnet50,
    resnet50_operands,
    search_evaluation,
    sweep,
    sweep_scaling,
)
from tests.benchmarks.environment import load_per_core, machine_table
from tests.benchmarks.report import Section, checks_of

BENCHMARKS = (
    command_line.run,
    resnet50.run,
    resnet50_operands.run,
    dram.run,
    compression.run,
    search_evaluation.run,
    sweep.run,
    sweep_scaling.run,
    report_page.run,
    reference_engine.run,
    against_scalesim.run,
)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
INTRODUCTION = """\
# Benchmarks

Written by `make bench`, all figures from one run. CPU time is user + system. Where other processes share the cores, the
wall clock counts their work too and CPU time is the fairer figure (it still varies with what they leave of the caches
and of the clock)."""


def main() -> None:
    """Run every benchmark, then write the page."""
    start = load_per_core()
    sections: list[Section] = []
    for benchmark in BENCHMARKS:
        sections.append(benchmark())
        print(sections[-1].markdown(), flush=True)
    targets = f"## Targets\n\n{checks_of(sections)}\n"
    print(targets)
    machine = f"## Machine\n\n{machine_table((start, load_per_core()))}\n"
    parts = [f"{INTRODUCTION}\n", targets, *(section.markdown() for section in sections), machine]
    write_atomically(PAGE, "\n".join(parts).encode())
    print(f"written: {PAGE.relative_to(PAGE.parents[1])}", file=sys.stderr)


if __name__ == "__main__":
    main()
