"""Policies found for one machine, run on the others (as HAQ does), and what is sure of it within the constants' ranges.

``python -m tests.validation.search.cross`` takes the policies that the composite agent's searches (seed 0) have left
in ``docs/policies`` and writes ``docs/search_cross.csv``, ``docs/search_ranges.csv`` and their tables.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from accel_sim import load_hardware, simulate
from accel_sim.files import write_atomically
from accel_sim.result import Result
from accel_sim.uncertain_comparison import Verdict, compare_uncertain
from compress.policy_request import PolicyRequest, policy_workload
from tests.benchmarks.report import markdown_table
from tests.shared_files import shared_root
from tests.validation.accuracy.networks import NETWORKS
from tests.validation.search.trials import BOUND, COMPARED, MACHINES, POLICIES, SearchTrial

__all__ = ["cross_section", "main"]

DOCS = Path(__file__).resolve().parents[3] / "docs"
CROSS, RANGES = DOCS / "search_cross.csv", DOCS / "search_ranges.csv"
CROSS_COLUMNS = ("network", "found_for", "run_on", "saved_percent")
RANGES_COLUMNS = ("network", "conclusion", "ratio", "low", "high", "same_order_percent", "flips")
CALIBRATION = 256
DRAWS, SEED = 1000, 0
DENSE, DENSE_POLICY = "dense 8 bit", "schema: 1\ndefaults: {w_bits: 8, a_bits: 8}\n"
Results = Mapping[tuple[str, str], Result]
"""By (machine that the policy was found for, or ``DENSE``; machine that runs it)."""


def main() -> None:
    """Simulate all policies on all machines and write both tables down."""
    crossed: list[tuple[str, ...]] = []
    ranges: list[tuple[str, ...]] = []
    for network in COMPARED:
        results = _results(network)
        crossed += [(network, *row) for row in _cross(results)]
        ranges += [(network, *row) for row in _ranges(results)]
        print(network, sorted({policy for policy, _ in results}), flush=True)
    _write(CROSS, CROSS_COLUMNS, crossed)
    _write(RANGES, RANGES_COLUMNS, ranges)


def _results(network: str) -> dict[tuple[str, str], Result]:
    with TemporaryDirectory() as folder:
        dense = Path(folder) / "dense_8_bit.yaml"
        write_atomically(dense, DENSE_POLICY.encode())
        found = {
            machine: POLICIES / f"{SearchTrial(network, machine, 'composite', 0).key}.yaml" for machine in MACHINES
        }
        policies = {name: path for name, path in found.items() if path.exists()}
        if not policies:
            return {}
        results = {}
        for name, policy in {DENSE: dense, **policies}.items():
            workload = policy_workload(_request(network, policy), batch=1)
            for machine in MACHINES:
                results[name, machine] = simulate(workload, load_hardware(machine))
        return results


def _request(network: str, policy: Path) -> PolicyRequest:
    own, shared = NETWORKS[network], shared_root()
    kind, folder = own.images
    return PolicyRequest(
        f"compress.models:{own.build.__name__}",
        policy,
        f"{kind}:{shared / 'data' / folder}",
        shared / "data" / "weights" / own.weights,
        CALIBRATION,
    )


def _cross(results: Results) -> Iterator[tuple[str, ...]]:
    for (policy, machine), result in results.items():
        if policy != DENSE:
            dense = results[DENSE, machine].total.energy_pj.total
            yield policy, machine, f"{100 * (1 - result.total.energy_pj.total / dense):.2f}"


def _ranges(results: Results) -> Iterator[tuple[str, ...]]:
    """What one reads off the tables, each as a ratio of energies that is to stay on its side of 1."""
    found = [machine for machine in MACHINES if (machine, machine) in results]
    for machine in found:
        yield _judged(f"{machine}: its policy over dense 8 bit", results, (DENSE, machine), (machine, machine))
        for other in found:
            if other != machine:
                name = f"{machine}: policy of {other} over its own"
                yield _judged(name, results, (machine, machine), (other, machine))
    for first, second in pairwise(found):
        for policies in ((DENSE, DENSE), (first, second)):
            name = f"{second} over {first}, " + ("dense 8 bit" if policies[0] == DENSE else "each with its policy")
            yield _judged(name, results, (policies[0], first), (policies[1], second))


def _judged(conclusion: str, results: Results, base: tuple[str, str], other: tuple[str, str]) -> tuple[str, ...]:
    machines = [load_hardware(machine) for _, machine in (base, other)]
    verdict: Verdict = compare_uncertain([results[base], results[other]], machines, DRAWS, SEED).verdicts[0]
    ends = (verdict.ratio, verdict.interval.low, verdict.interval.high)
    return (
        conclusion,
        *(f"{end:.3f}" for end in ends),
        f"{100 * verdict.same_order:.1f}",
        ", ".join(verdict.flips),
    )


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_atomically(path, out.getvalue().encode())


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cross_section() -> str:
    """Both tables, empty without measurements."""
    return "\n".join(part for part in (_cross_table(), _ranges_table()) if part)


def _cross_table() -> str:
    rows = {(row["network"], row["found_for"], row["run_on"]): row["saved_percent"] for row in _read(CROSS)}
    if not rows:
        return ""
    pairs = dict.fromkeys((network, found_for) for network, found_for, _ in rows)
    lines = [(*pair, *(rows.get((*pair, machine), "") for machine in MACHINES)) for pair in pairs]
    table = markdown_table(("network", "found for", *(f"on {machine}" for machine in MACHINES)), lines)
    text = (
        "Energy saved, %, against the dense 8-bit network on the machine that runs it, by the composite agent's"
        f" policies (seed 0, bound {BOUND:g} points, `docs/policies`); the accuracy is the same everywhere."
    )
    return f"## A policy on other machines\n\n{text}\n\n{table}\n"


def _ranges_table() -> str:
    rows = _read(RANGES)
    if not rows:
        return ""
    lines = [tuple(row[column] or "none" for column in RANGES_COLUMNS) for row in rows]
    header = ("network", "energy of", "ratio", "5 %", "95 %", "same order, % of draws", "constants that turn it alone")
    text = (
        f"Ratios of energies when every constant, the DRAM's among them, is drawn from its range {DRAWS:,} times (the"
        " same draws for both sides; counts are fixed), and the constants of which one end of the range alone turns the"
        " order. A conclusion is sure where at least 95 % of the draws agree and no constant turns it."
    )
    return f"## What is sure within the energy ranges\n\n{text}\n\n{markdown_table(header, lines)}\n"


if __name__ == "__main__":
    main()
