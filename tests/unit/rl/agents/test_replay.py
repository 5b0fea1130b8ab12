"""The replay against explicit sums, its own stated distribution, and what went wrong in peers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.errors import InputError
from rl.agents.config import Problem, ReplayConfig
from rl.agents.replay import Replay, Transition

PROBLEM = Problem(state_size=1, continuous_size=1, discrete_count=2, return_range=(-1.0, 1.0))
BOTH = np.ones(2, np.bool_)
CHI_SQUARE_999 = 43.8
"""Quantile 0.999 for 19 degrees of freedom (any table)."""


def replay(gamma: float = 0.9, seed: int = 0, **config: object) -> Replay:
    return Replay(PROBLEM, ReplayConfig(**config), gamma, np.random.default_rng(seed))  # type: ignore[arg-type]


def step(time: int, reward: float = 0.0, *, terminated: bool = False, truncated: bool = False) -> Transition:
    """From state ``time`` to ``time + 1``."""
    return Transition(
        np.array([time]), np.array([0.5]), time % 2, BOTH, reward, np.array([time + 1.0]), BOTH, terminated, truncated
    )


def fill(target: Replay, rewards: list[float], *, truncated: bool = False, first: int = 0) -> None:
    """One episode."""
    for i, reward in enumerate(rewards):
        last = i == len(rewards) - 1
        target.add(step(first + i, reward, terminated=last and not truncated, truncated=last and truncated))


episode_lists = st.lists(
    st.tuples(st.lists(st.integers(-9, 9), min_size=1, max_size=7), st.sampled_from(["terminated", "truncated"])),
    min_size=1,
    max_size=6,
)


@given(episode_lists, st.integers(1, 5), st.integers(3, 40), st.integers(0, 3))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_windows_are_explicit_sums(
    episodes: list[tuple[list[int], str]], n_steps: int, capacity: int, running: int
) -> None:
    gamma = 0.5
    target = replay(gamma, capacity=capacity, n_steps=n_steps)
    story: list[tuple[int, float, str]] = []  # state, reward, what happens after it
    for number, (rewards, end) in enumerate(episodes):
        for i, reward in enumerate(rewards):
            kind = end if i == len(rewards) - 1 else ""
            story.append((100 * number + i, float(reward), kind))
    story += [(9000 + i, 1.0, "") for i in range(running)]  # an episode that has not ended
    for state, reward, kind in story:
        target.add(step(state, reward, terminated=kind == "terminated", truncated=kind == "truncated"))

    batch = target.window(np.arange(len(target)))
    expected = {}
    for first in range(max(0, len(story) - capacity), len(story)):
        total, last = 0.0, first
        for k, (_, reward, kind) in enumerate(story[first : first + n_steps]):
            total, last = total + gamma**k * reward, first + k
            if kind:
                break
        bootstrap = 0.0 if story[last][2] == "terminated" else gamma ** (last - first + 1)
        expected[story[first][0]] = (total, bootstrap, story[last][0] + 1.0, last - first + 1)
    rows = zip(batch.states[:, 0], batch.returns, batch.discounts, batch.next_states[:, 0], batch.lengths, strict=True)
    assert {int(state): tuple(map(float, values)) for state, *values in rows} == expected


def test_the_last_steps_of_an_episode_stay_with_their_reward() -> None:
    """CleanRL loses the last n − 1 windows, which carry the reward at the end."""
    target = replay(gamma=0.9, n_steps=3)
    fill(target, [0.0, 0.0, 0.0, 0.0, 1.0])
    batch = target.window(np.arange(5))
    np.testing.assert_allclose(batch.returns, [0.0, 0.0, 0.81, 0.9, 1.0], rtol=1e-6)
    assert batch.discounts[2:].tolist() == [0.0, 0.0, 0.0]


def test_a_shortened_window_has_its_own_discount() -> None:
    target = replay(gamma=0.5, n_steps=3)
    fill(target, [1.0, 1.0, 1.0, 1.0], truncated=True)
    batch = target.window(np.arange(4))
    assert batch.discounts.tolist() == [0.125, 0.125, 0.25, 0.5]
    assert batch.returns.tolist() == [1.75, 1.75, 1.5, 1.0]
    assert batch.next_states[:, 0].tolist() == [3.0, 4.0, 4.0, 4.0]


@pytest.mark.parametrize("alpha", [0.0, 0.6])
def test_every_step_is_sampled_the_first_one_too(alpha: float) -> None:
    """AMC's replay never gives the first step of an episode."""
    target = replay(alpha=alpha)
    for episode in range(4):
        fill(target, [0.0] * 5, first=10 * episode)
    seen = {int(state) for _ in range(60) for state in target.sample(8).states[:, 0]}
    assert seen == {10 * episode + i for episode in range(4) for i in range(5)}


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_sampling_follows_the_priorities(alpha: float) -> None:
    target = replay(alpha=alpha, priority_floor=0.01)
    fill(target, [0.0] * 20)
    errors = np.linspace(0.0, 1.0, 20) ** 2
    target.update_priorities(np.arange(20), errors)
    shares = (errors + 0.01) ** alpha / ((errors + 0.01) ** alpha).sum()
    np.testing.assert_allclose(target.probabilities, shares, rtol=1e-12)

    draws, batch_size = 400, 32
    counts = np.zeros(20)
    for _ in range(draws):
        np.add.at(counts, target.sample(batch_size).indices, 1)
    expected = shares * draws * batch_size
    assert ((counts - expected) ** 2 / expected).sum() < CHI_SQUARE_999


