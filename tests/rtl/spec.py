"""The page's recurrences in plain Python: an oracle for the RTL's cycles that shares no code with the simulator.

A transcription of sections 3 (beat), 4 (elastic rows) and 5 (overlapping folds) of ``docs/microarchitecture.md`` for
``edge_folds: full`` and sync groups of one row, with the page's own symbols: ``b[r][t]`` beats, ``f[r][t]`` ends of
steps (ws), ``s[r][t]`` starts of steps (os), D the FIFO depth. Written to be read beside the page, not to be fast.
"""

from __future__ import annotations

from tests.rtl.rtl_array import RtlCase

__all__ = ["beats", "cycles", "effectual_terms"]

Beats = list[list[int]]
Times = list[list[int]]


def effectual_terms(value: int, encoding: str) -> int:
    """Terms of one operand: ones of its magnitude, or its non-zero canonical signed digits.

    >>> effectual_terms(7, "bits"), effectual_terms(7, "csd"), effectual_terms(-7, "csd")
    (3, 2, 2)
    """
    rest = abs(value)
    if encoding == "bits":
        return rest.bit_count()
    terms = 0
    while rest:
        if rest % 2:
            digit = 2 - rest % 4  # +1 where the next bit is 0, else −1 and a carry
            rest -= digit
            terms += 1
        rest //= 2
    return terms


def beats(case: RtlCase, row_fold: int) -> Beats:
    """``b[r][t]`` of one fold; padded rows, k and lanes hold zeros."""
    return [[_beat(case, _operands(case, row_fold, r, t)) for t in range(case.steps)] for r in range(case.rows)]


def _operands(case: RtlCase, row_fold: int, r: int, t: int) -> list[int]:
    """The activations of PE row r in step t, one per lane."""
    row = row_fold * case.rows + r
    m, first_k = (t, row * case.lanes) if case.dataflow == "ws" else (row, t * case.lanes)
    inside = m < case.m
    return [int(case.activations[m, k]) if inside and k < case.k else 0 for k in range(first_k, first_k + case.lanes)]


def _beat(case: RtlCase, operands: list[int]) -> int:
    if case.arithmetic == "parallel":
        return 1
    if case.arithmetic == "serial_act":
        return -(-case.a_bits // case.digit_bits)
    return max(1, max(effectual_terms(value, case.encoding) for value in operands))


def cycles(case: RtlCase) -> int:
    """Cycles of the whole product, from the first load (os: streaming) to the last streaming (os: drain)."""
    folds = [beats(case, row_fold) for _ in range(case.col_folds) for row_fold in range(case.row_folds)]
    if case.fold_overlap == "full":
        return _ws_full(case, folds) if case.dataflow == "ws" else _os_full(case, folds)
    stream = _ws_stream if case.dataflow == "ws" else _os_stream
    streams = [stream(case, b) for b in folds]
    if case.fold_overlap == "none":
        return sum(case.rows + cycles for cycles in streams)
    return _ws_preload(case, streams) if case.dataflow == "ws" else _os_preload(case, streams)


def _ws_stream(case: RtlCase, b: Beats) -> int:
    f = _ws_ends(b, case.fifo_depth, [-1] * case.rows, [])
    return f[-1][-1] + 1 + case.cols - 1


def _ws_ends(b: Beats, depth: int, before: list[int], earlier: Times) -> Times:
    """``f[r][t]``, from ``before[r] = f[r][−1]``; ``earlier[r]`` holds the ends of all steps of the folds before."""
    rows, steps = len(b), len(b[0])
    f = [[0] * steps for _ in range(rows)]

    def popped(r: int, t: int) -> list[int]:
        """``f[r][t]`` as one term of the maximum, nothing where the index is out of range."""
        if r == rows:
            return []
        if t >= 0:
            return [f[r][t]]
        return [earlier[r][t]] if earlier and -t <= len(earlier[r]) else []

    for t in range(steps):
        for r in range(rows):
            above = [f[r - 1][t] + 1] if r else []
            last = f[r][t - 1] if t else before[r]
            f[r][t] = max([last + b[r][t], *above, *popped(r + 1, t - depth)])
    return f


def _ws_preload(case: RtlCase, streams: list[int]) -> int:
    start = load_end = case.rows
    end = start
    for i, stream in enumerate(streams):
        start = max(end, load_end)
        end = start + stream
        if i + 1 < len(streams):
            load_end = start + case.rows
    return end


def _ws_full(case: RtlCase, folds: list[Beats]) -> int:
    """Folds as one sequence of steps; time 0 is the first cycle of the first load."""
    rows = range(case.rows)
    load_end = case.rows
    ended = [-1] * case.rows  # f_i[r][T−1] of the fold before
    earlier: Times = [[] for _ in rows]
    for b in folds:
        ended_before, ended = ended, [max(end, load_end - 1) for end in ended]
        f = _ws_ends(b, case.fifo_depth, ended, earlier)
        # The load of the fold after this one, from f_{i−1}; of fold 1 from the first streaming cycle of fold 0.
        load_end = max(load_end, *(ended_before[r] + 1 - r for r in rows)) + case.rows
        ended = [f[r][-1] for r in rows]
        earlier = [earlier[r] + f[r] for r in rows]
    return ended[-1] + 1 + case.cols - 1


def _os_stream(case: RtlCase, b: Beats) -> int:
    s = _os_starts(b, case.fifo_depth, [0] * case.rows, [])
    return max(s[r][-1] + b[r][-1] for r in range(case.rows)) + case.cols - 1


def _os_starts(b: Beats, depth: int, free: list[int], earlier: Times) -> Times:
    """``s[r][t]``, row r being free from ``free[r]``; ``earlier[r]``: the starts of all steps of the folds before."""
    rows, steps = len(b), len(b[0])
    s = [[0] * steps for _ in range(rows)]

    def popped(r: int, t: int) -> list[int]:
        """``s[r][t]`` as one term of the maximum, nothing where the index is out of range."""
        if r == rows:
            return []
        if t >= 0:
            return [s[r][t]]
        return [earlier[r][t]] if earlier and -t <= len(earlier[r]) else []

    for t in range(steps):
        for r in range(rows):
            above = [s[r - 1][t] + 1] if r else []
            own = s[r][t - 1] + b[r][t - 1] if t else free[r]
            s[r][t] = max([own, *above, *popped(r + 1, t - depth)])
    return s


def _os_preload(case: RtlCase, streams: list[int]) -> int:
    end = drain_end = 0
    for stream in streams:
        end += stream
        drain_end = max(end, drain_end) + case.rows
    return drain_end


def _os_full(case: RtlCase, folds: list[Beats]) -> int:
    """Folds as one sequence of steps; with constant beats their first waves are ``max(T·b, rows)`` apart.

    Beyond the page, for data-dependent beats: a row's last step of a fold lasts until its result register is free,
    i.e. until the drain before has passed the row; a drain starts when all rows are done and the drain before it is.
    """
    rows = range(case.rows)
    free = [0] * case.rows
    earlier: Times = [[] for _ in rows]
    drain_start = -case.rows
    for b in folds:
        s = _os_starts(b, case.fifo_depth, free, earlier)
        free = [max(s[r][-1] + b[r][-1], drain_start + r + 1) for r in rows]
        earlier = [earlier[r] + s[r] for r in rows]
        drain_start = max(*free, drain_start + case.rows)
    return drain_start + case.rows + case.cols - 1
