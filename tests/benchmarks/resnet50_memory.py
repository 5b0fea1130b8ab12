"""Resident memory of one simulation in a fresh process; prints MiB at each stage as JSON."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

# Imported for the memory that they take: what follows is measured against it.
import torchvision  # noqa: F401

import compress.graph.lower
import compress.graph.trace  # noqa: F401
from accel_sim import load_hardware, simulate
from compress.load import load_workload


def resident_mb() -> float:
    """Resident pages now, MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def peak_mb() -> float:
    """Highest resident memory so far, MiB (Linux gives KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main(hardware: str, model: str) -> None:
    """Load and simulate, and print the memory after each stage."""
    found = {"imports": resident_mb()}
    work = load_workload(model)
    found["model_peak"] = peak_mb()
    simulate(work, load_hardware(hardware))
    found["simulated_peak"] = peak_mb()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
