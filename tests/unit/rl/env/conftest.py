"""A trained network of a hundred milliseconds, its evaluator and its search problem, made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from accel_sim import load_hardware
from compress.classify import LabelledInputs
from compress.data import open_labelled
from compress.models.digits_cnn import train_digits
from rl.env.episode import SearchProblem
from rl.env.evaluator import PolicyEvaluator
from rl.env.features import layer_features
from rl.env.reward import Reward
from rl.env.sensitivity import measure_sensitivity

SMALL = {
    **{f"buffers.{name}.banks": 16 for name in ("activations", "weights", "outputs")},
    **{f"buffers.{name}.kib": 32.0 for name in ("activations", "weights", "outputs")},
    "array.rows": 8,
    "array.cols": 8,
}


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def labelled(split: str, count: int, model: nn.Module) -> LabelledInputs:
    images = open_labelled("digits", split).stratified(count)
    return LabelledInputs(images.inputs(model), images.labels)


@pytest.fixture(scope="session")
def network() -> nn.Module:
    return train_digits(epochs=4)[0]


@pytest.fixture(scope="session")
def make_evaluator(network):
    """Evaluators by machine, each made once; ``fresh`` makes another one."""
    known: dict[str, PolicyEvaluator] = {}

    def make(machine: str, *, fresh: bool = False) -> PolicyEvaluator:
        if fresh or machine not in known:
            hardware = load_hardware(machine, overrides=SMALL)
            parts = labelled("search", 100, network), labelled("calibration", 64, network)
            made = PolicyEvaluator(network, hardware, *parts)
            known.setdefault(machine, made)
            return made
        return known[machine]

    return make


@pytest.fixture(scope="session")
def evaluator(make_evaluator) -> PolicyEvaluator:
    return make_evaluator("loom_like")


@pytest.fixture(scope="session")
def problem(evaluator) -> SearchProblem:
    table = measure_sensitivity(evaluator, images=50)
    features = layer_features(evaluator.graph, evaluator.space, table)
    reward = Reward(2.0, evaluator.reference.energy_pj, evaluator.float_accuracy.top1_percent)
    return SearchProblem(evaluator.space, features, table, reward)
