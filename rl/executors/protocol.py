"""What an executor is, and the one in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from rl.env.evaluator import Evaluation
from rl.env.space import Candidate

__all__ = ["Executor", "InProcess"]


class Executor(Protocol):
    """Measures candidates; which of them runs where and when makes no difference to any figure."""

    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        """In the order of the candidates, each as soon as it and those before it are there."""

    def close(self) -> None:
        """Let go of workers and connections."""


class InProcess:
    """One candidate after another, here."""

    def __init__(self, evaluate: Callable[[Candidate], Evaluation]) -> None:
        self._evaluate = evaluate

    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        """See :class:`Executor`."""
        return map(self._evaluate, candidates)

    def close(self) -> None:
        """Nothing is held."""
