"""One HTML file: template, style, script, Plotly and data, all inside."""

from __future__ import annotations

import html
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from string import Template

from accel_sim.errors import InputError
from accel_sim.files import write_atomically
from rl.report.content import build_content, compact_json
from rl.report.points import open_folder

__all__ = ["SIZE_LIMIT", "write_report"]

SIZE_LIMIT = 8_000_000
"""Bytes of a page; layers of the worst points are left out to keep to it."""

_SCRIPTS = ("format", "model", "charts", "scatter", "table", "layers", "time", "page")
_SPARE = 20_000


def write_report(folder: Path, out: Path, title: str | None, progress: Callable[[int, int, str], object]) -> int:
    """Write the page about the points of ``folder`` to ``out``, complete or not at all.

    Returns:
        The number of points that have a result.

    Raises:
        InputError: the folder is missing or damaged, no point has a result, or ``out`` cannot be
            written.
    """
    source = open_folder(folder)
    parts = {"plotly": _file("plotly/plotly-basic.min.js"), "style": _file("page/report.css"), "script": _script()}
    room = SIZE_LIMIT - _SPARE - sum(len(part.encode()) for part in parts.values())
    name = title or source.title or f"Points of {folder.resolve().name}"
    content = build_content(source, name, room, progress)
    if not content["numbers"]:
        failed = content["failed"]
        why = (
            f"all {len(failed)} points failed, the first: {failed[0]['message']}"
            if failed
            else "no point is computed yet"
        )
        raise InputError(f"{folder}: {why}")
    page = Template(_file("page/page.html")).substitute(parts, title=html.escape(name), data=compact_json(content))
    write_atomically(out, page.encode())
    return len(content["numbers"])


def _script() -> str:
    return "\n".join(_file(f"page/{name}.js") for name in _SCRIPTS)


def _file(name: str) -> str:
    return (files("rl.report") / name).read_text(encoding="utf-8")
