"""Rows of the outside results, as dictionaries of text."""

from __future__ import annotations

import csv
from functools import cache

from tests.shared_files import shared_path

__all__ = ["golden_rows"]


@cache
def golden_rows(name: str) -> tuple[dict[str, str], ...]:
    """The rows of ``golden/<name>.csv``; skips the calling test where the file is missing."""
    with shared_path(f"golden/{name}.csv").open() as file:
        return tuple(csv.DictReader(file))
