"""``bitgrove simulate`` and ``compare``: what they print and write, and that a wrong call writes nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from accel_sim.files import write_atomically
from rl.cli import run

SMALL = ["dense_int8_8x8", "gemm:24,16,32"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", *SMALL]) == 0
    out = capsys.readouterr().out
    assert "gemm:24,16,32 on dense_int8_8x8" in out
    assert "total" in out
    assert not list(Path().iterdir())


def test_json_on_standard_output_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", *SMALL, "--json", "-", "--set", "array.rows=4", "--a-bits", "4"]) == 0
    captured = capsys.readouterr()
    tree = json.loads(captured.out)
    assert captured.err == ""
    assert tree["schema"] == 1
    assert tree["hardware"]["array"]["rows"] == 4
    assert tree["layers"][0]["a_bits"] == 4
    assert tree["total"]["macs"]["total"] == 24 * 16 * 32


def test_the_reference_engine_gives_the_same_result() -> None:
    for engine in ("fast", "reference"):
        call = ["simulate", *SMALL, "--set", "array.arithmetic=term_serial_act", "--engine", engine]
        assert run([*call, "--json", f"{engine}.json", "--quiet"]) == 0
    fast, reference = (json.loads(Path(f"{engine}.json").read_text()) for engine in ("fast", "reference"))
    assert (fast.pop("engine"), reference.pop("engine")) == ("fast", "reference")
    assert fast == reference


@pytest.mark.parametrize("engine", ["fast", "reference"])
def test_weights_that_break_the_pattern_exit_with_2(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    call = ["simulate", "sparse_2_4", "compress.models:digits_cnn", "--data", "digits", "--images", "1"]
    assert run([*call, "--engine", engine, "--json", "r.json"]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("layer ")
    assert "non-zero number 3 of k 0 to 3; allowed: 2 of 4 consecutive k" in error
    assert not Path("r.json").exists()


def test_files_hold_the_same_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", *SMALL, "--json", "r.json", "--csv", "r.csv", "--plot", "pictures", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    tree = json.loads(Path("r.json").read_text())
    (row,) = csv.DictReader(Path("r.csv").read_text().splitlines())
    assert int(row["cycles.total"]) == tree["layers"][0]["cycles"]["total"]
    assert float(row["energy_pj.total"]) == tree["layers"][0]["energy_pj"]["total"]
    assert len(list(Path("pictures").iterdir())) == 12
    assert sorted(path.name for path in Path().iterdir()) == ["pictures", "r.csv", "r.json"]


def test_same_call_same_bytes() -> None:
    for name in ("a.json", "b.json"):
        assert run(["simulate", *SMALL, "--json", name, "--quiet"]) == 0
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dense_int8_9x9", "gemm:8,8,8"], "dense_int8_9x9"),
        (["dense_int8_8x8", "gemm:8,8"], "gemm:8,8"),
        (["dense_int8_8x8", "gemm:8,0,8"], "gemm:8,0,8"),
        (["dense_int8_8x8", "missing.onnx"], "missing.onnx"),
        (["dense_int8_8x8"], "MODEL"),
        ([*SMALL, "--set", "array.rows"], "array.rows"),
        ([*SMALL, "--set", "array.rowz=8"], "array.rowz"),
        ([*SMALL, "--a-bits", "17"], "17"),
        ([*SMALL, "--engine", "quick"], "engine: holds 'quick'; allowed: fast, reference"),
        ([*SMALL, "--set", "array.fifo_depth=0"], "array.fifo_depth: holds 0"),
        ([*SMALL, "--set", "array.weight_sparsity={kind: n_m, keep: 2, of: 4}"], "array.lanes: holds 1"),
        ([*SMALL, "--input-shape", "3,x"], "3,x"),
        ([*SMALL, "--input-shape", "3,0,1"], "3,0,1"),
        ([*SMALL, "--csv", "nowhere/r.csv"], "nowhere"),
        ([*SMALL, "--json", "."], "is a folder"),
        ([*SMALL, "--plot", "taken"], "--plot taken: is a file"),
        ([*SMALL, "--json", "-", "--csv", "-"], "only one of them"),
    ],
)
def test_a_wrong_call_exits_with_2_and_writes_nothing(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("taken").write_text("mine")
    outputs = [] if {"--json", "--csv"} & set(arguments) else ["--json", "r.json", "--csv", "r.csv"]
    assert run(["simulate", *arguments, *outputs]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
    assert [path.name for path in Path().iterdir()] == ["taken"]
    assert Path("taken").read_text() == "mine"


def test_an_interrupted_write_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Path("r.json")
    target.write_text("old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Exception, match=r"r\.json: cannot be written: No space left on device"):
        write_atomically(target, b"new")
    assert target.read_text() == "old"
    assert list(Path().iterdir()) == [target]


def test_compare_prints_ratios_to_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "dense_int8_8x8", "dense_int8_16x16", "gemm:64,64,64", "--json", "c.json"]) == 0
    out = capsys.readouterr().out
    tree = json.loads(Path("c.json").read_text())
    first, second = tree["results"]
    ratio = second["total"]["cycles"]["total"] / first["total"]["cycles"]["total"]
    assert tree["ratios_to_first"][0]["cycles"] == 1
    assert tree["ratios_to_first"][1]["cycles"] == pytest.approx(ratio)
    assert f"({ratio:.3g}×)" in out
    assert "What makes the difference to dense_int8_8x8" in out


def test_compare_writes_a_row_per_machine_and_layer_and_a_picture() -> None:
    names = ["dense_int8_8x8", "dense_int8_16x16", "dense_int8_32x32"]
    assert run(["compare", *names, "gemm:64,64,64", "--csv", "c.csv", "--plot", "p", "--quiet"]) == 0
    rows = list(csv.DictReader(Path("c.csv").read_text().splitlines()))
    assert [row["hardware"] for row in rows] == names
    assert sorted(path.name for path in Path("p").iterdir()) == ["area.png", "area.svg", "compare.png", "compare.svg"]


def test_compare_needs_two_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "dense_int8_8x8", "gemm:8,8,8"]) == 2
    assert "two or more machines" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["simulate", "compare", "demo"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert f"Example: bitgrove {command}" in capsys.readouterr().out
