"""Every layer alike: 8, 6 and 4 bits, nothing pruned."""

from __future__ import annotations

from rl.searchers.protocol import Proposals, SearchContext

__all__ = ["UNIFORM_BITS", "uniform"]

UNIFORM_BITS = (8, 6, 4)


def uniform(context: SearchContext) -> Proposals:
    """Three candidates, whatever the budget."""
    yield [context.problem.space.uniform(bits, bits) for bits in UNIFORM_BITS[: context.budget]]
