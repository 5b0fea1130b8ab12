"""What is measured: uniform widths, every pruning algorithm, every repair; in the order of their worth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compress.policy import Policy
from compress.pruning.prune import algorithm_forms
from tests.validation.accuracy.networks import NETWORKS

__all__ = ["PLAIN", "RATIOS", "SWEEP_IMAGES", "WIDTHS", "Trial", "all_trials"]

WIDTHS = ((8, 8), (6, 6), (4, 8), (4, 4), (3, 8))
"""(weights, activations), bits."""
RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
SWEEP_IMAGES = 1000
"""Images of the sweeps, equally many of each class, of the report half; headline rows use the whole half."""
PLAIN = {"rounding": "nearest", "reconstruction": "none", "bias_correction": False}
"""No repair."""
PRUNED_REPAIRS = "aim at the outputs before pruning"
"""How repairs of pruned networks work; part of their rows' keys, so that a change of it has them measured anew."""
SWITCHES: Mapping[str, Mapping[str, Any]] = {
    "none": PLAIN,
    "bias correction": {**PLAIN, "bias_correction": True},
    "batch norm": {**PLAIN, "batch_norm_reestimation": True},
    "equalisation": {**PLAIN, "equalisation": True},
    "AdaRound": {**PLAIN, "rounding": "adaround"},
    "error feedback": {**PLAIN, "rounding": "error_feedback"},
    "least squares": {**PLAIN, "reconstruction": "least_squares"},
    "default": {},
}
"""Repairs one by one, and those that are on unless a policy says otherwise."""
MAIN_ALGORITHMS = ("level", "obs", "l1_filter", "taylor", "reconstruction")
FULL_SWEEP = ("resnet20", "resnet8")
SWEPT_BRIEFLY = ("resnet32", "cifar100_resnet20_s64", "mobilenetv2_1.0_224")


@dataclass(frozen=True)
class Trial:
    """One network under one policy on some images.

    Attributes:
        network: of :data:`NETWORKS`.
        table: where the row belongs: ``float``, ``widths``, ``pruning``, ``repairs``.
        row, column: its place in that table.
        policy: as a policy file holds it; ``None``: the float network.
        images: of the report half; 0: all.
    """

    network: str
    table: str
    row: str
    column: str
    policy: Mapping[str, Any] | None
    images: int = 0

    @property
    def key(self) -> str:
        """Changes with whatever is measured."""
        resolved = None if self.policy is None else Policy.model_validate(self.policy).model_dump(mode="json")
        parts: list[object] = [self.network, resolved, self.images, NETWORKS[self.network].calibration]
        if self.policy is not None and "algorithm" in self.policy["defaults"] and self.policy["quantization"] != PLAIN:
            parts.append(PRUNED_REPAIRS)
        content = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def all_trials() -> Iterator[Trial]:
    """Headlines of all networks, repairs, then sweeps."""
    for network in NETWORKS:
        yield Trial(network, "float", "float", "top-1", None)
        yield from _widths(network)
    yield from _repairs("resnet20")
    for network in FULL_SWEEP:
        yield from _pruning(network, tuple(algorithm_forms()), RATIOS)
    for network in SWEPT_BRIEFLY:
        yield from _pruning(network, MAIN_ALGORITHMS, (0.3, 0.5))
    yield from _repairs("mobilenetv2_1.0_224")


def _widths(network: str) -> Iterator[Trial]:
    for w_bits, a_bits in WIDTHS:
        policy = {"defaults": {"w_bits": w_bits, "a_bits": a_bits}}
        yield Trial(network, "widths", f"w{w_bits}a{a_bits}", "default", policy)
        yield Trial(network, "widths", f"w{w_bits}a{a_bits}", "none", {**policy, "quantization": PLAIN})


def _repairs(network: str) -> Iterator[Trial]:
    subjects = {
        "w4a8": {"w_bits": 4},
        "w4a4": {"w_bits": 4, "a_bits": 4},
        "level 50 %": {"algorithm": "level", "ratio": 0.5},
        "level 70 %": {"algorithm": "level", "ratio": 0.7},
        "obs 70 %": {"algorithm": "obs", "ratio": 0.7},
        "l1_filter 10 %": {"algorithm": "l1_filter", "ratio": 0.1},
    }
    for row, defaults in subjects.items():
        for switch, quantization in SWITCHES.items():
            policy = {"defaults": defaults, "quantization": quantization}
            yield Trial(network, "repairs", row, switch, policy, SWEEP_IMAGES)


def _pruning(network: str, algorithms: tuple[str, ...], ratios: tuple[float, ...]) -> Iterator[Trial]:
    forms = algorithm_forms()
    for algorithm in algorithms:
        form = forms[algorithm]
        extra = {"block": {"rows": 4, "cols": 4}} if form.pattern == "block" else {}
        steps: list[dict[str, Any]] = [{"ratio": ratio} for ratio in ratios]
        if form.pattern == "n_m":
            steps = [{"n_m": {"keep": keep, "of": 4}} for keep in (3, 2, 1)]
        for step in steps:
            share = step.get("ratio", 0) or 1 - step["n_m"]["keep"] / step["n_m"]["of"]
            for column, quantization in (("none", PLAIN), ("default", {})):
                policy = {"defaults": {"algorithm": algorithm, **extra, **step}, "quantization": quantization}
                yield Trial(network, "pruning", f"{algorithm} {100 * share:.0f} %", column, policy, SWEEP_IMAGES)
