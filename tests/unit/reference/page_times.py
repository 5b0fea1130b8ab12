"""The page's sections 4 and 5: when folds load, stream and drain (see :mod:`tests.unit.reference.page`)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from accel_sim.reference import ArraySpec, Pace


@dataclass
class PageFold:
    r: int
    c: int
    T: int
    b: list[list[int]]  # [line][t]
    stretch: int


@dataclass
class Prediction:
    cycles: int = 0
    loads: list = field(default_factory=list)
    streams: list = field(default_factory=list)
    drains: list = field(default_factory=list)
    counts: dict = field(default_factory=lambda: defaultdict(int))


# ---------------------------------------------------------------- sections 4 and 5: ws, is


def ws_times(folds: list[PageFold], spec: ArraySpec, pace: Pace, p: Prediction) -> None:
    R, D, row_cycles = spec.rows, spec.fifo_depth, pace.load_row_cycles
    used, full = spec.edge_folds == "used", spec.fold_overlap == "full"
    last_end = [-1] * R  # f of the row's last step so far
    pushes, pops = defaultdict(list), defaultdict(list)  # of the FIFO below a row; a pop of row r+1 frees an entry
    load_end = R * row_cycles
    p.loads.append((0, load_end))
    before_last: list[int] = []
    free = [load_end] * R  # cycle in which a row copies its shadow
    for i, fold in enumerate(folds):
        first = R - fold.r if used else 0
        before = list(last_end)
        if i and not full:
            end, start = p.streams[-1][1], p.streams[-1][0]
            load_start = end if spec.fold_overlap == "none" else start
            p.loads.append((load_start, load_start + R * row_cycles))
            begin = max(end, p.loads[-1][1])
        elif i:
            x = None
            for r in range(R):  # the chain: shift r fills row r, which must have been copied
                x = (max(load_end, free[0]) + row_cycles - 1) if r == 0 else max(x + row_cycles, free[r])
            new_end = x + 1
            if row_cycles == 1 and not used:  # the page's own formula
                page = max([load_end] + ([before_last[r] + 1 - r for r in range(R)] if i > 1 else []))
                assert new_end == page + R
            load_end = new_end
            p.loads.append((load_end - R * row_cycles, load_end))
            begin = load_end
        else:
            begin = load_end
        f_start = [max(before[r], begin - 1) if full else begin - 1 for r in range(R)]
        f = [[f_start[r]] for r in range(R)]
        for t in range(fold.T):
            for r in range(first, R):
                end = f[r][-1] + max(fold.b[r - first][t], fold.stretch)
                if r > first:
                    end = max(end, f[r - 1][-1] + 1)
                if r < R - 1:
                    n = len(pushes[r])
                    if n >= D:
                        end = max(end, pops[r][n - D])
                    pushes[r].append(end)
                if r > first:
                    pops[r - 1].append(end)
                f[r].append(end)
        free = [max(before[r] + 1, begin) if r >= first else 0 for r in range(R)]
        last_end = [f[r][-1] if r >= first else last_end[r] for r in range(R)]
        width = fold.c if used else spec.cols
        p.streams.append((min(f_start[first:]) + 1, f[R - 1][-1] + 1 + width - 1))
        before_last = before  # when load i + 2 is computed, f_i is the fold before the last
    p.cycles = max(end for _, end in p.streams)


# ---------------------------------------------------------------- sections 4 and 5: os


def os_times(folds: list[PageFold], spec: ArraySpec, pace: Pace, p: Prediction) -> None:
    D, row_cycles = spec.fifo_depth, pace.drain_row_cycles if spec.os_drain else 0
    used, overlap, transposed = spec.edge_folds == "used", spec.fold_overlap, spec.transposed
    lines_all = spec.cols if transposed else spec.rows
    pushes, pops = defaultdict(list), defaultdict(list)
    row_free = [0] * lines_all  # first cycle in which the line is free
    hold = [0] * lines_all  # earliest end of the line's next fold: its shadow is then empty
    drained = [0] * (spec.cols if transposed else 1)  # end of the column's last drain, in the frame of place 0
    begin = 0
    for i, fold in enumerate(folds):
        lines = (fold.c if transposed else fold.r) if used else lines_all
        across = (fold.r if transposed else fold.c) if used else (spec.rows if transposed else spec.cols)
        height = fold.r if used else spec.rows
        if overlap != "full":
            row_free = [begin] * lines_all
        s = [[] for _ in range(lines)]
        free = list(row_free)
        for t in range(fold.T):
            for r in range(lines):
                start = free[r]
                if r:
                    start = max(start, s[r - 1][t] + 1)
                if r < lines - 1:
                    n = len(pushes[r])
                    if n >= D:
                        start = max(start, pops[r][n - D])
                    pushes[r].append(start)
                if r:
                    pops[r - 1].append(start)
                s[r].append(start)
                free[r] = start + max(fold.b[r][t], fold.stretch)
        if overlap == "full" and spec.os_drain:
            free = [max(free[r], hold[r]) if r < lines else free[r] for r in range(lines_all)]
        row_free = free
        ends = free[:lines]
        stream_end = max(ends) + across - 1
        p.streams.append((s[0][0], stream_end))
        if not spec.os_drain:
            p.drains.append((-1, -1))
            begin = stream_end
            continue
        length = height * row_cycles
        if overlap == "none":
            p.drains.append((stream_end, stream_end + length))
            begin = stream_end + length
        elif overlap == "preload":
            start = max(stream_end, p.drains[-1][1] if i else 0)
            p.drains.append((start, start + length))
            begin = start
        elif transposed:
            starts = [max(ends[c] + height - 1, drained[c]) for c in range(lines)]
            for c in range(lines):
                drained[c] = starts[c] + length
                hold[c] = starts[c] + length - (height - 1)
            p.drains.append((min(starts), max(starts) + length))
        else:
            start = max(*ends, drained[0])
            drained[0] = start + length
            for r in range(lines):
                hold[r] = start + (r + 1) * row_cycles
            p.drains.append((start, start + length + across - 1))
    p.cycles = max(max(pair[1] for pair in p.streams), max(pair[1] for pair in p.drains))
