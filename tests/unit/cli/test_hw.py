"""``bitgrove`` and ``bitgrove hw``: output, exit status, one line per error, a quick start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import accel_sim
from accel_sim.errors import InputError, RunError
from accel_sim.hardware.load import list_builtins, load_hardware
from accel_sim.memory.parts import list_parts
from rl import cli

HEAVY = ("numpy", "numba", "torch", "matplotlib", "pandas", "scipy", "networkx")


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.run(arguments)
    out, err = capsys.readouterr()
    return status, out, err


def test_list_names_every_machine(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = call(capsys, "hw", "list")
    assert (status, err) == (0, "")
    assert all(f" {name} " in out for name in list_builtins())
    assert "4 × 256×256" in out


def test_list_parts(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "hw", "list", "--parts")
    assert status == 0
    assert all(f" {name} " in out for name in list_parts())


def test_show_prints_a_hwconfig(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out, _ = call(capsys, "hw", "show", "dense_int8_8x8", "--set", "array.rows=4", "--set", "preset=scalesim")
    assert status == 0
    path = tmp_path / "shown.yaml"
    path.write_text(out)
    expected = load_hardware("dense_int8_8x8", {"array.rows": 4, "preset": "scalesim"})
    assert load_hardware(path).resolved() == expected.resolved()


def test_show_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out, _ = call(capsys, "hw", "show", "tpu_v6e_like", "--json", "-")
    assert status == 0
    assert json.loads(out) == load_hardware("tpu_v6e_like").resolved()
    status, nothing, _ = call(capsys, "hw", "show", "tpu_v6e_like", "--json", str(tmp_path / "hw.json"))
    assert (status, nothing, (tmp_path / "hw.json").read_text()) == (0, "", out)


def test_check(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: x\nname: y\n")
    status, out, err = call(capsys, "hw", "check", "dense_int8_8x8", str(path), "nonsense")
    assert status == 2
    assert out == "dense_int8_8x8: ok (dense_int8_8x8)\n"
    lines = err.splitlines()
    assert f"{path}:2:1: name: is stated twice" in lines
    assert lines[-1].startswith("nonsense: no such file and no built-in machine; ")
    assert call(capsys, "hw", "check", "dense_int8_8x8")[0] == 0


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "hw", "schema")
    assert status == 0
    assert json.loads(out)["title"] == "Hardware"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["hw", "show", "dense_int8_8x8", "--set", "array.rowz=1"],
            "--set array.rowz: unknown field; did you mean 'rows'?",
        ),
        (["hw", "show"], "bitgrove hw show: Missing argument 'HW' (see bitgrove hw show --help)"),
        (["hw", "shwo"], "bitgrove hw: No such command 'shwo'. Did you mean 'show'? (see bitgrove hw --help)"),
        (["nonsense"], "bitgrove: No such command 'nonsense' (see bitgrove --help)"),
        (["hw", "list", "--foo"], "bitgrove hw list: No such option: --foo (see bitgrove hw list --help)"),
    ],
)
def test_wrong_calls_are_one_line_and_status_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(capsys, *arguments) == (2, "", line + "\n")


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InputError("file: wrong\nfile: more"), 2, "file: wrong\nfile: more\n"),
        (RunError("out of luck"), 1, "bitgrove: out of luck\n"),
        (KeyError("x"), 1, "bitgrove: failed: KeyError: 'x' (--debug shows where)\n"),
    ],
)
def test_errors_of_a_command(
    error: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("accel_sim.hardware.load.load_hardware", fail)
    assert call(capsys, "hw", "show", "dense_int8_8x8") == (status, "", line)
    found, _, err = call(capsys, "hw", "show", "dense_int8_8x8", "--debug")
    assert found == status
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith(line)


def test_an_interrupt_is_silent(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("accel_sim.hardware.load.load_hardware", interrupt)
    assert call(capsys, "hw", "show", "dense_int8_8x8") == (130, "", "")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "--version") == (0, f"bitgrove {accel_sim.__version__}\n", "")


@pytest.mark.parametrize("arguments", [(), ("hw",)])
def test_without_a_command_the_help_is_shown(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = call(capsys, *arguments)
    assert (status, err) == (2, "")
    assert "Usage: bitgrove" in out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "--help")
    assert status == 0
    assert all(f"│ {name} " in out for name in cli.COMMANDS)
    assert all(f" {entry.panel} " in out for entry in cli.COMMANDS.values())


@pytest.mark.parametrize("arguments", [["--help"], ["hw", "show", "dense_int8_8x8"], ["hw", "list"]])
def test_nothing_heavy_is_imported(arguments: list[str]) -> None:
    code = f"""
import sys
from rl import cli
assert cli.run({arguments!r}) == 0
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
