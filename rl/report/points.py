"""Points of a folder: of a sweep (``sweep.sqlite``), or single results of ``bitgrove simulate --json``."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from accel_sim.errors import InputError
from accel_sim.result import SCHEMA as RESULT_SCHEMA
from accel_sim.result import flatten
from rl.sweeps.axes import Axis
from rl.sweeps.store import DONE, POINT_COLUMNS, SCHEMA, STORE, StoredPoint

__all__ = ["PointFolder", "open_folder"]

_RESULT_KEYS = ("schema", "bitgrove", "model", "hardware", "layers", "total")
_TABLES = {"meta", "points", "details"}


class PointFolder(Protocol):
    """Where points come from."""

    @property
    def title(self) -> str:
        """What the points are about; empty where the folder does not tell."""

    @property
    def axes(self) -> tuple[Axis, ...]:
        """What varies."""

    def points(self) -> list[StoredPoint]:
        """All points that were computed, done or failed, in their order."""

    def detail(self, number: int) -> dict[str, Any] | None:
        """The full result of a point; ``None`` where it was not kept."""


def open_folder(path: Path) -> PointFolder:
    """Find out what ``path`` holds.

    Raises:
        InputError: the folder is missing, holds neither a sweep nor results, or one of its files is damaged.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such folder")
    if not path.is_dir():
        raise InputError(f"{path}: is a file; a folder with a sweep or with results of `simulate --json` is needed")
    if (path / STORE).exists():
        return _SweepFolder.open(path / STORE)
    files = sorted(path.glob("*.json"))
    if not files:
        raise InputError(
            f"{path}: holds no {STORE} (of `bitgrove sweep`) and no *.json (of `bitgrove simulate --json`)"
        )
    return _ResultFolder(tuple(files), tuple(_summary(number, file) for number, file in enumerate(files)))


@dataclass(frozen=True)
class _SweepFolder:
    database: Path
    title: str
    axes: tuple[Axis, ...]

    @classmethod
    def open(cls, database: Path) -> _SweepFolder:
        with _reading(database) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not tables >= _TABLES:
                raise InputError(f"{database}: is not the database of a sweep (no table {min(_TABLES - tables)})")
            rows = connection.execute("SELECT name, value FROM meta")
            meta = {name: _parsed(value, f"{database}: meta {name}") for name, value in rows}
        if meta.get("schema") != SCHEMA:
            found = json.dumps(meta.get("schema"))
            raise InputError(f"{database}: meta schema: is {found}; this version reads {SCHEMA}")
        try:
            axes = tuple(Axis(str(axis["name"]), tuple(axis["values"])) for axis in meta.get("axes", []))
        except (KeyError, TypeError) as error:
            raise InputError(f"{database}: meta axes: is no list of axes with name and values") from error
        return cls(database, str(meta.get("title") or ""), axes)

    def points(self) -> list[StoredPoint]:
        with _reading(self.database) as connection:
            rows = connection.execute(f"SELECT {POINT_COLUMNS} FROM points ORDER BY number").fetchall()
        return [self._point(*row) for row in rows]

    def _point(
        self, number: int, key: str, axes: str, status: str, message: str, result: str, seconds: float
    ) -> StoredPoint:
        where = f"{self.database}: point {number}"
        metrics = _mapping(result, f"{where}: result") if status == DONE else {}
        return StoredPoint(number, key, _mapping(axes, f"{where}: axes"), status, message, metrics, seconds)

    def detail(self, number: int) -> dict[str, Any] | None:
        with _reading(self.database) as connection:
            row = connection.execute("SELECT result FROM details WHERE number = ?", (number,)).fetchone()
        if row is None or row[0] is None:
            return None
        where = f"{self.database}: details of point {number}"
        try:
            text = zlib.decompress(row[0])
        except (zlib.error, TypeError) as error:
            raise InputError(f"{where}: are damaged ({error})") from error
        return _checked_result(_parsed(text, where), where)


@dataclass(frozen=True)
class _ResultFolder:
    files: tuple[Path, ...]
    summaries: tuple[StoredPoint, ...]
    title: str = ""

    @property
    def axes(self) -> tuple[Axis, ...]:
        return (Axis("file", tuple(file.name for file in self.files)),)

    def points(self) -> list[StoredPoint]:
        return list(self.summaries)

    def detail(self, number: int) -> dict[str, Any] | None:
        return _read_result(self.files[number])


def _summary(number: int, file: Path) -> StoredPoint:
    result = _read_result(file)
    metrics = {**flatten(result["total"]), "hardware": result["hardware"].get("name", ""), "model": result["model"]}
    return StoredPoint(number, file.name, {"file": file.name}, DONE, "", metrics)


def _read_result(file: Path) -> dict[str, Any]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror or error}") from error
    return _checked_result(_parsed(content, str(file)), str(file))


def _checked_result(tree: Any, where: str) -> dict[str, Any]:
    """``tree`` if it has the form of a result: what the page takes from it is there, and of the right kind."""
    if not isinstance(tree, dict) or any(key not in tree for key in _RESULT_KEYS):
        raise InputError(f"{where}: is no result of `bitgrove simulate --json`")
    if tree["schema"] != RESULT_SCHEMA:
        raise InputError(f"{where}: schema: is {json.dumps(tree['schema'])}; this version reads {RESULT_SCHEMA}")
    kinds = {"hardware": dict, "layers": list, "total": dict}
    for key, kind in kinds.items():
        if not isinstance(tree[key], kind):
            raise InputError(f"{where}: {key}: is no {'list' if kind is list else 'mapping'}")
    return tree


def _mapping(text: str, where: str) -> dict[str, Any]:
    tree = _parsed(text, where)
    if not isinstance(tree, dict):
        raise InputError(f"{where}: is no mapping")
    return tree


def _parsed(text: str | bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: is no JSON ({error})") from error


@contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection that writes nothing, not even the side files of write-ahead logging where nobody writes now."""
    quiet = not database.with_name(f"{database.name}-wal").exists()
    mode = "immutable=1" if quiet else "mode=ro"
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?{mode}", uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise InputError(f"{database}: cannot be read as a sweep's database: {error}") from error
