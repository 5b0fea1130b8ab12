"""Kernel: the time line of a sequence of folds with a constant beat (section 5 of the machine's definition).

``load`` is how long the stationary tile's load takes (ws, is), ``drain`` how long the results' drain (os). A fold's
step takes ``beat`` cycles; its wave leaves row by row and column by column.

The state of the sequence is four times (``t0 .. t3``), whose meaning depends on the overlap:

===================  ========================================================================================
``none``             t0 end of the last fold, drain included
``preload`` ws, is   t0 start of the last fold's streaming, t1 its end
``preload`` os       t0 end of the last fold's streaming, t1 end of the drain before it, t2 length of its own drain
``full`` ws, is      t0 end of the last step in the last row, t1 end of the last load, t2 first cycle in which the
next load
                     may begin, t3 end of the sequence so far
``full`` os          t0 start of the last fold, t1 distance to the next start, t2 end of its drain in column 0,
                     t3 end of the sequence so far; exact for equal folds (:mod:`accel_sim.array.output_chain_kernel`
                     for any)
===================  ========================================================================================

One decision that the page leaves open: ``preload`` with ``os`` has one shadow result register, so streaming of a
fold may begin only when the results of the fold before could move into it, i.e. when the drain before that has
ended.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.jit import kernel

__all__ = [
    "FULL",
    "NONE",
    "OVERLAP_CODE",
    "PRELOAD",
    "advance",
    "advance_stream",
    "advance_streams",
    "new_state",
    "sequence_end",
]

NONE, PRELOAD, FULL = 0, 1, 2
OVERLAP_CODE = {"none": NONE, "preload": PRELOAD, "full": FULL}
_IDLE = -1


@kernel
def new_state() -> NDArray[np.int64]:
    """State before the first fold: five times, the last a marker that nothing has run."""
    state = np.zeros(5, np.int64)
    state[4] = _IDLE
    return state


@kernel
def sequence_end(state, os, overlap):
    """Cycle in which everything of the folds so far is finished, drain included."""
    if state[4] == _IDLE:
        return 0
    if overlap == NONE:
        return state[0]
    if overlap == PRELOAD:
        return max(state[0], state[1]) + state[2] if os else state[1]
    return state[3]


@kernel
def advance_stream(state, os, overlap, stream, load, drain):
    """Append one fold that streams for ``stream`` cycles (``none`` and ``preload``)."""
    first = state[4] == _IDLE
    state[4] = 0
    if overlap == NONE:
        state[0] += load + stream + drain
    elif os:
        start = 0 if first else max(state[0], state[1])
        state[1] = 0 if first else start + state[2]
        state[0] = start + stream
        state[2] = drain
    else:
        start = load if first else max(state[1], state[0] + load)
        state[0] = start
        state[1] = start + stream


@kernel
def advance_streams(state, os, overlap, streams, tail, loads, drain, repeat):
    """Append folds of ``streams + tail`` cycles with loads of ``loads``, ``repeat`` times all of them; those that
    stream for 0 cycles are left out.
    """
    for _ in range(repeat):
        for fold, stream in enumerate(streams):
            if stream > 0:
                advance_stream(state, os, overlap, stream + tail, loads[fold], drain)


@kernel
def _advance_wave(state, os, work, r, c, rows, load, drain, gap):
    """Append one fold whose wave follows the one before (``full``)."""
    first = state[4] == _IDLE
    state[4] = 0
    if os:
        start = 0 if first else state[0] + state[1]
        state[0] = start
        state[1] = max(work, gap)
        state[2] = max(state[2], start + work + r - 1) + drain  # one drain of a column at a time
        state[3] = max(state[3], state[2] + c - 1)
        return
    if first:
        loaded = load
        last_row_end = load + work + r - 2
        may_load = load
    else:
        loaded = max(state[1], state[2]) + load
        may_load = state[0] + 2 - rows
        last_row_end = max(state[0], loaded + r - 2) + work
    state[0] = last_row_end
    state[1] = loaded
    state[2] = may_load
    state[3] = max(state[3], last_row_end + c)


@kernel
def _fold(state, os, overlap, steps, beat, r, c, rows, load, drain, gap):
    """Append one fold of ``steps`` steps that occupies ``r × c`` PEs of an array of ``rows`` rows."""
    if overlap == FULL:
        _advance_wave(state, os, steps * beat, r, c, rows, load, drain, gap)
    else:
        advance_stream(state, os, overlap, steps * beat + r + c - 2, load, drain)


@kernel
def advance(state, os, overlap, count, steps, beat, r, c, rows, load, drain, gap):
    """Append ``count`` equal folds; once the state only shifts from fold to fold, the rest is one multiplication."""
    done = 0
    while done < count:
        b0, b1, b2, b3 = state[0], state[1], state[2], state[3]
        idle = state[4] == _IDLE
        _fold(state, os, overlap, steps, beat, r, c, rows, load, drain, gap)
        done += 1
        if idle or done == count:
            continue
        shift = state[0] - b0
        moved = _moves(overlap, os)
        steady = True
        for i, before in enumerate((b0, b1, b2, b3)):
            expected = before + shift if moved[i] else before
            if state[i] != expected:
                steady = False
        if steady:
            rest = count - done
            for i in range(4):
                if moved[i]:
                    state[i] += rest * shift
            done = count


@kernel
def _moves(overlap, os):
    """Which of the state's entries are times (they shift with the sequence) and which are lengths."""
    if overlap == NONE:
        return (True, False, False, False)
    if overlap == PRELOAD:
        return (True, True, False, False)
    if os:
        return (True, False, True, True)
    return (True, True, True, True)
