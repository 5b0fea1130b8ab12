"""Where results go: checked before a run, written complete or not at all after it."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accel_sim.errors import InputError
from accel_sim.files import write_atomically

__all__ = ["check_destinations", "csv_text", "is_stdout", "warn", "write_text"]

_STDOUT = "-"


def is_stdout(destination: str | None) -> bool:
    """Whether ``destination`` stands for standard output."""
    return destination == _STDOUT


def warn(text: str) -> None:
    """A line on standard error."""
    print(f"warning: {text}", file=sys.stderr)


def check_destinations(files: Iterable[tuple[str, str | None]], folder: tuple[str, Path | None]) -> None:
    """Refuse destinations that cannot be written before time is spent on a run.

    Args:
        files: option and file name (``-`` or ``None`` need no check).
        folder: option and folder that will be created.

    Raises:
        InputError: names the option, what it holds and what is allowed.

    """
    for option, name in files:
        if name is None or is_stdout(name):
            continue
        if Path(name).is_dir():
            raise InputError(f"{option} {name}: is a folder; a file name is needed")
        if not Path(name).parent.is_dir():
            raise InputError(f"{option} {name}: the folder {Path(name).parent} does not exist")
    option, path = folder
    if path is not None and path.exists() and not path.is_dir():
        raise InputError(f"{option} {path}: is a file; a folder is needed")


def write_text(destination: str, text: str) -> None:
    """Write ``text`` to standard output (``-``) or, complete or not at all, to a file."""
    if is_stdout(destination):
        sys.stdout.write(text)
    else:
        write_atomically(Path(destination), text.encode())


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """``rows`` as CSV with a header; the columns are all keys in the order in which they first appear."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
