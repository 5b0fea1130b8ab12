"""Every measured policy on disk as soon as it is measured: one SQLite file, written in transactions.

A search that is started again on a store finds its measurements there. It does not read back what a searcher had
learnt: the searcher runs again from its seed, is sent the stored measurements in place of new ones, and so arrives
where it was (:mod:`rl.runs.loop`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accel_sim.errors import InputError
from accel_sim.files import make_directory
from rl.env.evaluator import Evaluation
from rl.env.space import Candidate, Choice

__all__ = ["STORE", "SearchStore", "StoredEpisode"]

STORE = "search.sqlite"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS episodes (
    number INTEGER PRIMARY KEY, candidate TEXT NOT NULL, policy TEXT NOT NULL, reward REAL NOT NULL,
    top1_percent REAL NOT NULL, loss REAL NOT NULL, energy_pj REAL NOT NULL, cycles INTEGER NOT NULL,
    latency_s REAL NOT NULL, seconds REAL NOT NULL, simulation_seconds REAL NOT NULL);
"""

StoredEpisode = tuple[Candidate, Evaluation]


class SearchStore:
    """The store of one search in a folder.

    Raises:
        InputError: the folder cannot be used, or holds another search or a file that is no store.
    """

    def __init__(self, directory: Path, identity: dict[str, Any]) -> None:
        make_directory(directory)
        self._path = directory / STORE
        try:
            with self._open() as database:
                database.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise InputError(f"{self._path}: cannot be used as the store of a search: {error}") from error
        self._check(identity)

    def episode(self, number: int) -> StoredEpisode | None:
        """The measurement of a number from 0, if it is there."""
        with self._open() as database:
            columns = "candidate, top1_percent, loss, energy_pj, cycles, latency_s, seconds, simulation_seconds"
            row = database.execute(f"SELECT {columns} FROM episodes WHERE number = ?", (number,)).fetchone()
        return None if row is None else (_candidate(row[0]), Evaluation(*row[1:]))

    def add(self, number: int, candidate: Candidate, policy_json: str, reward: float, evaluation: Evaluation) -> None:
        """Store a measurement."""
        values = {
            "number": number,
            "candidate": _candidate_text(candidate),
            "policy": policy_json,
            "reward": reward,
            **asdict(evaluation),
        }
        names = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        with self._open() as database:
            database.execute(f"INSERT INTO episodes ({names}) VALUES ({places})", values)

    @property
    def episodes(self) -> int:
        """How many measurements are there."""
        with self._open() as database:
            return int(database.execute("SELECT COUNT(*) FROM episodes").fetchone()[0])

    def fact(self, name: str) -> Any:
        """What was stored under a name, else ``None``."""
        with self._open() as database:
            row = database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_fact(self, name: str, value: Any) -> None:
        """Store a JSON value under a name."""
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    def _check(self, identity: dict[str, Any]) -> None:
        there = self.fact("identity")
        if there is None:
            self.set_fact("identity", identity)
            return
        wanted = json.loads(json.dumps(identity))
        differing = [name for name in {**there, **wanted} if there.get(name) != wanted.get(name)]
        if differing:
            shown = ", ".join(f"{name} {there.get(name)!r}, not {wanted.get(name)!r}" for name in differing[:3])
            raise InputError(f"{self._path}: holds another search ({shown}); choose another --out")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction: nothing is open, and nothing can be lost, in between."""
        with closing(sqlite3.connect(self._path)) as database, database:
            yield database


def _candidate_text(candidate: Candidate) -> str:
    return json.dumps([[choice.option, choice.ratio, choice.w_bits, choice.a_bits] for choice in candidate])


def _candidate(text: str) -> Candidate:
    return tuple(Choice(*values) for values in json.loads(text))
