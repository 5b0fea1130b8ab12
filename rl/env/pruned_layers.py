"""Masks and pruned weights of single layers, chosen on the float network and remembered."""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx
from torch import Tensor, nn

from compress.policy.schema import LayerPolicy, Policy
from compress.pruning.criterion import Need
from compress.pruning.prune import PrunedLayer, choose_pruning
from compress.pruning.registry import criteria
from compress.pruning.statistics import collect_statistics
from rl.env.space import SearchSpace

__all__ = ["PrunedLayers"]


class PrunedLayers:
    """What becomes of a layer under an algorithm and a ratio, worked out once for each.

    Statistics of all layers are collected once, on the float network: what is chosen for a layer does not depend on
    what is done to the others, exactly as in :func:`compress.pruning.prune.choose_pruning`.

    Args:
        model: float; it is not changed.
        graph: its layer graph.
        space: whose algorithms will be asked for.
        images: ``(images, channels, height, width)`` for statistics, ``labels (images,)`` for gradients.
        seed: of algorithms that draw.
    """

    def __init__(
        self, model: nn.Module, graph: nx.DiGraph, space: SearchSpace, images: Tensor, labels: Tensor, seed: int
    ) -> None:
        self._model, self._graph, self._images, self._labels, self._seed = model, graph, images, labels, seed
        needs: dict[str, set[Need]] = {}
        for layer in space.layers:
            for option, allowed in zip(space.options, layer.allowed, strict=True):
                if allowed and option.algorithm != "none":
                    needs.setdefault(layer.name, set()).update(criteria()[option.algorithm].needs)
        asked = {name: needed for name, needed in needs.items() if needed}
        self._statistics = collect_statistics(model, graph, asked, images, labels) if asked else {}
        self._known: dict[tuple[str, LayerPolicy], PrunedLayer | None] = {}

    def of(self, policy: Policy) -> dict[str, PrunedLayer]:
        """The pruned layers of a policy; those that it leaves whole are left out."""
        found = {name: self._layer(name, policy.of(name)) for name in policy.layers}
        return {name: layer for name, layer in found.items() if layer is not None}

    def _layer(self, name: str, entry: LayerPolicy) -> PrunedLayer | None:
        widthless = entry.model_copy(update={"w_bits": 8, "a_bits": 8})
        key = (name, widthless)
        if key not in self._known:
            self._known[key] = self._choose(name, widthless).get(name)
        return self._known[key]

    def _choose(self, name: str, entry: LayerPolicy) -> Mapping[str, PrunedLayer]:
        alone = Policy(layers={name: entry})
        return choose_pruning(
            self._model, self._graph, alone, self._images, self._labels, self._seed, statistics=self._statistics
        )
