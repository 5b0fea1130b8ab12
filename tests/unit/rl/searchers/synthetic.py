"""A search problem without a network: losses and savings of every choice are drawn, and known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rl.env.episode import SearchProblem
from rl.env.evaluator import Evaluation
from rl.env.features import FEATURES
from rl.env.reward import Reward
from rl.env.sensitivity import LayerSensitivity, SensitivityTable
from rl.env.space import RATIOS, Candidate, LayerSpace, PruningOption, SearchSpace
from rl.searchers.protocol import Outcome, SearchContext, Searcher, outcome_of

FLOAT_TOP1_PERCENT, REFERENCE_PJ = 90.0, 1e6
OPTIONS = (PruningOption(), PruningOption("l1_filter"), PruningOption("level"))


@dataclass(frozen=True, eq=False)
class Synthetic:
    """``problem`` has the table that searchers see; ``truth`` says what is measured."""

    problem: SearchProblem
    truth: SensitivityTable

    def evaluate(self, candidate: Candidate) -> Evaluation:
        """Losses and savings add up, as in the true table."""
        saved, lost = self.truth.predicted(candidate)
        energy_pj = REFERENCE_PJ * (1 - saved)
        return Evaluation(FLOAT_TOP1_PERCENT - lost, 0.0, energy_pj, 1, 1e-3, 0.0, 0.0)

    def context(self, budget: int, seed: int) -> SearchContext:
        """What a searcher is given."""
        return SearchContext(self.problem, budget, seed, self.evaluate(self.problem.space.reference))


def synthetic(
    seed: int, layers: int, *, options: int = len(OPTIONS), table_error: float = 0.0, max_loss_points: float = 1.0
) -> Synthetic:
    """A problem of a seed.

    Args:
        seed: of all that is drawn.
        layers: of the network.
        options: how many of ``OPTIONS`` there are.
        table_error: standard deviation of the logarithm of the factors between the losses that the searchers' table
            holds and the true ones; one per layer and kind of change.
        max_loss_points: bound.
    """
    generator = np.random.default_rng(seed)
    space = SearchSpace(
        tuple(LayerSpace(f"layer{index}", (True,) * options) for index in range(layers)), OPTIONS[:options]
    )
    shares = generator.dirichlet(np.ones(layers))
    true = tuple(_layer(generator, float(share), options) for share in shares)
    seen = tuple(_mistaken(generator, layer, table_error) for layer in true)
    table, truth = (SensitivityTable(own, 1.0, REFERENCE_PJ, 0, 0) for own in (seen, true))
    reward = Reward(max_loss_points, REFERENCE_PJ, FLOAT_TOP1_PERCENT)
    features = generator.random((layers, len(FEATURES))).astype(np.float32)
    return Synthetic(SearchProblem(space, features, table, reward), truth)


def measured(made: Synthetic, searcher: Searcher, budget: int, seed: int = 0) -> list[Outcome]:
    """All that a searcher proposes, in order; nothing but itself keeps it to its budget."""
    proposals, outcomes = searcher(made.context(budget, seed)), list[Outcome]()
    try:
        batch = next(proposals)
        while True:
            found = [outcome_of(made.problem, candidate, made.evaluate(candidate)) for candidate in batch]
            outcomes += found
            batch = proposals.send(found)
    except StopIteration:
        return outcomes


def _layer(generator: np.random.Generator, share: float, options: int) -> LayerSensitivity:
    """Losses rise geometrically with fewer bits; energy falls linearly."""
    energy_pj, steps = share * REFERENCE_PJ, np.arange(6, -1, -1)
    ratios = np.array(RATIOS)
    loss_of_pruning = np.zeros((options, len(RATIOS)))
    energy_left = np.ones_like(loss_of_pruning)
    for option in range(1, options):
        loss_of_pruning[option] = generator.uniform(0.2, 8) * ratios**2
        energy_left[option] = 1 - generator.uniform(0.4, 1.0) * ratios
    return LayerSensitivity(
        energy_pj=energy_pj,
        energy_share=share,
        cycles_share=share,
        loss_of_w_bits=generator.uniform(0.002, 0.03) * (2.0**steps - 1),
        loss_of_a_bits=generator.uniform(0.002, 0.03) * (2.0**steps - 1),
        loss_of_pruning=loss_of_pruning,
        energy_of_w_bits=-0.06 * energy_pj * steps,
        energy_of_a_bits=-0.06 * energy_pj * steps,
        energy_of_product=0.0,
        energy_left=energy_left,
    )


def _mistaken(generator: np.random.Generator, true: LayerSensitivity, error: float) -> LayerSensitivity:
    of_w, of_a, *of_options = np.exp(error * generator.standard_normal(2 + len(true.loss_of_pruning)))
    return LayerSensitivity(
        **{
            **vars(true),
            "loss_of_w_bits": of_w * true.loss_of_w_bits,
            "loss_of_a_bits": of_a * true.loss_of_a_bits,
            "loss_of_pruning": np.array(of_options)[:, None] * true.loss_of_pruning,
        }
    )
