"""Both learners together: a joint problem, repeatability, and an agent that was killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from accel_sim.errors import InputError
from rl.agents.composite import CompositeAgent
from rl.agents.config import AgentConfig, Problem, RainbowConfig
from rl.agents.replay import Transition
from tests.unit.rl.agents.problems import Joint, evaluate, learn, run_episode, small_config


def learnt(seed: int, episodes: int = 14) -> CompositeAgent:
    agent = CompositeAgent(Joint.problem, small_config(), seed)
    learn(agent, Joint(), episodes, updates_per_step=1)
    return agent


def arrays_of(agent: CompositeAgent, directory: Path) -> bytes:
    """All that the agent is."""
    agent.save(directory)
    (arrays,) = directory.glob("agent-*.safetensors")
    return arrays.read_bytes()


def test_the_discrete_action_fits_the_state_and_the_continuous_one() -> None:
    """The best policy earns 3; exploring actions too are answered with the discrete action that fits them."""
    environment = Joint()
    agent = CompositeAgent(environment.problem, small_config(), seed=0)
    learn(agent, environment, episodes=110, updates_per_step=1)
    assert evaluate(agent, environment).least_return > 2.7
    rng, right = np.random.default_rng(5), 0
    for _ in range(100):
        action = agent.act(environment.reset(rng), environment.mask())
        right += action.discrete == environment.best_discrete(float(action.continuous[0]))
    assert right >= 90


def test_a_killed_agent_goes_on_bit_for_bit(tmp_path: Path) -> None:
    first = learnt(seed=3)
    first.save(tmp_path / "a")
    second = CompositeAgent.load(tmp_path / "a")
    assert (second.episodes, second.updates, len(second.replay)) == (first.episodes, first.updates, len(first.replay))
    for agent in (first, second):
        learn(agent, Joint(), episodes=4, updates_per_step=1, seed=8)
    assert arrays_of(first, tmp_path / "b") == arrays_of(second, tmp_path / "c")


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    torch.manual_seed(1)
    one = arrays_of(learnt(seed=5), tmp_path / "a")
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    assert arrays_of(learnt(seed=5), tmp_path / "b") == one
    assert torch.equal(before, torch.random.get_rng_state())
    assert arrays_of(learnt(seed=6), tmp_path / "c") != one


def test_threads_are_put_back() -> None:
    agent, before = learnt(seed=0, episodes=11), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        agent.update()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_older_checkpoint_is_replaced_and_a_damaged_one_refused(tmp_path: Path) -> None:
    agent = learnt(seed=0, episodes=11)
    agent.save(tmp_path)
    agent.update()
    agent.save(tmp_path)
    (arrays,) = tmp_path.glob("agent-*.safetensors")
    content = bytearray(arrays.read_bytes())
    content[-1] ^= 1
    arrays.write_bytes(content)
    with pytest.raises(InputError, match=r"agent-\w+\.safetensors: is damaged"):
        CompositeAgent.load(tmp_path)
    arrays.unlink()
    with pytest.raises(InputError, match="cannot be read: No such file"):
        CompositeAgent.load(tmp_path)
    (tmp_path / "agent.json").write_text("{}")
    with pytest.raises(InputError, match="is not an agent's checkpoint"):
        CompositeAgent.load(tmp_path)


def warm_start(*, ended: bool) -> list[Transition]:
    state, both = np.array([0.0, 1.0], np.float32), np.ones(2, np.bool_)
    action = np.array([0.2], np.float32)
    return [Transition(state, action, 0, both, 1.0, state, both, terminated=ended and i == 2) for i in range(3)]


def test_given_episodes_warm_the_replay_only() -> None:
    agent = CompositeAgent(Joint.problem, small_config(), seed=0)
    agent.seed_replay(warm_start(ended=True))
    assert (len(agent.replay), agent.episodes, agent.warming_up) == (3, 0, True)
    agent.update()
    run_episode(agent, Joint(), np.random.default_rng(0))
    assert (len(agent.replay), agent.episodes) == (6, 1)
    with pytest.raises(InputError, match="the last one does not end its episode"):
        CompositeAgent(Joint.problem, small_config(), seed=0).seed_replay(warm_start(ended=False))


def test_priorities_are_the_stated_mean_of_both_errors() -> None:
    agent = CompositeAgent(Joint.problem, small_config(priority_mix=0.25), seed=0)
    critic, rainbow = torch.tensor([0.4, 0.0]), torch.tensor([0.0, 0.8])
    np.testing.assert_allclose(agent._joined(critic, rainbow), [0.3, 0.2], rtol=1e-6)
    np.testing.assert_allclose(agent._joined(critic, None), [0.4, 0.0])
    np.testing.assert_allclose(agent._joined(None, rainbow), [0.0, 0.8])


@pytest.mark.parametrize("switch", ["reads_features", "reads_actions"])
def test_rainbow_without_one_of_its_inputs_runs(switch: str) -> None:
    config = small_config(rainbow=RainbowConfig(hidden=(8,), **{switch: False}), warmup_episodes=1)
    agent = CompositeAgent(Joint.problem, config, seed=0)
    learn(agent, Joint(), episodes=3, updates_per_step=1)
    assert agent.updates > 0


def test_the_exploration_floor_tries_every_allowed_action() -> None:
    config = small_config(rainbow=RainbowConfig(hidden=(8,), noisy=False, epsilon_floor=0.5), warmup_episodes=0)
    problem = Problem(state_size=1, continuous_size=0, discrete_count=5, return_range=(0.0, 1.0))
    agent = CompositeAgent(problem, config, seed=0)
    mask = np.array([True, False, True, True, True])
    chosen = np.bincount([agent.act(np.ones(1), mask).discrete for _ in range(200)], minlength=5)
    assert chosen[1] == 0
    assert (chosen[mask] > 0).all()
    assert chosen.max() > 80  # the greedy one: half of the draws and its share of the others


def test_an_empty_mask_is_refused() -> None:
    agent = CompositeAgent(Joint.problem, AgentConfig(), seed=0)
    with pytest.raises(InputError, match="none of the 2 discrete actions is allowed"):
        agent.act(np.zeros(2), np.zeros(2, np.bool_))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"return_range": (1.0, 1.0)}, "must be the smaller"), ({"continuous_size": 0}, "nothing to choose")],
)
def test_problems_without_a_question_are_refused(wrong: dict[str, object], message: str) -> None:
    right = {"state_size": 1, "continuous_size": 1, "discrete_count": 1, "return_range": (0.0, 1.0)}
    with pytest.raises(ValidationError, match=message):
        Problem(**{**right, **wrong})  # type: ignore[arg-type]
