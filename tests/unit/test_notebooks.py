"""The notebooks run from top to bottom on embedded data, say what their conclusions assert, and are kept clean."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.docs.clean_notebooks import NOTEBOOKS, cleaned

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = NOTEBOOKS[0].parents[1]
CELL_TIMEOUT_S = 300
"""On a busy machine that compiles the kernels first; at leisure no whole notebook takes a quarter of it."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))  # no profile of the user's
    folder = tmp_path / "run"
    folder.mkdir()
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=CELL_TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 2
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_kept_clean(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == cleaned(text), f"{path.name}: run python -m tests.docs.clean_notebooks"
    nbformat.validate(nbformat.reads(text, as_version=4))


def test_every_notebook_is_listed() -> None:
    listed = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 5
    assert all(f"({path.name})" in listed for path in NOTEBOOKS)


def test_cleaning_takes_away_what_running_leaves() -> None:
    code: dict[str, Any] = {"cell_type": "code", "id": "a1", "metadata": {"x": 1}, "outputs": [{}], "source": "a\nb"}
    text = cleaned(nbformat.writes(nbformat.from_dict({"cells": [code | {"execution_count": 3}], "metadata": {}})))
    (cell,) = nbformat.reads(text, as_version=4).cells
    assert (cell.id, cell.outputs, cell.execution_count, cell.source) == ("cell-01", [], None, "a\nb")
