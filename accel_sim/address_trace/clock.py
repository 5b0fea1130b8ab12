"""When one array loads, streams and drains fold after fold, step by step: section 5 of the machine's definition.

A *clock* stands at the end of the folds that it has run, in cycles from the array's first one. Running a fold gives
what happens in it, in order; the clock has moved on once all of it has been taken. With ``fold_overlap: full`` the
chains of :mod:`accel_sim.array` are the clock's state, as they are the simulation's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.address_trace.beats import FoldBeats
from accel_sim.address_trace.step_kernel import NEVER, chained_ends, chained_starts, end_steps, start_steps
from accel_sim.array.output_chain_kernel import chain_end, drain_chain, new_chain
from accel_sim.array.stationary_chain_kernel import (
    begin_fold,
    end_fold,
    load_cycles,
    new_stationary_chain,
    stationary_chain_end,
)
from accel_sim.reference.folds import Fold

__all__ = ["Clock", "Event", "Load", "Results", "Steps", "new_clock"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Load:
    """A load of the stationary tile (ws, is).

    Attributes:
        starts: ``(rows of the array,)`` first cycle in which each row is fetched, the bottom row first.
        end: first cycle after it.
    """

    starts: Ints
    end: int


@dataclass(frozen=True, eq=False)
class Steps:
    """Some consecutive steps of a fold.

    Attributes:
        steps: ``(steps,)``, as :attr:`accel_sim.reference.folds.Fold.steps`.
        starts, ends: ``(steps, lines)``, first and last cycle of each in column 0 (row 0 where lines are columns).
        is_first: whether the fold's first step is among them.
    """

    steps: Ints
    starts: Ints
    ends: Ints
    is_first: bool


@dataclass(frozen=True, eq=False)
class Results:
    """The sums of a fold that stay until its end (os).

    Attributes:
        ends: ``(lines,)`` last cycle of each line's last step.
        drain: ``(columns,)`` first cycle of each column's drain, or ``None`` without a drain.
        row_cycles: cycles of each of its ``height`` rows, the bottom row first.
    """

    ends: Ints
    drain: Ints | None
    row_cycles: int
    height: int


Event = Load | Steps | Results


class Clock(ABC):
    """One array's sequence of folds."""

    def __init__(self, beats: FoldBeats) -> None:
        self._beats, self._spec = beats, beats.spec

    @property
    @abstractmethod
    def end(self) -> int:
        """First cycle after everything so far, drains included."""

    @abstractmethod
    def run(self, fold: Fold, group: int, moving: Ints) -> Iterator[Event]:
        """What happens in a fold that comes next: a :class:`Load`, :class:`Steps`, the :class:`Results`.

        Args:
            group, moving: see :meth:`accel_sim.address_trace.beats.FoldBeats.of_fold`.
        """

    @abstractmethod
    def copy(self) -> Clock:
        """A clock of its own that stands where this one does."""


def new_clock(beats: FoldBeats) -> Clock:
    """The clock of an array that has run nothing."""
    if beats.spec.fold_overlap != "full":
        return _SequenceClock(beats)
    return _OutputChainClock(beats) if beats.spec.dataflow == "os" else _StationaryChainClock(beats)


