"""Folders are read as they are, and what is wrong with one is one line."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from accel_sim.errors import InputError
from rl.report.points import open_folder
from rl.sweeps.store import SweepStore
from tests.unit.rl.report.folders import made_up_result, small_sweep, write_sweep


def test_a_sweep_is_read_with_its_failures_and_leaves_no_side_files(tmp_path: Path) -> None:
    folder = open_folder(small_sweep(tmp_path / "s"))
    points = folder.points()
    assert folder.title == "Rows"
    assert [(axis.name, axis.values) for axis in folder.axes] == [("array.rows", (8, 16, 32, 64))]
    assert [point.status for point in points] == ["done", "done", "done", "failed"]
    assert [point.axes["array.rows"] for point in points] == [8, 16, 32, 64]
    assert (points[3].message, points[3].metrics) == ("layer 'conv': no tile fits", {})
    detail = folder.detail(1)
    assert detail is not None
    assert detail["hardware"]["array"]["rows"] == 16
    assert points[1].metrics["cycles.total"] == detail["total"]["cycles"]["total"]
    assert folder.detail(3) is None
    assert [file.name for file in (tmp_path / "s").iterdir()] == ["sweep.sqlite"]


def test_a_sweep_that_is_still_running_is_read(tmp_path: Path) -> None:
    folder = small_sweep(tmp_path / "s")
    writer = sqlite3.connect(folder / "sweep.sqlite")
    row = (4, "k", '{"array.rows": 128}', "failed", "no", "", 0)
    writer.execute("INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    writer.commit()  # lies in the write-ahead log
    assert len(open_folder(folder).points()) == 5
    writer.close()


def test_results_of_single_runs_are_points(tmp_path: Path) -> None:
    for name, rows in (("b", 8), ("a", 16)):
        result = made_up_result(rows, **{"array.rows": rows})
        (tmp_path / f"{name}.json").write_text(json.dumps(result))
    folder = open_folder(tmp_path)
    points = folder.points()
    assert [point.axes for point in points] == [{"file": "a.json"}, {"file": "b.json"}]
    assert points[0].metrics["model"] == "net"
    assert points[0].metrics["energy_pj.dram"] > 0
    detail = folder.detail(1)
    assert detail is not None
    assert detail["hardware"]["array"]["rows"] == 8


def line_of(folder: Path, tmp_path: Path) -> str:
    """The message of opening and reading everything, with the test's folder cut off."""

    def read() -> None:
        opened = open_folder(folder)
        for point in opened.points():
            opened.detail(point.number)

    with pytest.raises(InputError) as caught:
        read()
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_a_folder_that_is_missing_empty_or_a_file(tmp_path: Path) -> None:
    assert line_of(tmp_path / "no", tmp_path) == "no: there is no such folder"
    (tmp_path / "file").touch()
    assert (
        line_of(tmp_path / "file", tmp_path)
        == "file: is a file; a folder with a sweep or with results of `simulate --json` is needed"
    )
    (tmp_path / "empty").mkdir()
    assert (
        line_of(tmp_path / "empty", tmp_path)
        == "empty: holds no sweep.sqlite (of `bitgrove sweep`) and no *.json (of `bitgrove simulate --json`)"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "r.json: is no JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))"),
        ("[]", "r.json: is no result of `bitgrove simulate --json`"),
        ('{"schema": 1, "total": {}}', "r.json: is no result of `bitgrove simulate --json`"),
        ({"schema": 2}, "r.json: schema: is 2; this version reads 1"),
        ({"layers": {}}, "r.json: layers: is no list"),
        ({"total": 3}, "r.json: total: is no mapping"),
    ],
)
def test_a_wrong_json_file(tmp_path: Path, text: str | dict[str, Any], line: str) -> None:
    whole = text if isinstance(text, str) else json.dumps({**made_up_result(), **text})
    (tmp_path / "r.json").write_text(whole)
    assert line_of(tmp_path, tmp_path) == line


def test_a_damaged_database(tmp_path: Path) -> None:
    (tmp_path / "sweep.sqlite").write_bytes(b"no database at all" * 99)
    assert line_of(tmp_path, tmp_path) == "sweep.sqlite: cannot be read as a sweep's database: file is not a database"


def test_another_database(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "sweep.sqlite").executescript("CREATE TABLE meta(a); CREATE TABLE points(b);")
    assert line_of(tmp_path, tmp_path) == "sweep.sqlite: is not the database of a sweep (no table details)"


def test_a_database_of_another_version(tmp_path: Path) -> None:
    SweepStore(tmp_path, create=True).set_meta({"schema": 7})
    assert line_of(tmp_path, tmp_path) == "sweep.sqlite: meta schema: is 7; this version reads 1"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("UPDATE details SET result = x'00' WHERE number = 1", "details of point 1: are damaged (Error -5 while"),
        ("UPDATE points SET axes = '[' WHERE number = 2", "point 2: axes: is no JSON (Expecting value: line 1"),
        ("UPDATE points SET result = '[]' WHERE number = 0", "point 0: result: is no mapping"),
        ("UPDATE meta SET value = '[{}]' WHERE name = 'axes'", "meta axes: is no list of axes with name and values"),
        ("UPDATE meta SET value = '' WHERE name = 'axes'", "meta axes: is no JSON (Expecting value: line 1 column 1"),
    ],
)
def test_a_damaged_entry(tmp_path: Path, change: str, line: str) -> None:
    folder = small_sweep(tmp_path / "s")
    connection = sqlite3.connect(folder / "sweep.sqlite")
    connection.execute(change)
    connection.commit()
    connection.close()
    message = line_of(folder, tmp_path)
    assert message.startswith(f"s/sweep.sqlite: {line}")
    assert "\n" not in message


def test_a_sweep_without_details_has_points_all_the_same(tmp_path: Path) -> None:
    folder = open_folder(write_sweep(tmp_path, [({"a": 1}, made_up_result())], details=False))
    assert [point.done for point in folder.points()] == [True]
    assert folder.detail(0) is None
