"""The policies that a search chooses from: per layer an algorithm, a ratio and two widths.

Continuous actions become choices as follows (u is in 0..1): the ratio is 0.8·u rounded to a multiple of 0.05; a width
is ``2 + floor(7·u)`` bits, so every width from 2 to 8 has an equal share. The grid makes choices meet again, and what
was pruned, rounded or simulated for one is remembered for the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from torch import nn

from accel_sim.hardware.schema import Hardware, NmSparsity
from compress.policy.schema import Block, LayerPolicy, NOfM, Policy, Quantization
from compress.pruning.criterion import Granularity
from compress.pruning.joint import layers_of_outputs
from compress.pruning.prune import prunable_layers
from compress.pruning.registry import criteria

__all__ = [
    "LEAST_BITS",
    "MAX_RATIO",
    "MOST_BITS",
    "RATIOS",
    "Candidate",
    "Choice",
    "LayerSpace",
    "PruningOption",
    "SearchSpace",
    "pruning_options",
    "search_space",
]

LEAST_BITS, MOST_BITS = 2, 8
_WIDTHS = MOST_BITS - LEAST_BITS + 1
_STEPS = 16
MAX_RATIO = 0.8
RATIOS = tuple(round(MAX_RATIO * step / _STEPS, 2) for step in range(_STEPS + 1))
"""Shares that can be removed: 0, 0.05, … 0.8."""


@dataclass(frozen=True)
class PruningOption:
    """A pruning algorithm with the pattern that the machine wants of it; ``none`` prunes nothing."""

    algorithm: str = "none"
    n_m: NOfM | None = None
    block: Block | None = None

    @property
    def takes_ratio(self) -> bool:
        """Whether the share to remove is the ratio's business."""
        return self.algorithm != "none" and self.n_m is None

    @property
    def granularity(self) -> Granularity | None:
        """What is removed as a whole; none of ``none``."""
        return None if self.algorithm == "none" else criteria()[self.algorithm].granularity


@dataclass(frozen=True)
class Choice:
    """What is done to one layer: an option of the space by its index, a ratio of :data:`RATIOS`, two widths."""

    option: int = 0
    ratio: float = 0.0
    w_bits: int = MOST_BITS
    a_bits: int = MOST_BITS


Candidate = tuple[Choice, ...]
"""One choice per layer, in the order in which the layers run."""


@dataclass(frozen=True)
class LayerSpace:
    """A layer and which options it may take."""

    name: str
    allowed: tuple[bool, ...]


@dataclass(frozen=True)
class SearchSpace:
    """All candidates of a network on a machine."""

    layers: tuple[LayerSpace, ...]
    options: tuple[PruningOption, ...]

    def mask(self, layer: int) -> NDArray[np.bool_]:
        """``(options,)``: what the layer may take."""
        return np.array(self.layers[layer].allowed)

    def choice(self, layer: int, continuous: Sequence[float] | NDArray[np.floating], option: int) -> Choice:
        """The choice of continuous actions (ratio, weight bits, activation bits) and an option.

        An option that the layer may not take counts as its first allowed one.
        """
        ratio, w_bits, a_bits = (min(max(float(value), 0.0), 1.0) for value in continuous)
        return self.settled(
            layer, Choice(option, RATIOS[math.floor(ratio * _STEPS + 0.5)], _bits(w_bits), _bits(a_bits))
        )

    def continuous(self, choice: Choice) -> NDArray[np.float32]:
        """``(3,)`` actions that :meth:`choice` makes this choice of: the middle of its cell."""
        widths = ((bits - LEAST_BITS + 0.5) / _WIDTHS for bits in (choice.w_bits, choice.a_bits))
        return np.array([choice.ratio / MAX_RATIO, *widths], np.float32)

    def settled(self, layer: int, choice: Choice) -> Choice:
        """The choice in its one spelling: nothing pruned is the first allowed option with ratio 0."""
        allowed = self.layers[layer].allowed
        first = allowed.index(True)
        option = choice.option if allowed[choice.option] else first
        ratio = choice.ratio if self.options[option].takes_ratio else 0.0
        if self.options[option].takes_ratio and ratio == 0.0:
            option = first
        return Choice(option, ratio, choice.w_bits, choice.a_bits)

    def uniform(self, w_bits: int, a_bits: int) -> Candidate:
        """Every layer with these widths and nothing pruned, or only what the machine insists on."""
        return tuple(self.settled(layer, Choice(0, 0.0, w_bits, a_bits)) for layer in range(len(self.layers)))

    @property
    def reference(self) -> Candidate:
        """The dense 8-bit network; on a machine with N:M weights, that with its pattern."""
        return self.uniform(8, 8)

    def random(self, generator: np.random.Generator) -> Candidate:
        """Every layer's options, ratios and widths with equal chances."""
        return tuple(
            self.choice(layer, generator.random(3), int(generator.choice(np.flatnonzero(space.allowed))))
            for layer, space in enumerate(self.layers)
        )

    def policy(self, candidate: Candidate, quantization: Quantization | None = None) -> Policy:
        """The candidate as a policy; the quantization is the default's unless given."""
        entries = {space.name: self._entry(choice) for space, choice in zip(self.layers, candidate, strict=True)}
        return Policy(quantization=quantization or Quantization(), layers=entries)

    def _entry(self, choice: Choice) -> LayerPolicy:
        option = self.options[choice.option]
        return LayerPolicy(
            algorithm=option.algorithm,
            ratio=choice.ratio,
            w_bits=choice.w_bits,
            a_bits=choice.a_bits,
            n_m=option.n_m,
            block=option.block,
        )


