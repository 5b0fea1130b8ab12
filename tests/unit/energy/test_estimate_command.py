from __future__ import annotations

import json
from pathlib import Path

import pytest

from accel_sim.energy.sram import sram_estimate
from rl.cli import run

SRAM = ["estimate", "sram", "--kib", "64", "--word-bits", "64", "--banks", "1"]
SRAM += ["--node-nm", "45", "--cell", "lop", "--ports", "1rw"]


def test_sram_as_json(capsys: pytest.CaptureFixture[str]):
    assert run([*SRAM, "--json", "-"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert list(figures) == ["read_pj", "write_pj", "leakage_mw", "area_mm2", "access_ns"]
    assert figures == sram_estimate(64, 64, 1, 45, "lop", "1rw").to_dict()


def test_sram_as_text_and_file(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert run([*SRAM, "--json", str(tmp_path / "sram.json")]) == 0
    assert "read" in capsys.readouterr().out
    assert json.loads((tmp_path / "sram.json").read_text())["read_pj"] == pytest.approx(12.03, abs=0.01)


def test_pe(capsys: pytest.CaptureFixture[str]):
    assert run(["estimate", "pe", "dense_int8_16x16", "--json", "-"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["total_pj"] == figures["multiply_pj"] + figures["accumulate_pj"] + figures["registers_pj"]
    assert run(["estimate", "pe", "dense_int8_16x16", "--w-bits", "4", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["multiply_pj"] < figures["multiply_pj"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*SRAM, "--kib", "0"], "kib: holds 0.0; allowed: a finite number above 0"),
        ([*SRAM, "--cell", "lpo"], "did you mean 'lop'"),
        (["estimate", "pe", "dense_int8_16x16", "--a-bits", "17"], "a_bits: holds 17; allowed: from 1 to 16"),
        (["estimate", "pe", "dense_int8_16x61"], "did you mean"),
        ([*SRAM, "--json", "/nowhere/at/all.json"], "does not exist"),
    ],
)
def test_wrong_calls_are_one_line_and_status_2(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str):
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