class _SequenceClock(Clock):
    """``none`` and ``preload``: folds that stream one after another.

    ``opened``: with ``preload``, first cycle of the last fold's streaming, in which the next one's load begins (ws,
    is), or of its drain, which leaves its sums to the next one (os). ``streamed``, ``drained``: first cycles after the
    last fold's streaming and drain.
    """

    def __init__(self, beats: FoldBeats, opened: int = 0, streamed: int = 0, drained: int = 0) -> None:
        super().__init__(beats)
        self._opened, self._streamed, self._drained = opened, streamed, drained

    @property
    def end(self) -> int:
        return max(self._streamed, self._drained)

    def copy(self) -> Clock:
        return _SequenceClock(self._beats, self._opened, self._streamed, self._drained)

    def run(self, fold: Fold, group: int, moving: Ints) -> Iterator[Event]:
        beats, overlaps, os = self._beats, self._spec.fold_overlap == "preload", self._spec.dataflow == "os"
        load = self._opened if overlaps else self.end
        stream = max(self._streamed, load)
        if not os:
            each = beats.load_row_cycles(fold, group)
            loaded = load + self._spec.rows * each
            stream = max(self._streamed, loaded)
            yield Load(load + np.arange(self._spec.rows)[::-1] * each, loaded)
        last = np.zeros(0, np.int64)
        for part in self._steps(fold, group, moving, stream):
            yield part
            last = part.ends[-1]
        self._streamed = int(last.max() if os else last[-1]) + beats.across(fold)
        self._opened = stream
        if os:
            self._opened = drain = max(self._streamed, self._drained)
            each, height = beats.drain_row_cycles(fold), beats.height(fold)
            self._drained = drain + height * each
            starts = np.full(len(fold.cols), drain) if self._spec.os_drain else None
            yield Results(last, starts, each, height)

    def _steps(self, fold: Fold, group: int, moving: Ints, stream: int) -> Iterator[Steps]:
        """The steps of a fold by itself that streams from cycle ``stream`` on."""
        lines, os = self._beats.lines(fold), self._spec.dataflow == "os"
        depth = min(self._spec.fifo_depth, len(fold.steps))
        before = np.full((depth, lines), NEVER, np.int64)
        if not os:
            before[-1] = stream - 1
        free = np.full(lines, stream, np.int64)
        for steps, beats, is_first in self._beats.of_fold(fold, group, moving):
            table = np.concatenate([before, np.empty_like(beats)])
            if os:
                start_steps(table, free, beats, depth)
                yield Steps(steps, table[depth:], table[depth:] + beats - 1, is_first)
            else:
                end_steps(table, beats, depth)
                yield Steps(steps, table[depth - 1 : -1] + 1, table[depth:], is_first)
            before = table[len(beats) :]


class _ChainClock(Clock):
    """``full``: folds that are one sequence of steps."""

    def __init__(self, beats: FoldBeats, chain: tuple[Ints, ...]) -> None:
        super().__init__(beats)
        self._chain = chain

    def copy(self) -> Clock:
        return type(self)(self._beats, deepcopy(self._chain))


class _StationaryChainClock(_ChainClock):
    """ws, is: see :mod:`accel_sim.array.stationary_chain_kernel`."""

    def __init__(self, beats: FoldBeats, chain: tuple[Ints, ...] | None = None) -> None:
        super().__init__(beats, chain or new_stationary_chain(beats.spec.rows, beats.spec.fifo_depth))

    @property
    def end(self) -> int:
        return int(stationary_chain_end(self._chain))

    def run(self, fold: Fold, group: int, moving: Ints) -> Iterator[Event]:
        rows, depth, lines = self._spec.rows, self._spec.fifo_depth, self._beats.lines(fold)
        each = self._beats.load_row_cycles(fold, group)
        fetched = load_cycles(self._chain, rows, each)
        begin = begin_fold(self._chain, rows - lines, rows, each)
        yield Load(fetched[:rows][::-1], int(begin))
        last = np.maximum(self._chain[0][rows - lines :], begin - 1)
        for steps, beats, is_first in self._beats.of_fold(fold, group, moving):
            ends = np.empty((len(beats) + 1, lines), np.int64)
            ends[0] = last
            chained_ends(ends[1:], last, beats, self._chain, rows, depth)
            yield Steps(steps, ends[:-1] + 1, ends[1:], is_first)
        end_fold(self._chain, last, lines, rows, self._beats.across(fold))


class _OutputChainClock(_ChainClock):
    """os: see :mod:`accel_sim.array.output_chain_kernel`."""

    def __init__(self, beats: FoldBeats, chain: tuple[Ints, ...] | None = None) -> None:
        spec = beats.spec
        super().__init__(beats, chain or new_chain(spec.rows, spec.cols, spec.fifo_depth))

    @property
    def end(self) -> int:
        return int(chain_end(self._chain))

    def run(self, fold: Fold, group: int, moving: Ints) -> Iterator[Event]:
        spec, lines, across = self._spec, self._beats.lines(fold), self._beats.across(fold)
        for steps, beats, is_first in self._beats.of_fold(fold, group, moving):
            starts = np.empty_like(beats)
            chained_starts(starts, beats, self._chain, spec.fifo_depth)
            yield Steps(steps, starts, starts + beats - 1, is_first)
        each, height = self._beats.drain_row_cycles(fold), self._beats.height(fold)
        drain_chain(self._chain, lines, across, height, each, spec.os_drain, spec.transposed)
        free, drained = self._chain[0], self._chain[5]
        columns = lines if spec.transposed else across
        # A line's last step lasts until its sums have gone into the shadow.
        yield Results(free[:lines] - 1, drained[:columns] - height * each if spec.os_drain else None, each, height)
