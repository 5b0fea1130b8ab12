"""What a search found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rl.env.episode import SearchProblem
from rl.env.evaluator import Evaluation
from rl.runs.final import Winner
from rl.runs.request import Prepared
from rl.searchers.protocol import Outcome

__all__ = ["SearchResult"]


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found.

    Attributes:
        prepared: machine, model, images.
        problem: space, sensitivity table, reward.
        outcomes: every policy that was tried, in order.
        winner: the best, measured in full, also on the report images.
        uniform: bits -> the network with these widths everywhere.
        summary: everything as plain values, see :func:`rl.runs.summary.summary`.
    """

    prepared: Prepared
    problem: SearchProblem
    outcomes: tuple[Outcome, ...]
    winner: Winner
    uniform: dict[int, Evaluation]
    summary: dict[str, Any]
