"""What one evaluation of a search costs: ResNet-20 on search images, and its energy on two machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from rl.env.evaluator import Evaluation, PolicyEvaluator
from rl.env.space import Candidate, SearchSpace
from rl.runs.request import SearchRequest, prepare
from tests.benchmarks.report import Check, Section, markdown_table, spread
from tests.shared_files import shared_root

__all__ = ["run"]

MACHINES = ("dense_int8_16x16", "loom_like")
LIMITS_S = {1000: 0.7, 5000: 3.0}
"""Images of an evaluation -> wall clock."""
SIMULATION_SHARE = 0.10
POLICIES = 9
TEXT = f"""\
`PolicyEvaluator.evaluate` of ResNet-20 with its trained weights: quantise and prune, classify CIFAR-10 search images,
simulate one image. *All layers*: {POLICIES} policies drawn at random, each in every layer unlike the one before; *a few
layers*: {POLICIES} policies that differ from the one before in one to three layers, as a search proposes them. Wall
clock in ms, median (lowest to highest), and the median share of it that the simulation takes; what is measured once
(statistics of pruning, ranges of activations) is not in them."""


def run() -> Section:
    """Evaluate on both machines, with both numbers of images."""
    shared = shared_root() / "data"
    weights = shared / "weights/cifar10/resnet20.pth"
    if not weights.exists():
        return Section("An evaluation of a search", "The trained networks are not here.", "", ())
    rows, checks = [], []
    for machine in MACHINES:
        for images, limit_s in LIMITS_S.items():
            evaluator = _evaluator(shared, weights, machine, images)
            for kind, candidates in _candidates(evaluator.space).items():
                found = [evaluator.evaluate(candidate) for candidate in candidates]
                share = _simulation_share(found)
                rows.append((f"{machine}, {images:,} images, {kind}", _times(found), f"{100 * share:.1f} %"))
                checks += _checks(f"evaluation, {machine}, {images:,} images, {kind}", found, limit_s, share)
    table = markdown_table(("ResNet-20", "wall ms", "simulation"), rows)
    return Section("An evaluation of a search", TEXT, table, tuple(checks))


def _evaluator(shared: Path, weights: Path, machine: str, images: int) -> PolicyEvaluator:
    with TemporaryDirectory() as out:
        request = SearchRequest(
            model="compress.models:resnet20",
            hardware=machine,
            data=f"cifar10:{shared / 'cifar'}",
            agent="composite",
            episodes=1,
            max_loss_points=1.0,
            out=Path(out),
            weights=weights,
            images=images,
        )
        return prepare(request).evaluator()


def _candidates(space: SearchSpace) -> dict[str, list[Candidate]]:
    """The first of each kind compiles and fills what is remembered, and is left out of the times."""
    generator = np.random.default_rng(0)
    everything = [space.random(generator) for _ in range(POLICIES + 1)]
    few = [space.random(generator)]
    for _ in range(POLICIES):
        choices = list(few[-1])
        for layer in generator.choice(len(choices), int(generator.integers(1, 4)), replace=False):
            bits = 2 + (choices[layer].w_bits - 1) % 7
            choices[layer] = replace(choices[layer], w_bits=bits)
        few.append(tuple(choices))
    return {"all layers": everything, "a few layers": few}


def _times(found: Sequence[Evaluation]) -> str:
    return spread([one.seconds for one in found[1:]])


def _simulation_share(found: Sequence[Evaluation]) -> float:
    return median(one.simulation_seconds / one.seconds for one in found[1:])


def _checks(what: str, found: Sequence[Evaluation], limit_s: float, share: float) -> list[Check]:
    seconds = median(one.seconds for one in found[1:])
    return [
        Check(what, f"≤ {limit_s:g} s", f"{seconds:.2f} s", seconds <= limit_s),
        Check(f"{what}: simulation", f"≤ {SIMULATION_SHARE:.0%}", f"{share:.1%}", share <= SIMULATION_SHARE),
    ]
