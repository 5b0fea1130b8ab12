"""Folds of known length one after another on several arrays: section 5's sequences for ``none`` and ``preload``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.sequence_kernel import NONE, advance_streams, new_state, sequence_end

__all__ = ["Sequences"]


class Sequences:
    """One sequence per array; the machine is as late as its slowest array."""

    def __init__(self, arrays: int, overlap: int, *, os: bool) -> None:
        self._states = [new_state() for _ in range(arrays)]
        self._overlap, self._os = overlap, os
        assert overlap >= NONE  # `full` is a chain of its own in the kernels

    def append(
        self, index: int, streams: NDArray[np.int64], tail: int, loads: NDArray[np.int64], drain: int, repeat: int = 1
    ) -> None:
        """Append folds that load for ``loads`` and stream for ``streams + tail`` cycles, ``repeat`` times all of them,
        to array ``index``.

        A fold of 0 is left out: it is neither loaded, streamed nor drained.
        """
        advance_streams(self._states[index], self._os, self._overlap, streams, tail, loads, drain, repeat)

    @property
    def end(self) -> int:
        """Cycle in which the slowest array is finished."""
        return max(int(sequence_end(state, self._os, self._overlap)) for state in self._states)
