"""Wrong hwconfigs: each error is one exact line."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel_sim.errors import HardwareError
from accel_sim.hardware.document import HWCONFIG
from accel_sim.hardware.load import load_hardware

GOOD = """\
name: small
technology:
  clock_mhz: 500
array:
  rows: 8
  cols: 8
buffers:
  activations: {kib: 64, banks: 2, word_bits: 32}
  weights: {kib: 32, banks: 2, word_bits: 32}
  outputs: {kib: 32, banks: 4, word_bits: 64}
"""
SECTION = "a mapping with kib, banks, word_bits, ports, double_buffered, format, cell"


def errors_of(text: str | bytes, folder: Path) -> list[str]:
    """The lines of the error that loading ``text`` raises, the file's folder left out."""
    path = folder / "hw.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(HardwareError) as caught:
        load_hardware(path)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_the_base_of_these_tests_loads(tmp_path: Path) -> None:
    path = tmp_path / "hw.yaml"
    path.write_text(GOOD)
    assert load_hardware(path).array.rows == 8
    assert load_hardware(str(path)) == load_hardware(path)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("rows: 8", "rows: 0", "hw.yaml:5:9: array.rows: holds 0; allowed: an integer from 1 to 4096"),
        ("rows: 8", "rows: -3", "hw.yaml:5:9: array.rows: holds -3; allowed: an integer from 1 to 4096"),
        ("rows: 8", "rows: '8'", "hw.yaml:5:9: array.rows: holds '8'; allowed: an integer from 1 to 4096"),
        ("rows: 8", "rows: 8.0", "hw.yaml:5:9: array.rows: holds 8.0; allowed: an integer from 1 to 4096"),
        ("rows: 8", "rows: true", "hw.yaml:5:9: array.rows: holds true; allowed: an integer from 1 to 4096"),
        ("rows: 8", "rows:", "hw.yaml:5:3: array.rows: holds null; allowed: an integer from 1 to 4096"),
        ("rows: 8", "rows: [8]", "hw.yaml:5:9: array.rows: holds a list; allowed: an integer from 1 to 4096"),
        ("rows: 8", "rows: 8\n  rowz: 8", "hw.yaml:6:3: array.rowz: unknown field; did you mean 'rows'?"),
        (
            "rows: 8",
            "rows: 8\n  kib: 8",
            "hw.yaml:6:3: array.kib: unknown field; did you mean 'buffers.activations.kib'?",
        ),
        ("name: small", "name: small\nrows: 8", "hw.yaml:2:1: rows: unknown field; did you mean 'array.rows'?"),
        ("name: small", "name: ''", "hw.yaml:1:7: name: holds ''; allowed: text of 1 to 100 characters"),
        ("name: small", "name: 2024-01-01\nname: b", "hw.yaml:2:1: name: is stated twice"),
        ("  rows: 8\n", "", "hw.yaml:4:1: array.rows: is missing; needed: an integer from 1 to 4096"),
        ("  rows: 8", "  rows: 8\n  dataflow: wss", "hw.yaml:6:13: array.dataflow: holds 'wss'; allowed: ws, os, is"),
        (
            "  rows: 8",
            "  rows: 8\n  os_drain: no",
            "hw.yaml:6:13: array.os_drain: holds 'no'; allowed: true or false",
        ),
        (
            "clock_mhz: 500",
            "clock_mhz: 0",
            "hw.yaml:3:14: technology.clock_mhz: holds 0; allowed: a number above 0 and up to 10000",
        ),
        (
            "clock_mhz: 500",
            "clock_mhz: .nan",
            "hw.yaml:3:14: technology.clock_mhz: holds nan; allowed: a number above 0 and up to 10000",
        ),
        (
            "clock_mhz: 500",
            "clock_mhz: true",
            "hw.yaml:3:14: technology.clock_mhz: holds true; allowed: a number above 0 and up to 10000",
        ),
        (
            "kib: 64",
            "kib: 0",
            "hw.yaml:8:22: buffers.activations.kib: holds 0; allowed: a number above 0 and up to 1048576",
        ),
        (
            "  outputs: {kib: 32, banks: 4, word_bits: 64}\n",
            "",
            f"hw.yaml:7:1: buffers.outputs: is missing; needed: {SECTION}",
        ),
        (
            "rows: 8",
            "rows: 8\n  weight_sparsity: nm",
            "hw.yaml:6:20: array.weight_sparsity: holds 'nm'; allowed: none, gate, skip_rows, pack_columns or "
            "a mapping with kind, keep, of",
        ),
        (
            "rows: 8",
            "rows: 8\n  weight_sparsity: {kind: n_m, keep: 0, of: 4}",
            "hw.yaml:6:38: array.weight_sparsity.keep: holds 0; allowed: an integer from 1 to 64",
        ),
        (
            "rows: 8",
            "rows: 8\n  weight_sparsity: {kind: n_m, keep: 2}",
            "hw.yaml:6:3: array.weight_sparsity.of: is missing; needed: an integer from 1 to 64",
        ),
        (
            "rows: 8",
            "rows: 8\n  weight_sparsity: {kind: n_m, keep: 2, of: 4, axes: k}",
            "hw.yaml:6:48: array.weight_sparsity.axes: unknown field; allowed: kind, keep, of",
        ),
        (
            "name: small",
            "name: small\nmapping: {tile_m: 0}",
            "hw.yaml:2:19: mapping.tile_m: holds 0; allowed: an integer of at least 1 or null",
        ),
        (
            "name: small",
            "name: small\nenergy: {overrides: {add_32_pj: high}}",
            "hw.yaml:2:33: energy.overrides.add_32_pj: holds 'high'; allowed: a number of at least 0",
        ),
    ],
)
def test_one_wrong_field(old: str, new: str, line: str, tmp_path: Path) -> None:
    assert errors_of(GOOD.replace(old, new, 1), tmp_path) == [line]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "hw.yaml:1:1: is empty; a mapping of fields is needed"),
        ("# only a comment\n", "hw.yaml:1:1: is empty; a mapping of fields is needed"),
        ("- 1\n", "hw.yaml:1:1: holds a list; a mapping of fields is needed"),
        ("just text\n", "hw.yaml:1:1: holds a single value; a mapping of fields is needed"),
        ("a: [1\n", "hw.yaml:2:1: is not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\n\tb: 2\n", "hw.yaml:2:1: is not YAML: found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 1\n", "hw.yaml:2:1: a second document begins; one is allowed"),
        ("a: &x [1]\n", "hw.yaml:1:4: anchors and aliases (&, *) are not allowed; write the value out"),
        ("a: *x\n", "hw.yaml:1:4: anchors and aliases (&, *) are not allowed; write the value out"),
        ("*x : 1\n", "hw.yaml:1:1: a field's name is a mapping, list or alias; plain text is needed"),
        ("? [a]\n: 1\n", "hw.yaml:1:3: a field's name is a mapping, list or alias; plain text is needed"),
        (
            "name: !!python/object/apply:os.system [ls]\n",
            "hw.yaml:1:7: the tag '!!python/object/apply:os.system' is not allowed; values carry no tags",
        ),
        ("name: !!int 3\n", "hw.yaml:1:7: the tag '!!int' is not allowed; values carry no tags"),
        ("name: " + 17 * "[" + 17 * "]", "hw.yaml:1:23: is nested deeper than 16 levels"),
        ("rows: " + 5000 * "9", "hw.yaml:1:7: the number 99999999999999999999… cannot be read"),
        ("\n".join(f"k{i}: 1" for i in range(2000)), "hw.yaml:1000:7: holds more than 2000 names and values"),
        ("a" * (HWCONFIG.max_bytes + 1), "hw.yaml: holds 65537 bytes; allowed: up to 65536"),
        (b"\xff\xfe\x00", "hw.yaml: is not UTF-8 text"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_not_a_hwconfig_at_all(text: str | bytes, line: str, tmp_path: Path) -> None:
    assert errors_of(text, tmp_path) == [line]


def test_control_characters_are_one_line(tmp_path: Path) -> None:
    (line,) = errors_of('name: "\x07"\n', tmp_path)
    assert line.startswith("hw.yaml: is not YAML: ")


def test_a_billion_laughs(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True))
    assert errors_of(bomb, tmp_path) == ["hw.yaml:1:4: anchors and aliases (&, *) are not allowed; write the value out"]


def test_all_errors_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        GOOD.replace("clock_mhz: 500", "clock_mhz: fast").replace("rows: 8", "rows: 0").replace("cols: 8", "colls: 8")
    )
    assert errors_of(text, tmp_path) == [
        "hw.yaml:3:14: technology.clock_mhz: holds 'fast'; allowed: a number above 0 and up to 10000",
        "hw.yaml:4:1: array.cols: is missing; needed: an integer from 1 to 4096",
        "hw.yaml:5:9: array.rows: holds 0; allowed: an integer from 1 to 4096",
        "hw.yaml:6:3: array.colls: unknown field; did you mean 'cols'?",
    ]


def test_missing_file_and_misspelt_builtin(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"^dense_int8_16x17: no such file and no built-in machine; did you mean"):
        load_hardware("dense_int8_16x17")
    with pytest.raises(HardwareError, match=r"no such file and no built-in machine; built-ins: bitfusion_like, "):
        load_hardware(tmp_path / "qqq.yaml")
    with pytest.raises(HardwareError, match="cannot be read: Is a directory"):
        load_hardware(tmp_path)
