"""Which searches are run, in the order of their worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from rl.runs.request import SearchRequest
from rl.searchers.registry import SEARCHERS
from tests.validation.accuracy.networks import NETWORKS

__all__ = ["BOUND", "COMPARED", "EPISODES", "MACHINES", "OTHER_BOUNDS", "POLICIES", "RUNS", "SearchTrial", "all_trials"]

RUNS = Path(__file__).resolve().parents[3] / "out" / "validate-search"
"""Folders of the searches."""
POLICIES = RUNS.parents[1] / "docs" / "policies"
"""What the composite agent found, by key."""
EPISODES = 200
MACHINES = ("loom_like", "term_serial_vector_sparse", "dense_int8_16x16")
SEEDS = (0, 1, 2)
COMPARED = ("resnet8", "resnet20")
COMPOSITE_ALONE_NETWORKS = (
    "resnet32",
    "resnet56",
    "cifar10_squeezenet_bn",
    "cifar100_resnet20_s64",
    "cifar100_densenet_bc_100_12",
    "mobilenetv2_1.0_224",
)
BOUND = 1.0
"""Points of accuracy that the agents are compared at."""
OTHER_BOUNDS = (0.5, 1.7)
"""Asked of the composite agent besides; 1.7 points is the paper's average loss."""


@dataclass(frozen=True)
class SearchTrial:
    """One search."""

    network: str
    machine: str
    agent: str
    seed: int
    max_loss_points: float = BOUND

    @property
    def key(self) -> str:
        """A name for its folder and its row."""
        return f"{self.network}-{self.machine}-{self.agent}-{self.max_loss_points:g}-{self.seed}"

    def request(self, shared: Path, out: Path, sensitivity: Path | None) -> SearchRequest:
        """What is asked for."""
        network = NETWORKS[self.network]
        kind, folder = network.images
        return SearchRequest(
            model=f"compress.models:{network.build.__name__}",
            hardware=self.machine,
            data=f"{kind}:{shared / 'data' / folder}",
            agent=self.agent,
            episodes=EPISODES,
            max_loss_points=self.max_loss_points,
            out=out,
            seed=self.seed,
            weights=shared / "data" / "weights" / network.weights,
            sensitivity=sensitivity,
        )


def all_trials() -> Iterator[SearchTrial]:
    """Each search once: the agents side by side where they differ most, the composite agent everywhere, the rest."""
    yield from dict.fromkeys(_by_worth())


def _by_worth() -> Iterator[SearchTrial]:
    for machine in MACHINES:
        yield SearchTrial(COMPARED[0], machine, "composite", SEEDS[0])
    yield from _side_by_side(COMPARED[0], MACHINES[0])
    for machine in MACHINES:
        yield SearchTrial(COMPARED[1], machine, "composite", SEEDS[0])
    for network, machine in product(COMPARED, MACHINES):
        yield from _side_by_side(network, machine)
    for network, machine in product(COMPOSITE_ALONE_NETWORKS, MACHINES):
        yield SearchTrial(network, machine, "composite", SEEDS[0])
    for network, bound, machine in product((*COMPARED, *COMPOSITE_ALONE_NETWORKS), OTHER_BOUNDS, MACHINES):
        yield SearchTrial(network, machine, "composite", SEEDS[0], bound)


def _side_by_side(network: str, machine: str) -> Iterator[SearchTrial]:
    for seed, agent in product(SEEDS, SEARCHERS):
        yield SearchTrial(network, machine, agent, seed)
