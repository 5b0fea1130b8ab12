"""Every point's result on disk as soon as it is there: one SQLite file, written in transactions.

A result is found again by its key, a hash of everything that determines it; its number is only its place in the
present specification. A sweep that is extended or cut finds what it needs under new numbers; what the new
specification lacks is set aside, and comes back when it is asked for again.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accel_sim.errors import InputError
from accel_sim.files import make_directory

__all__ = [
    "DONE",
    "FAILED",
    "POINT_COLUMNS",
    "SCHEMA",
    "SPEC",
    "STORE",
    "Outcome",
    "StoredPoint",
    "SweepStore",
    "canonical_json",
]

STORE, SPEC = "sweep.sqlite", "spec.yaml"
SCHEMA = 1
DONE, FAILED = "done", "failed"
POINT_COLUMNS = "number, key, axes, status, message, result, seconds"
"""Columns of the table ``points``, in the order of the fields of :class:`StoredPoint`."""
_WAIT_S = 60.0
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS points (
    number INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, axes TEXT NOT NULL, status TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '', result TEXT NOT NULL DEFAULT '', seconds REAL NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS details (number INTEGER PRIMARY KEY, result BLOB);
CREATE TABLE IF NOT EXISTS aside (
    key TEXT PRIMARY KEY, status TEXT NOT NULL, message TEXT NOT NULL, result TEXT NOT NULL, seconds REAL NOT NULL,
    details BLOB);
"""


