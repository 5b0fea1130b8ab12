"""Candidates drawn independently, every option, ratio and width as likely as the others."""

from __future__ import annotations

from rl.searchers.protocol import Proposals, SearchContext

__all__ = ["random_search"]


def random_search(context: SearchContext) -> Proposals:
    """Draw until the budget is spent."""
    generator = context.generator()
    for _ in range(context.budget):
        yield [context.problem.space.random(generator)]
