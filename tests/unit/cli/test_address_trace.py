"""``bitgrove simulate --address-trace``: what it writes, and wrong calls."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas
import pytest

from rl.cli import run

TOPOLOGY = "Layer,M,N,K,\nfirst,4,3,5,\nsecond,6,2,7,\n"
TRACE = ["--address-trace", "out", "--quiet"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two.csv").write_text(TOPOLOGY)


def test_all_layers_and_some() -> None:
    assert run(["simulate", "dense_int8_8x8", "two.csv", *TRACE]) == 0
    everything = pandas.read_parquet("out/sram.parquet")
    assert sorted(path.name for path in Path("out").iterdir()) == ["dram.parquet", "dram.trace", "sram.parquet"]
    assert list(everything.columns) == ["layer", "cycle", "memory", "access", "array", "port", "lane", "address"]
    assert run(["simulate", "dense_int8_8x8", "two.csv", *TRACE, "--address-trace-layer", "second"]) == 0
    second = everything[everything.layer == "second"].reset_index(drop=True)
    assert pandas.read_parquet("out/sram.parquet").equals(second)
    assert len(second) == 6 * 7 + 2 * 7 + 6 * 2
    assert set(pandas.read_parquet("out/dram.parquet").layer) == {"second"}


def test_the_text_goes_through_the_dram_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "dense_int8_8x8", "gemm:64,32,64", *TRACE]) == 0
    bursts = pandas.read_parquet("out/dram.parquet")
    lines = Path("out/dram.trace").read_text().splitlines()
    assert [int(line.split()[0], 16) for line in lines] == bursts.address.tolist()
    assert [line.split()[1].lower() for line in lines] == bursts.access.tolist()
    assert run(["dram", "lpddr4_3200", "out/dram.trace"]) == 0
    assert f"{(bursts.access == 'read').sum():,}" in capsys.readouterr().out


def test_the_files_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "dense_int8_8x8", "gemm:4,3,5", "--address-trace", "out"]) == 0
    assert str(Path("out/sram.parquet")) in capsys.readouterr().out


@pytest.mark.parametrize("option", ["array.fold_overlap=full", "array.arrays=2"])
def test_overlapping_folds_and_several_arrays(option: str) -> None:
    assert run(["simulate", "dense_int8_8x8", "gemm:64,32,16", *TRACE, "--set", option]) == 0
    assert set(pandas.read_parquet("out/sram.parquet").array) == ({0, 1} if "arrays" in option else {0})


def test_a_layer_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "dense_int8_8x8", "two.csv", *TRACE, "--address-trace-layer", "third"]) == 2
    wanted = "--address-trace-layer: holds 'third'; allowed: first, second"
    assert capsys.readouterr().err.splitlines() == [wanted]
    assert not Path("out").exists()


def test_a_layer_without_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "dense_int8_8x8", "two.csv", "--address-trace-layer", "first"]) == 2
    assert capsys.readouterr().err.splitlines() == ["--address-trace-layer: needs --address-trace DIR"]


def test_a_file_in_place_of_the_folder(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").write_text("")
    assert run(["simulate", "dense_int8_8x8", "two.csv", *TRACE]) == 2
    assert capsys.readouterr().err.splitlines() == ["--address-trace out: is a file; a folder is needed"]


def test_without_pyarrow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    assert run(["simulate", "dense_int8_8x8", "two.csv", *TRACE]) == 2
    wanted = "--address-trace: pyarrow is needed; pip install 'bitgrove[parquet]'"
    assert capsys.readouterr().err.splitlines() == [wanted]
    assert not Path("out").exists()
