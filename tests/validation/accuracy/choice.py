"""Which repairs are worth being on by default, measured on the half of the test images that nothing is reported on.

``python -m tests.validation.accuracy.choice --minutes 50`` measures what ``docs/repair_choice.csv`` lacks, one by one,
and stops at its time; the next run goes on. The study of accuracies puts the table into its page.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from accel_sim.files import write_atomically
from compress.accuracy import evaluate
from compress.compressed import compress_model
from compress.policy import Policy
from tests.shared_files import shared_root
from tests.validation.accuracy.networks import NETWORKS
from tests.validation.accuracy.trials import SWITCHES

__all__ = ["STORE", "ChoiceTrial", "all_choices", "choice_tables", "main", "read_choices"]

STORE = Path(__file__).resolve().parents[3] / "docs" / "repair_choice.csv"
COLUMNS = ("key", "network", "widths", "repairs", "seed", "images", "top1_percent")
WIDTHS = ((8, 8), (4, 8), (4, 4))
"""(weights, activations), bits."""
REPAIRS: Mapping[str, Mapping[str, Any]] = {
    **SWITCHES,
    "default, no least squares": {"reconstruction": "none"},
    "default, rounded to nearest": {"rounding": "nearest"},
    "default, no bias correction": {"bias_correction": False},
    "default and AdaRound": {"rounding": "adaround"},
    "default and batch norm": {"batch_norm_reestimation": True},
    "default and equalisation": {"equalisation": True},
}
"""Each switch alone, then each turned the other way among the defaults."""
SEEDS: Mapping[str, Sequence[int]] = {"resnet8": (0, 1), "resnet20": (0, 1), "mobilenetv2_1.0_224": (0,)}
"""Draws of the calibration images."""


@dataclass(frozen=True)
class ChoiceTrial:
    """One network at one pair of widths under one set of repairs, calibrated on one draw of images."""

    network: str
    widths: str
    repairs: str
    policy: Mapping[str, Any]
    seed: int

    @property
    def key(self) -> str:
        """Changes with whatever is measured."""
        resolved = Policy.model_validate(self.policy).model_dump(mode="json")
        content = json.dumps(
            [self.network, resolved, NETWORKS[self.network].calibration, self.seed, "search"], sort_keys=True
        )
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def all_choices() -> Iterator[ChoiceTrial]:
    """The first draw of all networks, then the second."""
    for seed in sorted({seed for seeds in SEEDS.values() for seed in seeds}):
        for network in (name for name, seeds in SEEDS.items() if seed in seeds):
            for w_bits, a_bits in WIDTHS:
                for repairs, switches in REPAIRS.items():
                    policy = {"defaults": {"w_bits": w_bits, "a_bits": a_bits}, "quantization": switches}
                    yield ChoiceTrial(network, f"w{w_bits}a{a_bits}", repairs, policy, seed)


def measure(trial: ChoiceTrial, shared: Path) -> dict[str, str]:
    """Compress the network of one trial and classify the search half."""
    network = NETWORKS[trial.network]
    model = network.load(shared)
    calibration = network.open(shared, "calibration")
    calibration = calibration.sample(min(network.calibration, calibration.size), trial.seed)
    policy = Policy.model_validate(trial.policy)
    compressed = compress_model(model, policy, calibration.inputs(model), calibration.labels)
    images = network.open(shared, "search")
    accuracy = evaluate(compressed.model, images)
    return {
        "key": trial.key,
        "network": trial.network,
        "widths": trial.widths,
        "repairs": trial.repairs,
        "seed": str(trial.seed),
        "images": str(images.size),
        "top1_percent": f"{accuracy.top1_percent:.2f}",
    }


def choice_tables(rows: Mapping[str, Mapping[str, str]]) -> str:
    """A section of Markdown with a table per network, from what has been measured; empty if nothing has."""
    parts = []
    for network in SEEDS:
        own = [rows[trial.key] for trial in all_choices() if trial.network == network and trial.key in rows]
        if own:
            names = [f"w{w_bits}a{a_bits}" for w_bits, a_bits in WIDTHS]
            lines = [[repairs, *(_cell(own, repairs, name) for name in names)] for repairs in REPAIRS]
            head = ["repairs", *names]
            table = [head, ["---", *["---:"] * len(names)], *(line for line in lines if any(line[1:]))]
            parts += [f"### {network}, {own[0]['images']} images", ""]
            parts += ["| " + " | ".join(cells) + " |" for cells in table] + [""]
    text = (
        "Top-1 in percent on the *even* half of the test images, on which nothing else here is measured; every layer"
        " alike.\nTwo figures: the mean over two draws of the calibration images, and half of what lies between them."
    )
    return "\n".join(["## Choice of the default repairs", "", text, "", *parts]) if parts else ""


def _cell(rows: Sequence[Mapping[str, str]], repairs: str, widths: str) -> str:
    found = [float(row["top1_percent"]) for row in rows if (row["repairs"], row["widths"]) == (repairs, widths)]
    if len(found) < 2:
        return f"{found[0]:.2f}" if found else ""
    return f"{fmean(found):.2f} ±{(max(found) - min(found)) / 2:.2f}"


def read_choices() -> dict[str, dict[str, str]]:
    """Rows measured so far, by key."""
    if not STORE.exists():
        return {}
    with STORE.open(encoding="utf-8", newline="") as file:
        return {row["key"]: row for row in csv.DictReader(file)}


def _write_choices(rows: Mapping[str, Mapping[str, str]]) -> None:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[trial.key] for trial in all_choices() if trial.key in rows)
    write_atomically(STORE, out.getvalue().encode())


def main() -> None:
    """Measure what is missing, within the time given."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=50)
    given = options.parse_args()
    shared = shared_root()
    if not (shared / "data").exists():
        sys.exit("weights and images not found: set BITGROVE_SHARED to the folder that holds data/")
    rows = read_choices()
    end = time.monotonic() + 60 * given.minutes
    missing = [trial for trial in all_choices() if trial.key not in rows]
    for done, trial in enumerate(missing):
        if time.monotonic() > end:
            print(f"{len(missing) - done} trials are left for the next run")
            break
        torch.manual_seed(0)
        rows[trial.key] = measure(trial, shared)
        _write_choices(rows)
        print(
            f"{trial.network:20} {trial.widths} {trial.seed} {trial.repairs:28} {rows[trial.key]['top1_percent']}",
            flush=True,
        )


if __name__ == "__main__":
    main()
