"""Channels that can only be removed together, and the layers that make, carry and read them.

Each output channel of each layer starts as a unit of its own. Units become one where the network forces them to go
together: channels that are added or multiplied, the input and output channels of one group of a grouped convolution
(one channel each in a depthwise one), all rows of one attention head. A :class:`ChannelSet` is all units that some
layer makes side by side, so that each of its channels can be removed by itself, with everything that hangs on it.

Removing a channel must leave exactly what masking it leaves: zeros. A set for which that does not hold is not
prunable, and says why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from compress.structure.attention import Attention, attentions
from compress.structure.routes import NO_CHANNEL, Channels, Role, Zero, routes

__all__ = ["ChannelSet", "Member", "channel_sets"]

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Member:
    """A layer's part in a set.

    Attributes:
        layer: node of the layer graph.
        indices: for each channel of the set, the layer's own output channels (producers, carriers) or input
            channels (consumers) that it is; none where the layer does not have it, several where a channel is a
            group, an attention head, or flattened over its pixels.
    """

    layer: str
    indices: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ChannelSet:
    """Channels side by side; removing one takes it from all members.

    Attributes:
        name: unique; the first producer's.
        size: number of channels.
        producers: layers whose filters they are.
        carriers: batch normalisations.
        consumers: layers that read them.
        fixed: why none of them may be removed; ``None``: they may.
    """

    name: str
    size: int
    producers: tuple[Member, ...]
    carriers: tuple[Member, ...]
    consumers: tuple[Member, ...]
    fixed: str | None

    @property
    def prunable(self) -> bool:
        """Whether channels may be removed."""
        return self.fixed is None


def channel_sets(graph: nx.DiGraph) -> tuple[ChannelSet, ...]:
    """The sets of a PyTorch model's layer graph, in the order of their first producers.

    A grouped convolution appears among the producers and the consumers of its set.

    >>> from torch import nn
    >>> from compress.graph.trace import layer_graph
    >>> model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 5))
    >>> first, last = channel_sets(layer_graph(model, (3, 4, 4)))
    >>> first.producers, first.consumers
    ((Member(layer='0', indices=((0,), (1,))),), (Member(layer='3', indices=((0, 1, 2, 3), (4, 5, 6, 7))),))
    >>> last.prunable, last.fixed
    (False, 'output of the network')
    """
    units = _Units(graph)
    for node, channels in routes(graph).items():
        units.add(node, channels)
    heads = [_attention_set(attention) for attention in attentions(graph)]
    order = {node: position for position, node in enumerate(graph)}
    return tuple(sorted((*units.sets(), *heads), key=lambda s: order[s.producers[0].layer]))


def _attention_set(attention: Attention) -> ChannelSet:
    def member(layer: str, starts: tuple[int, ...]) -> Member:
        width = attention.head_width
        return Member(
            layer,
            tuple(
                tuple(start + head * width + i for start in starts for i in range(width))
                for head in range(attention.heads)
            ),
        )

    embedding = attention.heads * attention.head_width
    rows = (0, embedding, 2 * embedding)
    return ChannelSet(
        attention.in_proj,
        attention.heads,
        (member(attention.in_proj, rows),),
        (),
        (member(attention.out_proj, (0,)),),
        None,
    )


class _Units:
    """Collects units and what joins them, operation by operation; unit 0 is padding."""

    def __init__(self, graph: nx.DiGraph) -> None:
        self._graph = graph
        self._count = 1
        self._joins: list[tuple[Index, Index]] = []
        self._fixed: list[tuple[Index, str]] = []
        self._units: dict[str, Index] = {}
        self._zero: dict[str, bool] = {}
        self._made: dict[str, Index] = {}
        self._carried: dict[str, Index] = {}
        self._read: dict[str, Index] = {}

    def add(self, node: str, channels: Channels) -> None:
        """Units of one operation's result."""
        operands = self._graph.nodes[node]["operands"]
        incoming = [
            np.where(route.source == NO_CHANNEL, 0, self._units[operands[route.position].producer][route.source])
            for route in channels.routes
        ]
        if channels.role is Role.MIX:
            self._mix(node, channels.reason)
        elif channels.role in (Role.MAKE, Role.GROUP):
            self._make(node, channels, incoming)
        else:
            self._pass(node, channels, incoming)

    def sets(self) -> list[ChannelSet]:
        """Units that some layer makes side by side, prunable ones and others apart."""
        for ref in self._graph.graph["outputs"]:
            if ref.producer in self._units:
                self._fix(self._units[ref.producer], "output of the network")
        unit_of = _components(self._count, self._joins)
        reasons: dict[int, str] = {}
        for units, reason in self._fixed:
            for unit in np.unique(unit_of[units]).tolist():
                reasons.setdefault(unit, reason)
        made, carried, read = (
            {node: unit_of[units] for node, units in layers.items()}
            for layers in (self._made, self._carried, self._read)
        )
        set_of = self._side_by_side(made, reasons)
        order: dict[int, dict[int, int]] = defaultdict(dict)
        # Channels are numbered as the widest layer that makes them numbers its own.
        for units in sorted(made.values(), key=len, reverse=True):
            for unit in dict.fromkeys(units.tolist()):
                positions = order[int(set_of[unit])]
                positions.setdefault(unit, len(positions))
        producers, carriers, consumers = (_members(layers, set_of, order) for layers in (made, carried, read))
        found: list[ChannelSet] = []
        names: set[str] = set()
        for key, positions in order.items():
            name: str = producers[key][0].layer
            while name in names:
                name += "'"
            names.add(name)
            fixed = next((reasons[unit] for unit in positions if unit in reasons), None)
            members = (producers[key], carriers.get(key, ()), consumers.get(key, ()))
            found.append(ChannelSet(name, len(positions), *members, fixed))
        return found

    def _side_by_side(self, made: Mapping[str, Index], reasons: Mapping[int, str]) -> Index:
        """For every unit, the first unit of its set."""
        fixed = np.zeros(self._count, dtype=np.bool_)
        fixed[list(reasons)] = True
        parts = [part for units in made.values() for part in (units[fixed[units]], units[~fixed[units]]) if len(part)]
        return _components(self._count, [(np.full(len(part), part[0]), part) for part in parts])

    def _make(self, node: str, channels: Channels, incoming: list[Index]) -> None:
        fresh = np.arange(self._count, self._count + channels.count)
        self._count += channels.count
        self._units[node] = self._made[node] = fresh
        self._zero[node] = True
        if channels.role is Role.GROUP:
            self._join_groups(node, fresh, incoming, channels.groups)
        for read in incoming:
            self._read[node] = read
            operand = self._graph.nodes[node]["operands"][0].producer
            if channels.role is Role.MAKE and not self._zero[operand]:
                self._fix(read, f"a masked channel does not reach {node!r} as zero")

    def _join_groups(self, node: str, made: Index, incoming: list[Index], groups: int) -> None:
        made_of = made.reshape(groups, -1)
        self._join(np.repeat(made_of[:, 0], made_of.shape[1]), made)
        for read in incoming:
            self._join(np.repeat(made_of[:, 0], len(read) // groups), read)
            if (read == 0).any():
                self._fix(read, f"grouped convolution {node!r} reads padding channels")
        if not incoming:
            self._fix(made, f"grouped convolution {node!r} reads channels that cannot be removed")

    def _pass(self, node: str, channels: Channels, incoming: list[Index]) -> None:
        units = incoming[0]
        for operand in incoming[1:]:
            self._join(units, operand)
            units = np.where(units > 0, units, operand)
        operands = self._graph.nodes[node]["operands"]
        zeros = [self._zero[operands[route.position].producer] for route in channels.routes]
        kept = {Zero.ALL: all(zeros), Zero.ANY: any(zeros), Zero.NEVER: False}[channels.zero]
        self._zero[node] = kept or channels.role is Role.NORM
        self._units[node] = units
        if channels.role is Role.NORM:
            self._carried[node] = units

    def _mix(self, node: str, reason: str) -> None:
        for ref in self._graph.nodes[node]["operands"]:
            if ref.producer in self._units:
                self._fix(self._units[ref.producer], reason)

    def _fix(self, units: Index, reason: str) -> None:
        self._fixed.append((units[units > 0], reason))

    def _join(self, a: Index, b: Index) -> None:
        both = (a > 0) & (b > 0)
        self._joins.append((a[both], b[both]))


def _components(count: int, joins: Sequence[tuple[Index, Index]]) -> Index:
    """For every unit, the first unit that it is connected to."""
    label = np.arange(count)
    a = np.concatenate([left for left, _ in joins] or [label[:0]])
    b = np.concatenate([right for _, right in joins] or [label[:0]])
    while True:
        least = np.minimum(label[a], label[b])
        new = label.copy()
        np.minimum.at(new, label[a], least)  # representatives move, and what they stand for with them
        np.minimum.at(new, label[b], least)
        while not np.array_equal(new, new[new]):
            new = new[new]
        if np.array_equal(new, label):
            return label
        label = new


def _members(
    layers: Mapping[str, Index], set_of: Index, order: Mapping[int, Mapping[int, int]]
) -> dict[int, tuple[Member, ...]]:
    """Per set, the part that each layer has in it."""
    found: dict[int, tuple[Member, ...]] = defaultdict(tuple)
    for node, units in layers.items():
        indices: dict[int, list[list[int]]] = {}
        for index, unit in enumerate(units.tolist()):
            if unit == 0:
                continue
            key = int(set_of[unit])
            if key not in indices:
                indices[key] = [[] for _ in order[key]]
            indices[key][order[key][unit]].append(index)
        for key, own in indices.items():
            found[key] += (Member(node, tuple(tuple(item) for item in own)),)
    return found