def test_weights_undo_the_bias() -> None:
    target = replay(alpha=1.0, beta_start=1.0)
    fill(target, [0.0] * 10)
    target.update_priorities(np.arange(10), np.linspace(0.1, 1.0, 10))
    batch = target.sample(64)
    products = batch.weights * target.probabilities[batch.indices]
    np.testing.assert_allclose(products, products[0], rtol=1e-5)
    assert batch.weights.max() == 1.0


def test_new_steps_get_the_largest_priority() -> None:
    target = replay(alpha=1.0, priority_floor=0.5)
    fill(target, [0.0] * 3)
    target.update_priorities(np.array([0]), np.array([6.5]))
    target.update_priorities(np.array([0]), np.array([0.0]))
    target.add(step(50))
    np.testing.assert_allclose(target.probabilities, np.array([0.5, 1.0, 1.0, 7.0]) / 9.5)


def test_beta_rises_to_one_and_stays() -> None:
    target = replay(beta_start=0.4, beta_updates=10)
    fill(target, [0.0] * 3)
    betas = []
    for _ in range(15):
        betas.append(target.beta)
        target.sample(2)
    np.testing.assert_allclose(betas[:11], np.linspace(0.4, 1.0, 11))
    assert betas[10:] == [1.0] * 5


def test_the_oldest_steps_give_way() -> None:
    target = replay(capacity=4)
    fill(target, [0.0] * 6)
    assert sorted(target.window(np.arange(4)).states[:, 0].tolist()) == [2.0, 3.0, 4.0, 5.0]


def test_a_restored_replay_draws_the_same() -> None:
    first = replay(capacity=7, n_steps=2)
    fill(first, [float(i) for i in range(9)])
    first.update_priorities(first.sample(5).indices, np.linspace(0, 1, 5))
    second = replay(seed=99, capacity=7, n_steps=2)
    second.load_state_dict(first.state_dict())
    for target in (first, second):
        target.add(step(40, 3.0))
    for name, array in first.state_dict().items():
        np.testing.assert_array_equal(array, second.state_dict()[name], err_msg=name)
    one, other = first.sample(16), second.sample(16)
    np.testing.assert_array_equal(one.indices, other.indices)
    np.testing.assert_array_equal(one.weights, other.weights)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"state": np.zeros(2)}, "state has shape"),
        ({"next_state": np.array([np.nan])}, "next_state is"),
        ({"continuous": np.array([np.inf])}, "continuous is"),
        ({"reward": float("nan")}, "reward is nan"),
        ({"discrete": 2}, "discrete action 2 is not among"),
        ({"mask": np.array([False, True])}, "discrete action 0 is not among"),
    ],
)
def test_wrong_steps_are_refused(wrong: dict[str, object], message: str) -> None:
    target = replay()
    with pytest.raises(InputError, match=message):
        target.add(replace(step(0), **wrong))  # type: ignore[arg-type]
    assert len(target) == 0


def test_episodes_do_not_run_into_each_other() -> None:
    target = replay()
    target.add(step(0))
    with pytest.raises(InputError, match="not the one that the step before it led to"):
        target.add(step(7))


def test_nothing_stored_nothing_drawn() -> None:
    with pytest.raises(InputError, match="nothing is stored"):
        replay().sample(1)


def test_more_steps_than_fit_are_refused() -> None:
    big = replay(capacity=9)
    fill(big, [0.0] * 9)
    with pytest.raises(InputError, match="9 stored steps; the capacity is 4"):
        replay(capacity=4).load_state_dict(big.state_dict())
