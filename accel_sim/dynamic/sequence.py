"""Folds of known length one after another on several arrays: section 5's sequences for ``none`` and ``preload``."""

from __future__ import annotations

from accel_sim.array.sequence_kernel import NONE, advance_stream, new_state, sequence_end

__all__ = ["Sequences"]


class Sequences:
    """One sequence per array; the machine is as late as its slowest array."""

    def __init__(self, arrays: int, overlap: int, *, os: bool) -> None:
        self._states = [new_state() for _ in range(arrays)]
        self._overlap, self._os = overlap, os
        assert overlap >= NONE  # `full` is a chain of its own in the kernels

    def append(self, index: int, stream: int, load: int, drain: int) -> None:
        """Append a fold that streams for ``stream`` cycles to the sequence of array ``index``."""
        advance_stream(self._states[index], self._os, self._overlap, stream, load, drain)

    @property
    def end(self) -> int:
        """Cycle in which the slowest array is finished."""
        return max(int(sequence_end(state, self._os, self._overlap)) for state in self._states)