def _bits(share: float) -> int:
    return LEAST_BITS + min(_WIDTHS - 1, int(share * _WIDTHS))


_STRUCTURED = ("l1_filter", "fpgm", "reconstruction")
_ELEMENTS = ("level", "obs")


def pruning_options(hardware: Hardware) -> tuple[PruningOption, ...]:
    """What is worth choosing from on a machine.

    * Whole filters and channels (L1, geometric median, channel reconstruction) help everywhere.
    * Single weights (magnitude, second order) help where a zero weight is gated, has no terms, or is packed away.
    * Where whole rows of zeros are skipped, blocks of one k by the array's columns (magnitude, second order) help.
    * A machine with N:M weights runs nothing else: its pattern, by magnitude or second order, is all there is.
    """
    array = hardware.array
    sparsity = array.weight_sparsity
    if isinstance(sparsity, NmSparsity):
        pattern = NOfM(keep=sparsity.keep, of=sparsity.of)
        return tuple(PruningOption(name, n_m=pattern) for name in ("n_m_magnitude", "n_m_obs"))
    options = [PruningOption(), *map(PruningOption, _STRUCTURED)]
    if sparsity in ("gate", "pack_columns") or array.arithmetic in ("term_serial_weight", "term_serial_both"):
        options += map(PruningOption, _ELEMENTS)
    if sparsity == "skip_rows":
        block = Block(rows=1, cols=array.cols)
        options += [PruningOption(name, block=block) for name in ("block_magnitude", "block_obs")]
    return tuple(options)


def search_space(model: nn.Module, graph: nx.DiGraph, options: Sequence[PruningOption]) -> SearchSpace:
    """The space over a network's convolution and linear layers.

    Filters and channels stay in layers of several groups (a depthwise convolution's go with those of its neighbours);
    filters in layers whose outputs are the network's answers; channels in layers that read the network's input.
    """
    answers = layers_of_outputs(graph)
    layers = []
    for name in prunable_layers(model, graph):
        data = graph.nodes[name]
        structured_free = data["gemm"].groups == 1
        reads_input = any(ref.producer in graph.graph["inputs"] for ref in data["operands"])
        barred = {
            Granularity.FILTER: not structured_free or name in answers,
            Granularity.CHANNEL: not structured_free or reads_input,
        }
        allowed = tuple(option.granularity is None or not barred.get(option.granularity, False) for option in options)
        layers.append(LayerSpace(name, allowed))
    return SearchSpace(tuple(layers), tuple(options))
