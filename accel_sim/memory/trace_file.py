"""Traces of memory requests as text: ``address READ|WRITE cycle`` per line, as DRAMsim3 reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import WorkloadError

__all__ = ["RequestTrace", "read_trace"]

KINDS = {"READ": False, "R": False, "WRITE": True, "W": True}
MOST_ADDRESS, MOST_CYCLE = (1 << 62) - 1, 10**11
"""Every refresh up to the last cycle is simulated: more cycles than that take minutes."""


@dataclass(frozen=True, eq=False)
class RequestTrace:
    """Requests in the order in which they are sent, one burst each.

    Attributes:
        addresses: ``(requests,)`` int64, bytes.
        writes: ``(requests,)`` bool.
        cycles: ``(requests,)`` int64, first clock of each.
    """

    addresses: NDArray[np.int64]
    writes: NDArray[np.bool_]
    cycles: NDArray[np.int64]


def read_trace(path: Path) -> RequestTrace:
    """Read a trace; blank lines, and what follows ``#``, do not count. Addresses are decimal, or hexadecimal with 0x.

    Raises:
        WorkloadError: the file cannot be read, or a line of it; with its number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WorkloadError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    rows = [_row(path, number, line) for number, line in enumerate(lines, start=1) if line.partition("#")[0].strip()]
    if not rows:
        raise WorkloadError(f"{path}: holds no request; allowed: lines such as '0x40 READ 0'")
    addresses, writes, cycles = zip(*rows, strict=True)
    return RequestTrace(np.array(addresses, np.int64), np.array(writes, np.bool_), np.array(cycles, np.int64))


def _row(path: Path, number: int, line: str) -> tuple[int, bool, int]:
    words = line.partition("#")[0].split()
    if len(words) != 3 or words[1].upper() not in KINDS:
        raise WorkloadError(f"{path}:{number}: holds '{line.strip()}'; allowed: address READ|WRITE cycle")
    address, cycle = (_number(path, number, name, word) for name, word in (("address", words[0]), ("cycle", words[2])))
    return address, KINDS[words[1].upper()], cycle


def _number(path: Path, number: int, name: str, word: str) -> int:
    try:
        value = int(word, 0) if name == "address" else int(word)
    except ValueError:
        value = -1
    most, shown = (MOST_ADDRESS, "2^62 - 1") if name == "address" else (MOST_CYCLE, f"{MOST_CYCLE:,}")
    if not 0 <= value <= most:
        raise WorkloadError(f"{path}:{number}: {name} holds '{word}'; allowed: an integer from 0 to {shown}")
    return value
