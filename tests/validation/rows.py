"""A study's rows in a CSV file that several processes fill: each takes what is missing and nobody is at.

A row is written as soon as it is measured, beside whatever the file holds by then, so that processes side by side keep
each other's rows. A trial is claimed by a lock on a file, which the system drops with the process that holds it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from filelock import FileLock, Timeout

from accel_sim.files import write_atomically

__all__ = ["RowStore"]

Row = dict[str, str]


class Keyed(Protocol):
    """A trial."""

    @property
    def key(self) -> str:
        """Of its row."""


T = TypeVar("T", bound=Keyed)


@dataclass(frozen=True)
class RowStore:
    """Rows by key, in the order of the study's trials.

    Attributes:
        path: the CSV file.
        columns: its header; ``key`` is among them.
        order: keys of the trials that there are, in order; rows of others are dropped with the next one written.
        claims: folder of the locks.
    """

    path: Path
    columns: Sequence[str]
    order: Callable[[], Iterable[str]]
    claims: Path

    def read(self) -> dict[str, Row]:
        """Rows so far."""
        if not self.path.exists():
            return {}
        with self.path.open(encoding="utf-8", newline="") as file:
            return {row["key"]: row for row in csv.DictReader(file)}

    def add(self, row: Mapping[str, str]) -> None:
        """Write one row beside those that are there."""
        self.claims.mkdir(parents=True, exist_ok=True)
        with FileLock(self.claims / "rows.lock"):
            rows = self.read() | {row["key"]: dict(row)}
            out = io.StringIO()
            writer = csv.DictWriter(out, self.columns, lineterminator="\n", restval="")
            writer.writeheader()
            writer.writerows(rows[key] for key in dict.fromkeys(self.order()) if key in rows)
            write_atomically(self.path, out.getvalue().encode())

    def missing(self, trials: Iterable[T]) -> Generator[T, None, None]:
        """Trials without a row that no other process is at; each is claimed until the next one is asked for."""
        for trial in trials:
            if trial.key not in self.read():
                with self._claim(trial.key) as ours:
                    # Another process may have finished it between the look at the file and the claim.
                    if ours and trial.key not in self.read():
                        yield trial

    def count_missing(self, trials: Iterable[Keyed]) -> int:
        """How many rows are not there yet."""
        return len({trial.key for trial in trials} - self.read().keys())

    @contextmanager
    def _claim(self, key: str) -> Iterator[bool]:
        self.claims.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.claims / f"{key}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()
