"""``bitgrove explain``, ``compare --uncertainty`` and ``--iso``: what they print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rl.cli import run
from tests.unit.cli.test_bad_input import lines_of_failure


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(machine: str = "pragmatic_like", model: str = "gemm:40,24,64") -> dict[str, Any]:
    assert run(["simulate", machine, model, "--json", "r.json", "--quiet"]) == 0
    tree: dict[str, Any] = json.loads(Path("r.json").read_text())
    return tree


def explained(*options: str) -> dict[str, Any]:
    assert run(["explain", "r.json", *options, "--json", "e.json"]) == 0
    tree: dict[str, Any] = json.loads(Path("e.json").read_text())
    return tree


@pytest.mark.parametrize(
    "machine", ["dense_int8_32x32_os", "dense_int8_32x32_is", "dense_int8_16x16", "pragmatic_like"]
)
def test_an_explanation_adds_up(machine: str) -> None:
    layer = written(machine)["layers"][0]
    tree = explained("--layer", "gemm")
    assert sum(item["count"] * item["price_pj"] for item in tree["energy_items"]) == pytest.approx(
        layer["energy_pj"]["total"]
    )
    assert sum(item["cycles"] for item in tree["cycle_items"]) == layer["cycles"]["total"]
    assert all(item["cycles"] >= 0 for item in tree["cycle_items"])
    assert all(item["constants"] or item["note"] for item in tree["energy_items"])


def test_steps_times_beats() -> None:
    written("dense_int8_16x16", "gemm:100,40,64")
    streaming = explained("--layer", "gemm")["cycle_items"][0]
    # 3 column folds and 4 K folds of 100 steps
    assert streaming["cycles"] == 1200
    assert streaming["how"] == "1,200 steps of all folds × 1 cycle a beat"


def test_total_and_one_component(capsys: pytest.CaptureFixture[str]) -> None:
    tree = written()
    whole = explained()
    assert whole["layer"] == "total"
    assert whole["energy_pj"] == tree["total"]["energy_pj"]["total"]
    capsys.readouterr()
    assert run(["explain", "r.json", "--component", "dram"]) == 0
    text = capsys.readouterr().out
    assert "lpddr4_3200: 8 pJ/bit" in text
    assert "Multipliers" not in text


def test_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    tree = written()
    assert lines_of_failure(["explain", "r.json", "--layer", "gemn"], capsys) == [
        "r.json: has no layer 'gemn'; did you mean 'gemm'?"
    ]
    assert lines_of_failure(["explain", "r.json", "--component", "dran"], capsys) == [
        "--component: holds 'dran'; did you mean 'dram'?"
    ]
    assert lines_of_failure(["explain", "missing.json"], capsys) == [
        "missing.json: No such file or directory; a file of `bitgrove simulate --json` is needed"
    ]
    Path("bad.json").write_text('{"a": ')
    assert lines_of_failure(["explain", "bad.json"], capsys)[0].startswith("bad.json:1:")
    Path("bad.json").write_text("[]")
    assert lines_of_failure(["explain", "bad.json"], capsys) == ["bad.json: is no result of `bitgrove simulate --json`"]
    tree["layers"][0]["energy_pj"]["dram"] *= 2
    Path("bad.json").write_text(json.dumps(tree))
    (line,) = lines_of_failure(["explain", "bad.json", "--layer", "gemm"], capsys)
    assert line.startswith("bad.json: energy_pj.dram holds ")
    tree = json.loads(Path("r.json").read_text())
    del tree["layers"][0]["counts"]
    Path("old.json").write_text(json.dumps(tree))
    (line,) = lines_of_failure(["explain", "old.json"], capsys)
    assert line.startswith("old.json: its layers have no counts")
    tree = json.loads(Path("r.json").read_text())
    tree["hardware"]["array"]["rows"] = 0
    Path("old.json").write_text(json.dumps(tree))
    (line,) = lines_of_failure(["explain", "old.json"], capsys)
    assert line.startswith("old.json: hardware.array.rows: ")


def test_compare_with_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    machines = ["dense_int8_8x8", "dense_int8_16x16"]
    files = ["--json", "c.json", "--plot", "p"]
    assert run(["compare", *machines, "gemm:64,64,64", "--uncertainty", "50", *files]) == 0
    tree = json.loads(Path("c.json").read_text())["uncertainty"]
    assert tree["samples"] == 50
    (verdict,) = tree["against_first"]
    assert verdict["interval"]["low"] <= verdict["interval"]["median"] <= verdict["interval"]["high"]
    assert verdict["sure"] == (verdict["same_order"] >= 0.95 and not verdict["flips"])
    assert {"tornado_1.png", "tornado_1.svg"} <= {path.name for path in Path("p").iterdir()}
    assert "over 50 draws" in capsys.readouterr().out


def test_simulate_with_intervals() -> None:
    assert run(["simulate", "dense_int8_8x8", "gemm:64,64,64", "--uncertainty", "50", "--json", "s.json", "-q"]) == 0
    tree = json.loads(Path("s.json").read_text())
    total = tree["uncertainty"]["energy_pj"]["total"]
    assert total["low"] < tree["total"]["energy_pj"]["total"] < total["high"]


def test_iso_area() -> None:
    machines = ["dense_int8_32x32", "stripes_like"]
    assert run(["compare", *machines, "gemm:64,64,64", "--iso", "area", "--json", "i.json", "--quiet"]) == 0
    first, second = (entry["total"]["area_mm2"] for entry in json.loads(Path("i.json").read_text())["results"])
    assert 0.9 * first <= second <= first


def test_iso_of_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "dense_int8_8x8", "dense_int8_16x16", "gemm:8,8,8", "--iso", "power"]
    assert lines_of_failure(command, capsys) == ["--iso: holds 'power'; allowed: area"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"layers": 5}, "bad.json: layers: holds int; allowed: a list"),
        ({"layers": ["x"]}, "bad.json: layers[0]: holds str; allowed: a mapping"),
        ({"total": 3}, "bad.json: total: holds int; allowed: a mapping"),
        (
            {"layers": [{"name": "a", "energy_pj": {}, "cycles": {}}]},
            "bad.json: layers[0].mapping: is missing or no dict",
        ),
    ],
)
def test_damaged_results(change: dict[str, Any], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.json").write_text(json.dumps(written() | change))
    assert lines_of_failure(["explain", "bad.json"], capsys) == [line]


def test_counts_that_are_no_numbers_and_nesting(capsys: pytest.CaptureFixture[str]) -> None:
    tree = written()
    tree["layers"][0]["counts"]["additions"] = "many"
    Path("bad.json").write_text(json.dumps(tree))
    (line,) = lines_of_failure(["explain", "bad.json"], capsys)
    assert line.startswith("bad.json: its layers have no counts")
    Path("bad.json").write_text("[" * 100_000)
    assert len(lines_of_failure(["explain", "bad.json"], capsys)) == 1


def test_a_layer_of_the_name_total() -> None:
    Path("t.csv").write_text("Layer,M,N,K\ntotal,8,8,8\nother,16,8,8\n")
    tree = written("dense_int8_8x8", "t.csv")
    assert [layer["name"] for layer in tree["layers"]] == ["total", "other"]
    assert explained()["energy_pj"] == tree["layers"][0]["energy_pj"]["total"]


def test_several_arrays_share_the_steps() -> None:
    assert (
        run(["simulate", "dense_int8_8x8", "gemm:64,64,64", "--set", "array.arrays=3", "--json", "r.json", "-q"]) == 0
    )
    items = explained("--layer", "gemm")["cycle_items"]
    assert items[0]["how"].endswith("/ 3 arrays")
    assert items[2]["how"].endswith("/ 3 arrays")
