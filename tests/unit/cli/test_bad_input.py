"""Wrong input from the command line: one clear line, exit status 2, no traceback, nothing written.

The details of each message are tested beside the code that writes it; here they are tried as a user meets them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rl.cli import run

GOOD = """\
name: small
array: {rows: 8, cols: 8}
buffers:
  activations: {kib: 64, banks: 2, word_bits: 32}
  weights: {kib: 32, banks: 2, word_bits: 32}
  outputs: {kib: 32, banks: 4, word_bits: 64}
"""
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"
MODELS = """
from torch import nn
class Choosy(nn.Module):
    def forward(self, x):
        return x + 1 if x.sum() > 0 else x
def choosy():
    return nn.Sequential(nn.Conv2d(3, 4, 3), Choosy())
def broken():
    raise ValueError("no luck\\nat all")
"""
CSV_HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
GEMM = "gemm:8,8,8"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


def lines_of_failure(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run a command line that must fail with status 2, print nothing and write nothing; returns its error lines."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    after = {
        path: path.read_bytes() for path in Path().rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    assert after == before
    return captured.err.splitlines()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (GOOD.replace("rows: 8", "rowz: 8, rows: 8"), "hw.yaml:2:9: array.rowz: unknown field; did you mean 'rows'?"),
        (
            GOOD.replace("rows: 8", "rows: eight"),
            "hw.yaml:2:15: array.rows: holds 'eight'; allowed: an integer from 1 to 4096",
        ),
        (GOOD.replace("rows: 8", "rows: 0"), "hw.yaml:2:15: array.rows: holds 0; allowed: an integer from 1 to 4096"),
        (GOOD.replace("rows: 8", "rows: -8"), "hw.yaml:2:15: array.rows: holds -8; allowed: an integer from 1 to 4096"),
        (
            GOOD.replace("kib: 64", "kib: -1"),
            "hw.yaml:4:22: buffers.activations.kib: holds -1; allowed: a number above 0 and up to 1048576",
        ),
        (
            GOOD + "energy: {table: nowhere.yaml}\n",
            "hw.yaml:7:17: energy.table: 'nowhere.yaml' is no energy table and no file; tables: default_45nm",
        ),
        (
            GOOD.replace("buffers:\n", "buffers:\n  bank_conflicts: odd\n"),
            "hw.yaml:4:19: buffers.bank_conflicts: holds 'odd'; allowed: even, exact",
        ),
        ("", "hw.yaml:1:1: is empty; a mapping of fields is needed"),
        ("a: [1\n", "hw.yaml:2:1: is not YAML: expected ',' or ']', but got '<stream end>'"),
        (BOMB, "hw.yaml:1:4: anchors and aliases (&, *) are not allowed; write the value out"),
        (
            "name: !!python/object/apply:os.system [touch owned]\n",
            "hw.yaml:1:7: the tag '!!python/object/apply:os.system' is not allowed; values carry no tags",
        ),
    ],
    ids=lambda value: value[-24:],
)
@pytest.mark.parametrize("command", [["hw", "check", "hw.yaml"], ["simulate", "hw.yaml", GEMM, "--json", "r.json"]])
def test_hwconfigs(command: list[str], text: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("hw.yaml").write_text(text)
    assert lines_of_failure(command, capsys) == [line]


def test_the_base_of_these_hwconfigs_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    Path("hw.yaml").write_text(GOOD)
    assert run(["hw", "check", "hw.yaml"]) == 0
    assert capsys.readouterr().out == "hw.yaml: ok (small)\n"


SMALL_BANK = ["--set", "buffers.weights.banks=1", "--set", "buffers.weights.word_bits=8"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere.yaml", GEMM], "nowhere.yaml: no such file and no built-in machine; built-ins: bitfusion_like, "),
        (
            ["dense_int8_8x9", GEMM],
            "dense_int8_8x9: no such file and no built-in machine; did you mean 'dense_int8_8x8'?",
        ),
        (
            ["dense_int8_8x8", "gemm:64,64,64", *SMALL_BANK, "--set", "buffers.weights.kib=0.02"],
            "dense_int8_8x8: buffers.weights.kib: holds 0.02; layer gemm needs at least 0.125 KiB "
            "(2 × its smallest tile)",
        ),
        (
            ["dense_int8_8x8", GEMM, "--set", "array.rows"],
            "--set array.rows: has no value; write --set FIELD=VALUE, e.g. array.rows=32",
        ),
        (
            ["dense_int8_8x8", GEMM, "--set", "array.rowz=8"],
            "--set array.rowz: unknown field; did you mean 'rows'?",
        ),
        (
            ["dense_int8_8x8", GEMM, "--set", "rows=8"],
            "--set rows: unknown field; did you mean 'array.rows'?",
        ),
        (
            ["dense_int8_8x8", GEMM, "--set", "array..rows=8"],
            "--set array..rows: is not a field; write e.g. array.rows",
        ),
        (
            ["dense_int8_8x8", GEMM, "--set", "array.rows=many"],
            "--set array.rows: holds 'many'; allowed: an integer from 1 to 4096",
        ),
        (
            ["dense_int8_8x8", GEMM, "--set", "array.arithmetic=!!python/name:os.system"],
            "--set array.arithmetic:1:1: the tag '!!python/name:os.system' is not allowed; values carry no tags",
        ),
        (
            ["dense_int8_8x8", "gemm:8,0,8"],
            "gemm:8,0,8: allowed: gemm:M,N,K with three integers from 1, such as gemm:512,512,512",
        ),
        (
            ["dense_int8_8x8", "gemm:8,8"],
            "gemm:8,8: allowed: gemm:M,N,K with three integers from 1, such as gemm:512,512,512",
        ),
        (
            ["dense_int8_8x8", f"gemm:{10**12},{10**12},1"],
            "layer gemm: groups·m·n·k is too large; allowed: up to 2^50 MACs",
        ),
        (["dense_int8_8x8", f"gemm:1{5000 * '0'},1,1"], "gemm:1000000"),
        (["dense_int8_8x8", "resnet50"], "model 'resnet50': allowed: torchvision:NAME, module:callable, FILE.onnx, "),
        (["dense_int8_8x8", "missing.csv"], "missing.csv: no such topology file"),
        (["dense_int8_8x8", "missing.onnx"], "missing.onnx: no such "),
        (["dense_int8_8x8", GEMM, "--w-bits", "17"], "w_bits is 17; allowed: 1 to 16"),
        (["dense_int8_8x8", GEMM, "--a-bits", "eight"], "bitgrove simulate: Invalid value for '--a-bits'"),
        (["dense_int8_8x8", GEMM, "--bits", "8"], "bitgrove simulate: No such option: --bits"),
        (["dense_int8_8x8"], "bitgrove simulate: Missing argument 'MODEL'"),
    ],
    ids=lambda value: value[-24:] if isinstance(value, str) else " ".join(value)[-40:],
)
def test_command_lines(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    (error,) = lines_of_failure(["simulate", *arguments, "--json", "r.json", "--csv", "r.csv", "--plot", "p"], capsys)
    assert error.startswith(line)
    assert not Path("p").exists()


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (
            "a, 5, 5, 3, 3, 1, 1, 1,\nb, 5, 5, x, 3, 1, 1, 1,\n",
            "net.csv:3: Filter Height: holds 'x'; allowed: an integer",
        ),
        ("a, 5, 5, 3, 3, 0, 1, 1,\n", "net.csv:2: Channels: holds '0'; allowed: an integer from 1"),
        ("a, 5, 5, 3, 3, 1, 1\n", "net.csv:2: Strides: is missing; the row has 7 cells"),
        ("", "net.csv: has a header but no layer"),
    ],
    ids=["not a number", "shape 0", "short row", "no row"],
)
def test_topology_files(rows: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.csv").write_text(CSV_HEADER + rows)
    (error,) = lines_of_failure(["simulate", "dense_int8_8x8", "net.csv", "--json", "r.json"], capsys)
    assert error.startswith(line)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["torchvision:resnet51"], ["torchvision has no classification model 'resnet51'; did you mean 'resnet50'?"]),
        (["no_such_module:net"], ["module 'no_such_module' cannot be imported", "ModuleNotFoundError"]),
        (["bad_models:chosy"], ["module 'bad_models' has no callable 'chosy'; did you mean 'choosy'?"]),
        (["bad_models:broken"], ["calling broken() failed: ValueError: no luck"]),
        (["bad_models:choosy"], ["the input shape is not known; give --input-shape C,H,W"]),
        (
            ["bad_models:choosy", "--input-shape", "3,8,8"],
            ["cannot be traced in module '1'", "torch.fx", "torch.export"],
        ),
        (["compress.models:resnet20", "--weights", "no.pth"], ["no.pth: no such weights file"]),
        (["compress.models:resnet20", "--weights", "bad_models.py"], ["bad_models.py: cannot be read as a state dict"]),
    ],
    ids=lambda value: value[0][-24:],
)
def test_pytorch_models(arguments: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    Path("bad_models.py").write_text(MODELS)
    sys.modules.pop("bad_models", None)
    (error,) = lines_of_failure(["simulate", "dense_int8_8x8", *arguments, "--json", "r.json"], capsys)
    assert all(part in error for part in parts)


def test_onnx_files_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    Path("net.onnx").write_bytes(b"not a model")
    (error,) = lines_of_failure(["simulate", "dense_int8_8x8", "net.onnx", "--json", "r.json"], capsys)
    assert error.startswith("net.onnx: ")


def test_a_failure_of_ours_is_one_line_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("accel_sim.simulation.build_machine", fail)
    assert run(["simulate", "dense_int8_8x8", GEMM, "--json", "r.json"]) == 1
    assert capsys.readouterr().err == "bitgrove: failed: RuntimeError: two lines (--debug shows where)\n"
    assert not Path("r.json").exists()
