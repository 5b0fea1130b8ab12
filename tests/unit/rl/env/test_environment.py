"""The environment: the library's own checker, shaping that changes no sum, the space's spelling of actions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from accel_sim.errors import RunError
from rl.env.environment import CompressionEnv
from rl.env.episode import Episode
from rl.env.evaluator import Evaluation
from rl.env.features import FEATURES
from rl.env.space import LEAST_BITS, MOST_BITS, RATIOS, Choice


def invented(candidate) -> Evaluation:
    """Figures that depend on the candidate, without a network."""
    bits = sum(choice.w_bits + choice.a_bits for choice in candidate)
    return Evaluation(50.0 + bits / 2, 1.0, 1e5 * bits, 1, 1.0, 0.0, 0.0)


@pytest.fixture(params=[True, False])
def env(request, problem) -> CompressionEnv:
    return CompressionEnv(replace(problem, shaped=request.param), invented)


@pytest.mark.filterwarnings("error")
def test_gymnasium_finds_nothing_wrong(env) -> None:
    check_env(env, skip_render_check=True)


def episode_of(env, generator):
    observation, info = env.reset(seed=0)
    rewards, observations, masks = [], [observation], [info["mask"]]
    terminated = False
    while not terminated:
        option = int(generator.choice(np.flatnonzero(info["mask"])))
        action = {"continuous": generator.random(3).astype(np.float32), "option": option}
        observation, reward, terminated, truncated, info = env.step(action)
        assert not truncated
        rewards.append(reward)
        observations.append(observation)
        masks.append(info["mask"])
    return rewards, observations, info


def test_steps_add_up_to_the_measured_reward(env, problem) -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        rewards, _, info = episode_of(env, generator)
        assert len(rewards) == problem.layers
        measured = problem.reward.of(info["evaluation"].top1_percent, info["evaluation"].energy_pj)
        assert sum(rewards) == pytest.approx(measured, abs=1e-12)
        assert info["reward"] == measured


def test_shaping_gives_each_step_what_the_table_predicts(problem) -> None:
    generator = np.random.default_rng(1)
    candidate = problem.space.random(generator)
    episode = Episode(problem)
    for choice in candidate:
        episode.choose(choice)
    steps = episode.rewards(0.25)
    reference = problem.space.reference
    for layer in range(problem.layers - 1):
        potentials = [
            problem.reward.of_shares(*problem.table.predicted((*candidate[:done], *reference[done:])))
            for done in (layer, layer + 1)
        ]
        assert steps[layer] == pytest.approx(potentials[1] - potentials[0], abs=1e-9)
    assert any(abs(step) > 1e-3 for step in steps[:-1])


def test_plain_rewards_come_at_the_end(problem) -> None:
    rewards, _, info = episode_of(CompressionEnv(replace(problem, shaped=False), invented), np.random.default_rng(2))
    assert rewards[:-1] == [0.0] * (problem.layers - 1)
    assert rewards[-1] == info["reward"]


def test_observations_tell_layers_and_last_actions_apart(problem) -> None:
    env = CompressionEnv(problem, invented)
    _, observations, _ = episode_of(env, np.random.default_rng(3))
    assert len({observation.tobytes() for observation in observations}) == problem.layers + 1
    env.reset()
    first, *_ = env.step({"continuous": np.array([0, 1, 1], np.float32), "option": 0})
    env.reset()
    other, *_ = env.step({"continuous": np.array([0, 0, 1], np.float32), "option": 0})
    changed = np.flatnonzero(first != other)
    assert len(FEATURES) + 6 in changed  # the last width of the weights
    assert not (set(changed) & set(range(len(FEATURES))))


def test_steps_behind_the_end_are_refused(problem) -> None:
    env = CompressionEnv(problem, invented)
    with pytest.raises(RunError, match="no episode is running"):
        env.step({"continuous": np.zeros(3, np.float32), "option": 0})


def test_every_choice_is_reached_and_comes_back(problem) -> None:
    space = problem.space
    for layer, own in enumerate(space.layers):
        for option in np.flatnonzero(own.allowed):
            for ratio in RATIOS if space.options[option].takes_ratio else (0.0,):
                for bits in range(LEAST_BITS, MOST_BITS + 1):
                    choice = space.settled(layer, Choice(int(option), ratio, bits, MOST_BITS + LEAST_BITS - bits))
                    assert space.choice(layer, space.continuous(choice), choice.option) == choice


def test_widths_have_equal_shares_of_the_action(problem) -> None:
    values = np.linspace(0, 1, 7001)
    bits = [problem.space.choice(0, (0.0, value, 0.5), 0).w_bits for value in values]
    assert set(np.bincount(bits)[LEAST_BITS:]) <= {1000, 1001}


def test_an_option_that_a_layer_may_not_take_counts_as_the_first_it_may(problem) -> None:
    space = problem.space
    layer, option = next(
        (layer, option)
        for layer, own in enumerate(space.layers)
        for option, allowed in enumerate(own.allowed)
        if not allowed
    )
    assert space.choice(layer, (0.5, 0.5, 0.5), option).option == 0
