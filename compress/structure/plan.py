"""What stays of every tensor when filters and input channels of single layers are dropped.

Forward, a channel is *alive* unless it is known to be zero: a dropped filter is, so is batch normalisation of a dead
channel (its shift is masked with it), a sum of dead channels, a product with one. Backward, a channel is *needed* if
some layer reads it. What is alive and needed is *stored*; where a reader wants other channels than are stored, they
are gathered (some left out) or scattered (dead ones put back as zeros) on the way.

A tensor always stores at least one channel, a zero if nothing else is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from compress.graph.node import TensorRef
from compress.structure.routes import NO_CHANNEL, Channels, Role, Zero, routes

__all__ = ["Change", "Masks", "Plan", "alive_channels", "make_plan"]

Bools = NDArray[np.bool_]
Index = NDArray[np.int64]
Masks = Mapping[str, Bools]


@dataclass(frozen=True)
class Change:
    """Between a tensor, which holds the original channels ``have``, and a reader, which wants ``want``."""

    have: Index
    want: Index
    axis: int


@dataclass(frozen=True)
class Plan:
    """What becomes of a network.

    Attributes:
        channels: what each operation does to channels.
        stored: node -> channels of its result that stay, ascending; not for opaque results.
        inputs: layer -> input channels that stay.
        groups: grouped convolution -> groups that stay.
        changes: (reader, operand's position) -> what happens on the way.
        outputs: position among the network's outputs -> what happens before it.
    """

    channels: Mapping[str, Channels]
    stored: Mapping[str, Index]
    inputs: Mapping[str, Index]
    groups: Mapping[str, Index]
    changes: Mapping[tuple[str, int], Change]
    outputs: Mapping[int, Change]


def make_plan(graph: nx.DiGraph, kept_filters: Masks, kept_channels: Masks) -> Plan:
    """What stays where, see :class:`Plan`.

    Args:
        kept_filters: layer -> ``(out_channels,)``; a layer without an entry keeps all.
        kept_channels: layer -> ``(in_channels,)``, likewise.
    """
    channels = routes(graph)
    alive = alive_channels(graph, channels, kept_filters)
    needed = _needed_channels(graph, channels, alive, kept_channels)
    planner = _Planner(graph, channels, alive, needed, kept_channels)
    for node in graph:
        planner.place(node)
    return planner.finish()


def alive_channels(graph: nx.DiGraph, channels: Mapping[str, Channels], kept_filters: Masks) -> dict[str, Bools]:
    """For every tensor with a channel axis, which channels are not known to be zero."""
    alive: dict[str, Bools] = {}
    for node, info in channels.items():
        if info.axis is None:
            continue
        operands = graph.nodes[node]["operands"]
        incoming = [_routed(alive[operands[route.position].producer], route.source) for route in info.routes]
        if info.role in (Role.MAKE, Role.GROUP):
            kept: Bools = kept_filters.get(node, np.ones(info.count, dtype=np.bool_))
            if info.role is Role.GROUP and incoming:
                reached = np.repeat(_per_group(incoming[0], info.groups), info.count // info.groups)
                kept = np.logical_and(kept, reached)
            alive[node] = kept
        elif info.zero is Zero.NEVER:
            alive[node] = np.ones(info.count, dtype=np.bool_)
        else:
            alive[node] = _combined(np.stack(incoming), info.zero)
    return alive


def _combined(operands: Bools, zero: Zero) -> Bools:
    return np.asarray(operands.all(axis=0) if zero is Zero.ANY else operands.any(axis=0))


def _routed(values: Bools, source: Index) -> Bools:
    """Per channel of the result; False where no channel comes from this operand."""
    return np.where(source == NO_CHANNEL, False, values[source])


def _per_group(values: Bools, groups: int) -> Bools:
    return np.asarray(values.reshape(groups, -1).any(axis=1))


def _needed_channels(
    graph: nx.DiGraph, channels: Mapping[str, Channels], alive: Mapping[str, Bools], kept_channels: Masks
) -> dict[str, Bools]:
    needed = {node: np.zeros(len(values), dtype=np.bool_) for node, values in alive.items()}
    for ref in graph.graph["outputs"]:
        if ref.producer in needed:
            needed[ref.producer][:] = True
    for node in reversed(list(channels)):
        info, operands = channels[node], graph.nodes[node]["operands"]
        followed = {route.position for route in info.routes}
        for position, ref in enumerate(operands):
            if ref.producer in needed and position not in followed:
                needed[ref.producer][:] = True
        for route in info.routes:
            wanted = _wanted(node, info, alive, needed, kept_channels)
            present = (route.source != NO_CHANNEL) & wanted
            needed[operands[route.position].producer][route.source[present]] = True
    return needed


def _wanted(
    node: str, info: Channels, alive: Mapping[str, Bools], needed: Mapping[str, Bools], kept_channels: Masks
) -> Bools:
    """Per channel of the operand of a layer, of the result of everything else."""
    if info.role is Role.MAKE:
        inputs = len(info.routes[0].source)
        return kept_channels.get(node, np.ones(inputs, dtype=np.bool_))
    if info.role is Role.GROUP:
        inputs = len(info.routes[0].source)
        groups = _per_group(alive[node] & needed[node], info.groups)
        return np.repeat(groups, inputs // info.groups) & kept_channels.get(node, np.ones(inputs, dtype=np.bool_))
    return needed[node] & alive[node] if info.zero is Zero.ANY else needed[node]


@dataclass
class _Planner:
    """One pass over the graph in its order."""

    graph: nx.DiGraph
    channels: Mapping[str, Channels]
    alive: Mapping[str, Bools]
    needed: Mapping[str, Bools]
    kept_channels: Masks
    stored: dict[str, Index] = field(default_factory=dict)
    inputs: dict[str, Index] = field(default_factory=dict)
    groups: dict[str, Index] = field(default_factory=dict)
    changes: dict[tuple[str, int], Change] = field(default_factory=dict)

    def place(self, node: str) -> None:
        """Decide what the result of one operation stores and what it wants of its operands."""
        info = self.channels[node]
        if info.role is Role.MAKE:
            self._make(node, info)
        elif info.role is Role.GROUP:
            self._group(node, info)
        elif info.role is Role.MIX:
            self._want_all(node)
        else:
            self._pass(node, info)

    def finish(self) -> Plan:
        """The plan; the network's outputs are given back whole."""
        outputs = {}
        for position, ref in enumerate(self.graph.graph["outputs"]):
            if ref.producer in self.stored:
                info = self.channels[ref.producer]
                assert info.axis is not None
                change = Change(self.stored[ref.producer], np.arange(info.count), info.axis)
                if len(change.have) != len(change.want):
                    outputs[position] = change
        return Plan(self.channels, self.stored, self.inputs, self.groups, self.changes, outputs)

    def _make(self, node: str, info: Channels) -> None:
        have, axis = self._operand(node, info)
        kept = self.kept_channels.get(node)
        want = have if kept is None else have[kept[have]]
        want = want if len(want) else have[:1]
        self.inputs[node] = want
        self._change(node, 0, have, want, axis)
        self.stored[node] = _at_least_one(np.flatnonzero(self.alive[node] & self.needed[node]))

    def _group(self, node: str, info: Channels) -> None:
        have, axis = self._operand(node, info)
        stored = _per_group(self.alive[node] & self.needed[node], info.groups)
        groups = _at_least_one(np.flatnonzero(stored))
        inputs = self.graph.nodes[node]["operands"][0].shape[axis]
        want = _of_groups(groups, inputs // info.groups)
        self.groups[node], self.inputs[node] = groups, want
        self._change(node, 0, have, want, axis)
        self.stored[node] = _of_groups(groups, info.count // info.groups)

    def _operand(self, node: str, info: Channels) -> tuple[Index, int]:
        """Channels that a layer's operand holds, and their axis."""
        ref: TensorRef = self.graph.nodes[node]["operands"][0]
        assert info.axis is not None
        if info.routes and ref.producer is not None:
            return self.stored[ref.producer], info.axis
        axis = info.axis
        return np.arange(ref.shape[axis]), axis

    def _want_all(self, node: str) -> None:
        for position, ref in enumerate(self.graph.nodes[node]["operands"]):
            if ref.producer in self.stored:
                producer = self.channels[ref.producer]
                assert producer.axis is not None
                self._change(node, position, self.stored[ref.producer], np.arange(producer.count), producer.axis)

    def _pass(self, node: str, info: Channels) -> None:
        operands = self.graph.nodes[node]["operands"]
        held = [self.stored[operands[route.position].producer] for route in info.routes]
        arriving = [np.flatnonzero(np.isin(route.source, have)) for route, have in zip(info.routes, held, strict=True)]
        separate = len(held) == 1 or self.graph.nodes[node]["kind"] == "cat"
        same = all(np.array_equal(arriving[0], other) for other in arriving[1:])
        if info.zero is not Zero.NEVER and (separate or same):
            counts = [self.channels[operands[route.position].producer].count for route in info.routes]
            whole = counts == [len(have) for have in held]
            # Padding with zero channels stays only where nothing else changes.
            self.stored[node] = np.arange(info.count) if whole else np.unique(np.concatenate(arriving))
            return
        kept = np.flatnonzero(self.alive[node] & self.needed[node])
        self.stored[node] = kept if len(kept) else arriving[0]
        for route, have in zip(info.routes, held, strict=True):
            self._change(node, route.position, have, route.source[self.stored[node]], route.axis)

    def _change(self, node: str, position: int, have: Index, want: Index, axis: int) -> None:
        if not np.array_equal(have, want):
            self.changes[node, position] = Change(have, want, axis)


def _at_least_one(index: Index) -> Index:
    return index if len(index) else np.zeros(1, dtype=np.int64)


def _of_groups(groups: Index, width: int) -> Index:
    return (groups[:, None] * width + np.arange(width)).reshape(-1)