def canonical_json(value: Any) -> str:
    """``value`` as the one JSON text that equal values share."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _axes_text(axes: Mapping[str, Any]) -> str:
    """The axes in the order of the specification."""
    return json.dumps(axes, separators=(",", ":"))


@dataclass(frozen=True)
class Outcome:
    """What became of a point.

    Attributes:
        status: :data:`DONE` or :data:`FAILED`.
        message: of a failed point, one line.
        result: JSON text of the metrics.
        seconds: that it took.
        details: compressed JSON of the whole simulation, or ``None``.
    """

    number: int
    status: str
    message: str = ""
    result: str = ""
    seconds: float = 0.0
    details: bytes | None = None


@dataclass(frozen=True)
class StoredPoint:
    """A point of the store.

    Attributes:
        metrics: the ``total`` of its result, keys joined with a dot, with ``hardware`` and ``model``; empty where it
            failed, and ``message`` says why.
    """

    number: int
    key: str
    axes: dict[str, Any]
    status: str
    message: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def done(self) -> bool:
        """Whether the point has a result."""
        return self.status == DONE


class SweepStore:
    """The store of a sweep in a folder.

    Args:
        directory: of the sweep.
        create: make the folder and the store where there is none.

    Raises:
        InputError: there is no store, or a file that is none, or one of a later version.
    """

    def __init__(self, directory: Path, *, create: bool = False) -> None:
        self.directory = directory
        self._path = directory / STORE
        if create:
            make_directory(directory)
        elif not self._path.is_file():
            raise InputError(f"{directory}: holds no {STORE}; allowed: the --out of a sweep")
        try:
            with self._open() as database:
                database.execute("PRAGMA journal_mode=WAL")
                database.executescript(_TABLES)
            schema = self.meta("schema")
        except (sqlite3.DatabaseError, ValueError) as error:
            raise InputError(f"{self._path}: cannot be used as the store of a sweep: {error}") from error
        if schema not in (None, SCHEMA):
            raise InputError(f"{self._path}: has schema {schema}; this version of Bitgrove reads {SCHEMA}")

    def meta(self, name: str) -> Any:
        """What stands under a name (``schema``, ``bitgrove``, ``title``, ``axes``, ``planned``: how many points the
        specification has), else ``None``.
        """
        with self._open() as database:
            row = database.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_meta(self, values: Mapping[str, Any]) -> None:
        """Store JSON values under names."""
        rows = [(name, json.dumps(value)) for name, value in values.items()]
        with self._open() as database:
            database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    def points(self) -> list[StoredPoint]:
        """All that is there, in the order of the specification."""
        with self._open() as database:
            rows = database.execute(f"SELECT {POINT_COLUMNS} FROM points ORDER BY number").fetchall()
        return [
            StoredPoint(number, key, json.loads(axes), status, message, json.loads(result or "{}"), seconds)
            for number, key, axes, status, message, result, seconds in rows
        ]

    def keys(self, but: str, *, details: bool = False) -> set[str]:
        """Keys of all results, those that are set aside included, whose message does not begin with ``but``.

        ``details``: without those that were computed, but whose details were not kept.
        """
        query = (
            "SELECT key, message, status, details.result FROM points LEFT JOIN details USING (number)"
            " UNION ALL SELECT key, message, status, details FROM aside"
        )
        with self._open() as database:
            return {
                key
                for key, message, status, kept in database.execute(query)
                if not message.startswith(but) and not (details and status == DONE and kept is None)
            }

    def detail(self, number: int) -> dict[str, Any] | None:
        """The whole ``simulate`` JSON of a point, if it was kept."""
        with self._open() as database:
            row = database.execute("SELECT result FROM details WHERE number = ?", (number,)).fetchone()
        if row is None or row[0] is None:
            return None
        tree: dict[str, Any] = json.loads(zlib.decompress(row[0]))
        return tree

    def align(self, keys: Sequence[str], axes: Sequence[Mapping[str, Any]]) -> set[int]:
        """Give every stored result its place among the points of a specification, ``keys[number]``.

        Returns the numbers that are there.
        """
        wanted = {key: (number, _axes_text(own)) for number, (key, own) in enumerate(zip(keys, axes, strict=True))}
        with self._open() as database:
            stored = database.execute("SELECT number, key, axes FROM points").fetchall()
            misplaced = [(number,) for number, key, own in stored if wanted.get(key) != (number, own)]
            database.executemany(
                "INSERT OR REPLACE INTO aside SELECT key, status, message, points.result, seconds, details.result"
                " FROM points LEFT JOIN details USING (number) WHERE number = ?",
                misplaced,
            )
            database.executemany("DELETE FROM points WHERE number = ?", misplaced)
            database.executemany("DELETE FROM details WHERE number = ?", misplaced)
            aside = [key for (key,) in database.execute("SELECT key FROM aside") if key in wanted]
            for key in aside:
                number, own = wanted[key]
                database.execute(
                    "INSERT OR REPLACE INTO points SELECT ?, key, ?, status, message, result, seconds FROM aside"
                    " WHERE key = ?",
                    (number, own, key),
                )
                database.execute(
                    "INSERT OR REPLACE INTO details SELECT ?, details FROM aside WHERE key = ? AND details IS NOT NULL",
                    (number, key),
                )
            database.executemany("DELETE FROM aside WHERE key = ?", [(key,) for key in aside])
            return {number for (number,) in database.execute("SELECT number FROM points")}

    def add(self, outcomes: Iterable[Outcome], keys: Sequence[str], axes: Sequence[Mapping[str, Any]]) -> None:
        """Store outcomes in one transaction; ``keys`` and ``axes`` are those of all points of the specification."""
        self.put((keys[one.number], axes[one.number], one) for one in outcomes)

    def put(self, found: Iterable[tuple[str, Mapping[str, Any], Outcome]]) -> None:
        """The same for outcomes that come with their key and axes (:meth:`outcomes`)."""
        rows, details = [], []
        for key, axes, one in found:
            rows.append((one.number, key, _axes_text(axes), one.status, one.message, one.result, one.seconds))
            if one.details is not None:
                details.append((one.number, one.details))
        with self._open() as database:
            database.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            database.executemany("INSERT OR REPLACE INTO details VALUES (?, ?)", details)

    def forget(self, numbers: Iterable[int]) -> None:
        """Remove points that are to be computed anew."""
        with self._open() as database:
            rows = [(number,) for number in numbers]
            database.executemany("DELETE FROM points WHERE number = ?", rows)
            database.executemany("DELETE FROM details WHERE number = ?", rows)

    def outcomes(self) -> Iterator[tuple[str, dict[str, Any], Outcome]]:
        """Key, axes and outcome of all points, to be added to another store."""
        query = (
            "SELECT number, key, axes, status, message, points.result, seconds, details.result"
            " FROM points LEFT JOIN details USING (number) ORDER BY number"
        )
        with self._open() as database:
            for number, key, axes, status, message, result, seconds, details in database.execute(query):
                yield key, json.loads(axes), Outcome(number, status, message, result, seconds, details)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction: nothing is open, and nothing can be lost, in between."""
        with closing(sqlite3.connect(self._path, timeout=_WAIT_S)) as database:
            database.execute("PRAGMA synchronous=NORMAL")
            with database:
                yield database
