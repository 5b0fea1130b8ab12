"""Runs the searches that ``docs/search.csv`` lacks, one by one, and rewrites ``docs/search_results.md``.

``python -m tests.validation.search.study --minutes 110`` (``make validate-search``): a run stops at its time and the
next one goes on; a killed one goes on within the search that it was at, for the searches' own stores lie in ``out/``.
Several may run side by side: each takes a search that nobody is at.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from accel_sim.errors import BitgroveError
from accel_sim.files import write_atomically
from rl import search
from tests.shared_files import shared_root
from tests.validation.rows import RowStore
from tests.validation.search.trials import POLICIES, RUNS, SearchTrial, all_trials

__all__ = ["STORE", "main"]

ROOT = Path(__file__).resolve().parents[3]
COLUMNS = (
    "key", "network", "machine", "agent", "seed", "max_loss_points", "policies", "within_bound", "saved_percent",
    "saved_percent_of_16_bit", "search_loss_points", "report_loss_points", "hypervolume", "seconds", "note",
)  # fmt: skip
STORE = RowStore(ROOT / "docs" / "search.csv", COLUMNS, lambda: (trial.key for trial in all_trials()), RUNS / "claims")


def main() -> None:
    """Run what is missing, within the time given."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=110)
    given = options.parse_args()
    shared = shared_root()
    if not (shared / "data").exists():
        sys.exit("weights and images not found: set BITGROVE_SHARED to the folder that holds data/")
    end = time.monotonic() + 60 * given.minutes
    for trial in STORE.missing(all_trials()):
        if time.monotonic() > end:
            print(f"{STORE.count_missing(all_trials())} searches are left for the next run")
            break
        row = _run(trial, shared)
        STORE.add(row)
        print(f"{trial.key:60} {row.get('saved_percent', row.get('note'))} {row.get('report_loss_points')}", flush=True)
    from tests.validation.search.page import write_page

    write_page(STORE.read())


def _run(trial: SearchTrial, shared: Path) -> dict[str, str]:
    out, start = RUNS / trial.key, time.perf_counter()
    try:
        summary = search(trial.request(shared, out, _table(trial))).summary
    except BitgroveError as error:
        return {**_facts(trial), "note": str(error).splitlines()[0]}
    if trial.agent == "composite":
        POLICIES.mkdir(exist_ok=True)
        write_atomically(POLICIES / f"{trial.key}.yaml", (out / "policy.yaml").read_bytes())
    best: dict[str, Any] = summary["best"]
    return {
        **_facts(trial),
        "policies": str(summary["episodes"]),
        "within_bound": str(best["within_bound"]),
        **{name: f"{best[name]:.2f}" for name in COLUMNS[8:12]},
        "hypervolume": f"{summary['hypervolume']:.4f}",
        "seconds": f"{time.perf_counter() - start:.0f}",
    }


def _facts(trial: SearchTrial) -> dict[str, str]:
    return {name: str(getattr(trial, name)) for name in COLUMNS[:6]}


def _table(trial: SearchTrial) -> Path | None:
    """The sensitivity table of an earlier search with another agent: measured once for all of them."""
    alike = f"{trial.network}-{trial.machine}-*-{trial.seed}"
    return next((path for path in sorted(RUNS.glob(f"{alike}/sensitivity.json"))), None)


if __name__ == "__main__":
    main()
