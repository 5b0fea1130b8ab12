"""A policy found for one machine, run on the others (as HAQ does): ``docs/search_cross.csv`` and its table.

``python -m tests.validation.search.cross`` takes the policies that the composite agent's searches (seed 0) have left
and measures what is missing.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from accel_sim import load_hardware, simulate
from accel_sim.files import write_atomically
from compress.policy_request import PolicyRequest, policy_workload
from tests.benchmarks.report import markdown_table
from tests.shared_files import shared_root
from tests.validation.accuracy.networks import NETWORKS
from tests.validation.search.trials import BOUND, COMPARED, MACHINES, RUNS, SearchTrial

__all__ = ["cross_section", "main"]

STORE = Path(__file__).resolve().parents[3] / "docs" / "search_cross.csv"
COLUMNS = ("network", "found_for", "run_on", "saved_percent")
CALIBRATION = 256
DENSE = "schema: 1\ndefaults: {w_bits: 8, a_bits: 8}\n"


def main() -> None:
    """Measure what is missing and write it down."""
    rows = _read()
    for network in COMPARED:
        found = {machine: policy for machine in MACHINES if (policy := _policy(network, machine)).exists()}
        for found_for, policy in found.items():
            for run_on in MACHINES:
                if (network, found_for, run_on) not in rows:
                    rows[network, found_for, run_on] = _saved_percent(network, policy, run_on)
                    _write(rows)
                    print(network, found_for, run_on, rows[network, found_for, run_on], flush=True)


def _policy(network: str, machine: str) -> Path:
    return RUNS / SearchTrial(network, machine, "composite", 0, BOUND).key / "policy.yaml"


def _saved_percent(network: str, policy: Path, machine: str) -> str:
    dense = policy.parent / "dense_8_bit.yaml"
    write_atomically(dense, DENSE.encode())
    energies = [_energy_pj(network, own, machine) for own in (policy, dense)]
    return f"{100 * (1 - energies[0] / energies[1]):.2f}"


def _energy_pj(network: str, policy: Path, machine: str) -> float:
    own, shared = NETWORKS[network], shared_root()
    kind, folder = own.images
    request = PolicyRequest(
        f"compress.models:{own.build.__name__}",
        policy,
        f"{kind}:{shared / 'data' / folder}",
        shared / "data" / "weights" / own.weights,
        CALIBRATION,
    )
    return simulate(policy_workload(request, batch=1), load_hardware(machine)).total.energy_pj.total


def _read() -> dict[tuple[str, str, str], str]:
    if not STORE.exists():
        return {}
    with STORE.open(encoding="utf-8", newline="") as file:
        return {(row["network"], row["found_for"], row["run_on"]): row["saved_percent"] for row in csv.DictReader(file)}


def _write(rows: dict[tuple[str, str, str], str]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([*key, value] for key, value in rows.items())
    write_atomically(STORE, out.getvalue().encode())


def cross_section() -> str:
    """The table, empty without measurements."""
    rows = _read()
    if not rows:
        return ""
    pairs = dict.fromkeys((network, found_for) for network, found_for, _ in rows)
    lines = [(*pair, *(rows.get((*pair, machine), "") for machine in MACHINES)) for pair in pairs]
    table = markdown_table(("network", "found for", *(f"on {machine}" for machine in MACHINES)), lines)
    text = (
        "Energy saved, %, against the dense 8-bit network on the machine that runs it, by the composite agent's"
        f" policies (seed 0, bound {BOUND:g} points); the accuracy is the same everywhere."
    )
    return f"## A policy on other machines\n\n{text}\n\n{table}\n"


if __name__ == "__main__":
    main()
