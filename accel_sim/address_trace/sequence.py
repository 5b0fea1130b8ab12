"""Where folds stand in time: section 5's ``none`` and ``preload``, fold by fold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["FoldLength", "FoldPlace", "FoldSequence"]


class FoldLength(NamedTuple):
    """Cycles that a fold's load, its streaming and its drain take; 0 where its dataflow has none."""

    load: int
    stream: int
    drain: int


class FoldPlace(NamedTuple):
    """First cycles of a fold's load, its streaming and its drain."""

    load: int
    stream: int
    drain: int


@dataclass(frozen=True)
class FoldSequence:
    """Folds that follow one another, as far as the next one must know them.

    Attributes:
        overlaps: ``preload``.
        drains: os, whose results drain; else the folds load.
        opened: with ``preload``, first cycle of the last fold's streaming, in which the next one's load begins (ws,
            is), or of its drain, which leaves its sums to the next one (os).
        streamed, drained: first cycles after the last fold's streaming and drain.
    """

    overlaps: bool
    drains: bool
    opened: int = 0
    streamed: int = 0
    drained: int = 0

    @property
    def end(self) -> int:
        """First cycle after the last result."""
        return max(self.streamed, self.drained)

    def from_idle(self, start: int) -> FoldSequence:
        """The same array in cycle ``start``, all done."""
        return FoldSequence(self.overlaps, self.drains, start, start, start)

    def append(self, lengths: Iterable[FoldLength]) -> tuple[FoldSequence, list[FoldPlace]]:
        """The sequence with more folds, and where these stand."""
        now, places = self, []
        for length in lengths:
            load = now.opened if self.overlaps else now.end
            stream = max(now.streamed, load + length.load)
            streamed = stream + length.stream
            drain = max(streamed, now.drained)
            places.append(FoldPlace(load, stream, drain))
            opened = drain if self.drains else stream
            now = FoldSequence(self.overlaps, self.drains, opened, streamed, drain + length.drain)
        return now, places
