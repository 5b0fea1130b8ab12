"""The file: complete, alone, escaped, small enough; and the command that writes it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rl.cli import run
from rl.report.html import SIZE_LIMIT
from tests.unit.rl.report.folders import made_up_result, small_sweep, write_sweep

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;"


def page_of(folder: Path, *options: str) -> str:
    assert run(["report", str(folder), "--quiet", *options]) == 0
    return (folder / "report.html").read_text(encoding="utf-8")


def own_part(page: str) -> str:
    """The page without Plotly, which is third-party text."""
    return re.sub(r"<script>\s*/\*\*\s*\* plotly\.js \(basic.*?</script>", "", page, flags=re.S)


def data_of(page: str) -> dict[str, Any]:
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert text is not None
    return json.loads(text.group(1))  # type: ignore[no-any-return]


def test_one_file_with_everything_inside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = page_of(small_sweep(tmp_path / "s"), "--title", "Rows & columns")
    assert capsys.readouterr().out == ""
    assert sorted(file.name for file in (tmp_path / "s").iterdir()) == ["report.html", "sweep.sqlite"]
    assert page.count("* plotly.js (basic") == 1
    assert "<title>Rows &amp; columns</title>" in page
    own = own_part(page)
    assert len(own) < 200_000
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)", own)
    assert "http" not in own
    assert "@import" not in own
    assert data_of(page)["title"] == "Rows & columns"


def test_text_from_files_stays_text(tmp_path: Path) -> None:
    result = made_up_result(model=EVIL)
    result["layers"][0]["name"] = EVIL
    result["hardware"]["name"] = EVIL
    page = page_of(write_sweep(tmp_path, [({EVIL: EVIL}, result), ({EVIL: "x"}, EVIL)], title=EVIL))
    own = own_part(page)
    assert "<script>alert" not in own
    assert "<img" not in own
    assert own.count("<script") == own.count("</script>") == 2
    data = data_of(page)
    assert data["models"] == [EVIL]
    assert data["networks"][0]["names"][0] == EVIL
    assert data["failed"][0]["message"] == EVIL


def test_a_thousand_points_keep_to_the_limit_with_the_best_in_full(tmp_path: Path) -> None:
    results = [made_up_result(n, layers=70, **{"array.rows": 4 + n % 10}) for n in range(100)]
    points = [({"array.rows": 4 + n % 10, "n": n}, results[n % 100]) for n in range(1000)]
    page = page_of(write_sweep(tmp_path, points))
    assert len(page.encode()) <= SIZE_LIMIT
    data = data_of(page)
    assert len(data["numbers"]) == len(data["resolved"]) == 1000
    assert 400 < len(data["layers"]) < 1000
    assert set(map(str, data["best"][0]["best"].values())) <= set(data["layers"])


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = small_sweep(tmp_path / "s"), tmp_path / "page.html"
    assert run(["report", str(folder), "--out", str(out)]) == 0
    assert re.fullmatch(rf"{out}: 3 points, \d\.\d MB\n", capsys.readouterr().out)
    assert not (folder / "report.html").exists()


def failure(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    return line


def test_wrong_calls_are_one_line_and_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert failure(["report", "none"], capsys) == "none: there is no such folder"
    write_sweep(Path("empty"), [])
    assert failure(["report", "empty"], capsys) == "empty: no point is computed yet"
    write_sweep(Path("failed"), [({"a": 1}, "no tile fits"), ({"a": 2}, "neither here")])
    assert failure(["report", "failed"], capsys) == "failed: all 2 points failed, the first: no tile fits"
    small_sweep(Path("s"))
    line = failure(["report", "s", "--out", "no/page.html"], capsys)
    assert line == "--out no/page.html: the folder no does not exist"
    assert failure(["report", "s", "--out", "s"], capsys) == "--out s: is a folder; a file name is needed"
    assert not list(tmp_path.rglob("*.html"))
