"""Which layers a page has room for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from torch import Tensor

from compress.compressed import CompressedModel

__all__ = ["final_weights", "spread"]

_Item = TypeVar("_Item")


def spread(items: Sequence[_Item], most: int) -> list[_Item]:
    """At most ``most`` of them, evenly spread from the first to the last.

    >>> spread("abcde", 3)
    ['a', 'c', 'e']
    """
    if len(items) <= most:
        return list(items)
    last = len(items) - 1
    return [items[round(index * last / (most - 1))] for index in range(most)]


def final_weights(compressed: CompressedModel, name: str) -> Tensor:
    """A layer's weights as the machine sees them, scales multiplied in."""
    weight: Tensor = compressed.model.get_submodule(name).weight  # type: ignore[assignment]
    return weight.detach()
