"""Which layers a page has room for."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from compress.compressed import CompressedModel
from compress.layer_report import LayerReport

__all__ = ["chosen_layers", "final_weights"]


def chosen_layers(layers: Sequence[LayerReport], most: int) -> list[LayerReport]:
    """At most ``most`` layers, evenly spread from the first to the last.

    >>> from types import SimpleNamespace
    >>> chosen_layers([SimpleNamespace(name=name) for name in "abcde"], 3)  # doctest: +ELLIPSIS
    [namespace(name='a'), namespace(name='c'), namespace(name='e')]
    """
    if len(layers) <= most:
        return list(layers)
    last = len(layers) - 1
    return [layers[round(index * last / (most - 1))] for index in range(most)]


def final_weights(compressed: CompressedModel, name: str) -> Tensor:
    """A layer's weights as the machine sees them, scales multiplied in."""
    weight: Tensor = compressed.model.get_submodule(name).weight  # type: ignore[assignment]
    return weight.detach()
