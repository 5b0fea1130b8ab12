"""A search's request as plain values in its store, and back: all that ``--resume`` needs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from accel_sim.errors import InputError
from compress.policy.schema import Quantization
from rl.agents.config import AgentConfig
from rl.env.evaluator import EvaluatorSettings
from rl.runs.request import SearchRequest
from rl.runs.store import STORE

__all__ = ["request_values", "stored_request"]


def request_values(request: SearchRequest) -> dict[str, Any]:
    """Plain values; paths are absolute, so that the search can be taken up from anywhere."""
    kind, _, root = request.data.partition(":")
    data = f"{kind}:{Path(root).resolve()}" if root and Path(root).exists() else request.data
    hardware = str(Path(request.hardware).resolve()) if Path(request.hardware).is_file() else request.hardware
    settings = asdict(request.settings) | {"quantization": request.settings.quantization.model_dump(mode="json")}
    values = {name: getattr(request, name) for name in _PLAIN}
    return values | {
        "data": data,
        "hardware": hardware,
        "weights": _absolute(request.weights),
        "sensitivity": _absolute(request.sensitivity),
        "overrides": list(request.overrides),
        "input_shape": None if request.input_shape is None else list(request.input_shape),
        "agent_config": request.agent_config.model_dump(mode="json"),
        "settings": settings,
    }


_PLAIN = ("model", "agent", "episodes", "max_loss_points", "margin", "seed", "images", "device", "shaped")


def _absolute(path: Path | None) -> str | None:
    """``torchvision`` is a word, no file."""
    if path is None:
        return None
    return str(path.resolve()) if path.exists() else str(path)


def stored_request(directory: Path) -> SearchRequest:
    """The request of the search in a folder.

    Raises:
        InputError: there is none.
    """
    store = directory / STORE
    if not store.is_file():
        raise InputError(f"--resume {directory}: holds no search; allowed: the --out of an earlier one")
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
            row = database.execute("SELECT value FROM facts WHERE name = 'request'").fetchone()
    except sqlite3.DatabaseError as error:
        raise InputError(f"--resume {directory}: {STORE} is no store of a search: {error}") from error
    if row is None:
        raise InputError(f"--resume {directory}: its search was killed before it began; start it again with --out")
    return replace(_request(json.loads(row[0])), out=directory)


def _request(values: dict[str, Any]) -> SearchRequest:
    settings = values["settings"]
    quantization = Quantization.model_validate_json(json.dumps(settings["quantization"]))
    shape = values["input_shape"]
    return SearchRequest(
        **{name: values[name] for name in (*_PLAIN, "data", "hardware")},
        out=Path(),
        weights=None if values["weights"] is None else Path(values["weights"]),
        sensitivity=None if values["sensitivity"] is None else Path(values["sensitivity"]),
        overrides=tuple(values["overrides"]),
        input_shape=None if shape is None else tuple(shape),
        agent_config=AgentConfig.model_validate_json(json.dumps(values["agent_config"])),
        settings=EvaluatorSettings(**{**settings, "quantization": quantization}),
    )
