"""What is measured in full, and what earlier measurements make of later impressions."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from rl.env.evaluator import Evaluation
from rl.env.reward import Reward
from rl.env.space import Choice
from rl.runs.confirmation import Confirmation


@dataclass
class Facts:
    """A store's facts alone."""

    kept: dict[str, Any]

    def fact(self, name: str) -> Any:
        return self.kept.get(name)

    def set_fact(self, name: str, value: Any) -> None:
        self.kept[name] = value


class Finals:
    """Full measurements that lose more than the first impression by a given number of points."""

    def __init__(self, gaps: list[float]) -> None:
        self.gaps, self.measured = gaps, 0

    def measure(self, candidate: Any) -> Any:
        self.measured += 1
        return SimpleNamespace(lost=1.0 + self.gaps[self.measured - 1], saved=0.5)

    def pessimistic_loss_points(self, final: Any) -> float:
        return float(final.lost)


def confirmed(gaps: list[float], count: int) -> int:
    """How many of ``count`` policies that seem to lose one point of the two allowed are measured in full."""
    finals = Finals(gaps)
    reward = Reward(2.0, 100.0, 90.0)
    confirm = Confirmation(finals, reward, Facts({}))  # type: ignore[arg-type]
    evaluation = Evaluation(89.0, 0.1, 50.0, cycles=1, latency_s=1.0, seconds=0.0, simulation_seconds=0.0)
    for number in range(count):
        confirm((Choice(ratio=number / 100),), evaluation)
    return finals.measured


def test_one_policy_that_falls_apart_does_not_keep_others_from_being_measured() -> None:
    assert confirmed([84.0, 0.2, 0.3, 0.1], 4) == 4


def test_impressions_that_are_off_alike_are_expected_to_be() -> None:
    assert confirmed([1.5, 1.5, 1.5, 1.5, 1.5], 5) < 5
