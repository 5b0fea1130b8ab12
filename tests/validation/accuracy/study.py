"""Measures accuracies that ``docs/accuracy.csv`` lacks, one by one, and rewrites ``docs/accuracy.md``.

``python -m tests.validation.accuracy.study --minutes 50``: a run stops at its time and the next one goes on; a killed
one loses the trial that it was at. Several may run side by side. ``--fresh`` measures everything anew.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch

from accel_sim.errors import BitgroveError
from compress.accuracy import evaluate
from compress.compressed import compress_model
from compress.policy import Policy
from tests.shared_files import shared_root
from tests.validation.accuracy.networks import NETWORKS
from tests.validation.accuracy.trials import Trial, all_trials
from tests.validation.rows import RowStore

__all__ = ["STORE", "main", "measure"]

ROOT = Path(__file__).resolve().parents[3]
COLUMNS = (
    "key", "network", "table", "row", "column", "images", "top1_percent", "top5_percent", "kept_percent",
    "compress_s", "evaluate_s", "note",
)  # fmt: skip
STORE = RowStore(
    ROOT / "docs" / "accuracy.csv",
    COLUMNS,
    lambda: (trial.key for trial in all_trials()),
    ROOT / "out" / "validate-accuracy" / "claims",
)


def measure(trial: Trial, shared: Path) -> dict[str, str]:
    """Run one trial; what cannot be done (a criterion that a network lacks the data for) is a row with a note."""
    network = NETWORKS[trial.network]
    model = network.load(shared)
    report = network.open(shared, "report")
    images = report.stratified(trial.images) if trial.images and trial.images < report.size else report
    start, kept, note = time.perf_counter(), 100.0, ""
    if trial.policy is not None:
        calibration = network.open(shared, "calibration")
        calibration = calibration.sample(min(network.calibration, calibration.size))
        try:
            found = compress_model(
                model, Policy.model_validate(trial.policy), calibration.inputs(model), calibration.labels
            )
        except BitgroveError as error:
            return {**_facts(trial, 0), "note": str(error).splitlines()[0]}
        kept = 100 * sum(one.nonzero_after for one in found.layers) / sum(one.weights_before for one in found.layers)
        model = found.model
    compressed = time.perf_counter()
    accuracy = evaluate(model, images)
    return {
        **_facts(trial, images.size),
        "top1_percent": f"{accuracy.top1_percent:.2f}",
        "top5_percent": f"{accuracy.top5_percent:.2f}",
        "kept_percent": f"{kept:.2f}",
        "compress_s": f"{compressed - start:.1f}",
        "evaluate_s": f"{time.perf_counter() - compressed:.1f}",
        "note": note,
    }


def _facts(trial: Trial, images: int) -> dict[str, str]:
    return {
        "key": trial.key,
        "network": trial.network,
        "table": trial.table,
        "row": trial.row,
        "column": trial.column,
        "images": str(images),
    }


def main() -> None:
    """Measure what is missing, within the time given."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=50)
    options.add_argument("--fresh", action="store_true")
    given = options.parse_args()
    shared = shared_root()
    if not (shared / "data").exists():
        sys.exit("weights and images not found: set BITGROVE_SHARED to the folder that holds data/")
    if given.fresh:
        STORE.path.unlink(missing_ok=True)
    end = time.monotonic() + 60 * given.minutes
    for trial in STORE.missing(all_trials()):
        if time.monotonic() > end:
            print(f"{STORE.count_missing(all_trials())} trials are left for the next run")
            break
        torch.manual_seed(0)
        row = measure(trial, shared)
        STORE.add(row)
        print(
            f"{trial.network:28} {trial.row:24} {trial.column:16} {row.get('top1_percent', row.get('note'))}",
            flush=True,
        )
    from tests.validation.accuracy.page import write_page

    write_page(STORE.read())


if __name__ == "__main__":
    main()
