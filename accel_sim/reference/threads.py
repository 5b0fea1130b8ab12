"""Parts of a run side by side, on the cores that no other run of this process uses.

Results do not depend on the number of threads: parts share nothing that they write.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from threading import Lock
from typing import TypeVar

__all__ = ["run_parts", "split"]

_Result = TypeVar("_Result")

_lock = Lock()
_busy = 0  # threads that run parts now, in the whole process


@contextmanager
def _threads(most: int) -> Iterator[int]:
    """The caller's thread and up to ``most - 1`` more, as long as there are cores for them."""
    global _busy
    with _lock:
        free = len(os.sched_getaffinity(0)) - _busy
        taken = max(1, min(most, free))
        _busy += taken
    try:
        yield taken
    finally:
        with _lock:
            _busy -= taken


def split(units: int, parts: int) -> list[tuple[int, int]]:
    """``0`` to ``units - 1`` as ``parts`` ranges of almost equal length.

    >>> split(5, 2)
    [(0, 2), (2, 5)]
    """
    ends = [units * part // parts for part in range(parts + 1)]
    return list(pairwise(ends))


def run_parts(run: Callable[[tuple[int, int]], _Result], units: int) -> list[_Result]:
    """``run((first, stop))`` for ranges that cover ``units``; results in order. Runs of the process share the cores."""
    with _threads(units) as threads:
        parts = split(units, threads)
        if threads == 1:
            return [run(parts[0])]
        with ThreadPoolExecutor(max_workers=threads - 1) as pool:
            others = [pool.submit(run, part) for part in parts[1:]]
            return [run(parts[0]), *(other.result() for other in others)]
