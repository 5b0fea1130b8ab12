"""Notebooks as they are kept, without what running them leaves behind: ``python -m tests.docs.clean_notebooks``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["NOTEBOOKS", "cleaned"]

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def cleaned(text: str) -> str:
    """A notebook's text without what running it leaves behind; cells are numbered in order."""
    cells: list[dict[str, Any]] = json.loads(text)["cells"]
    kept = [_cell(cell, f"cell-{number:02d}") for number, cell in enumerate(cells, start=1)]
    tree = {"cells": kept, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(tree, indent=1, ensure_ascii=False) + "\n"


def _cell(cell: dict[str, Any], name: str) -> dict[str, Any]:
    source = cell["source"]
    lines = source.splitlines(keepends=True) if isinstance(source, str) else source
    own: dict[str, Any] = {"cell_type": cell["cell_type"]}
    if cell["cell_type"] == "code":
        return own | {"execution_count": None, "id": name, "metadata": {}, "outputs": [], "source": lines}
    return own | {"id": name, "metadata": {}, "source": lines}


if __name__ == "__main__":
    for path in NOTEBOOKS:
        path.write_text(cleaned(path.read_text(encoding="utf-8")), encoding="utf-8")
