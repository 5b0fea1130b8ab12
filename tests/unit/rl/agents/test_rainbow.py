"""Rainbow on problems with known answers, and each of its parts by itself."""

from __future__ import annotations

import pytest
import torch

from rl.agents.composite import CompositeAgent
from rl.agents.config import Problem, RainbowConfig
from rl.agents.rainbow import Rainbow, RainbowNetwork
from tests.unit.rl.agents.problems import Chain, MaskedIdentity, evaluate, learn, small_config

PROBLEM = Problem(state_size=3, continuous_size=0, discrete_count=4, return_range=(-2.0, 3.0))


def rainbow(seed: int = 0, **config: object) -> Rainbow:
    parts = RainbowConfig(**{"hidden": (16, 16), **config})  # type: ignore[arg-type]
    return Rainbow(PROBLEM, 3, parts, torch.Generator().manual_seed(seed))


def test_the_state_names_the_best_of_the_allowed_actions() -> None:
    environment = MaskedIdentity()
    agent = CompositeAgent(environment.problem, small_config(), seed=0)
    learn(agent, environment, episodes=30, updates_per_step=1)
    assert evaluate(agent, environment).least_return == 10.0


def test_a_reward_at_the_end_of_a_chain_is_found() -> None:
    environment = Chain()
    agent = CompositeAgent(environment.problem, small_config(n_steps=3, gamma=0.95), seed=0)
    learn(agent, environment, episodes=60, updates_per_step=1)
    assert evaluate(agent, environment, episodes=1).mean_return == 1.0


@pytest.mark.parametrize(
    "switch",
    [
        {},
        {"double": False},
        {"duelling": False},
        {"distributional": False},
        {"noisy": False},
        {"double": False, "duelling": False, "distributional": False, "noisy": False},
    ],
    ids=str,
)
def test_every_ablation_learns_a_terminal_reward(switch: dict[str, bool]) -> None:
    """One state, four actions that earn −1, 0, 1 and 2: the values are the rewards, but for the noise."""
    learner = rainbow(rate=1e-2, **switch)
    inputs, discrete = torch.ones(4, 3), torch.arange(4)
    masks, ones = torch.ones(4, 4, dtype=torch.bool), torch.ones(4)
    rewards = torch.tensor([-1.0, 0.0, 1.0, 2.0])
    for _ in range(150):
        errors = learner.learn(inputs, discrete, rewards, 0 * ones, ones, learner.bootstrap(inputs, masks))
    torch.testing.assert_close(learner.values(inputs)[0], rewards, atol=0.4, rtol=0.0)
    assert float(errors.max()) < 0.15


def test_actions_that_are_not_allowed_are_never_chosen() -> None:
    learner = rainbow()
    inputs, masks = torch.randn(64, 3), torch.zeros(64, 4, dtype=torch.bool)
    masks[torch.arange(64), torch.arange(64) % 4] = True
    for noisy in (True, False):
        assert torch.equal(learner.greedy(inputs, masks, noisy=noisy), torch.arange(64) % 4)
    assert torch.equal(learner.bootstrap(inputs, masks).choice, torch.arange(64) % 4)


def test_double_learning_chooses_by_the_trained_network() -> None:
    """After steps that its target (tau of nearly 0) did not follow, the trained network prefers action 2."""
    inputs, masks, ones = torch.ones(4, 3), torch.ones(4, 4, dtype=torch.bool), torch.ones(4)
    choices = {}
    for double in (True, False):
        learner = rainbow(double=double, noisy=False, rate=1e-2, target_tau=1e-9)
        before = int(learner.bootstrap(inputs, masks).choice[0])
        wanted = (before + 1) % 4
        rewards = torch.where(torch.arange(4) == wanted, 3.0, -2.0)
        for _ in range(40):
            learner.learn(inputs, torch.arange(4), rewards, 0 * ones, ones, learner.bootstrap(inputs, masks))
        choices[double] = (int(learner.bootstrap(inputs, masks).choice[0]) == wanted, before)
    assert choices[True][0]
    assert not choices[False][0]


def test_duelling_advantages_have_no_mean() -> None:
    network = RainbowNetwork(3, 4, 1, RainbowConfig(hidden=(16,), noisy=False), torch.Generator().manual_seed(0))
    inputs = torch.randn(5, 3)
    assert network.value is not None
    hidden = network.streams(inputs)
    torch.testing.assert_close(network(inputs).mean(dim=1), network.value(hidden[:, 16:]))


def test_new_noise_for_each_exploring_choice_and_none_for_the_best() -> None:
    learner = rainbow(noise_scale=5.0)
    inputs, masks = torch.ones(1, 3), torch.ones(1, 4, dtype=torch.bool)
    assert len({int(learner.greedy(inputs, masks, noisy=True)) for _ in range(40)}) > 1
    assert len({int(learner.greedy(inputs, masks, noisy=False)) for _ in range(40)}) == 1
