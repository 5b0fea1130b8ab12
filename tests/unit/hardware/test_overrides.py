"""Overrides, presets, and that a resolved machine loads as itself."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from accel_sim.energy.tables import CONSTANT_NAMES
from accel_sim.errors import HardwareError
from accel_sim.hardware.load import BUILTIN_DIRECTORY, list_builtins, load_hardware, parse_set_options

BASE = "dense_int8_16x16"


def errors_of(overrides: dict[str, Any]) -> list[str]:
    with pytest.raises(HardwareError) as caught:
        load_hardware(BASE, overrides)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    "overrides",
    [{"array.rows": 8}, {"array": {"rows": 8}}, {"array": {"rows": np.int64(8)}}, parse_set_options(["array.rows=8"])],
)
def test_every_spelling_of_an_override(overrides: dict[str, Any]) -> None:
    hardware = load_hardware(BASE, overrides)
    assert (hardware.array.rows, hardware.array.cols) == (8, 16)


def test_integers_pass_for_numbers() -> None:
    assert load_hardware(BASE, {"technology.clock_mhz": 1}).clock_hz == 1e6
    assert parse_set_options(["technology.clock_mhz=1e3"]) == {"technology.clock_mhz": 1000.0}


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ({"array.rowz": 3}, "--set array.rowz: unknown field; did you mean 'rows'?"),
        ({"arry.rows": 3}, "--set arry: unknown field; did you mean 'array'?"),
        ({"array.rows.x": 3}, "--set array.rows: holds a mapping; allowed: an integer from 1 to 4096"),
        ({"array.rows": 0}, "--set array.rows: holds 0; allowed: an integer from 1 to 4096"),
        ({"array.rows": "32"}, "--set array.rows: holds '32'; allowed: an integer from 1 to 4096"),
        (
            {"technology.clock_mhz": True},
            "--set technology.clock_mhz: holds true; allowed: a number above 0 and up to 10000",
        ),
        (
            {"energy.table": "default_54nm"},
            "--set energy.table: 'default_54nm' is no energy table and no file; "
            "did you mean 'default_45nm'? tables: default_45nm",
        ),
        (
            {"energy.overrides.add_23_pj": 0.1},
            "--set energy.overrides.add_23_pj: unknown constant; did you mean 'add_32_pj'?",
        ),
        (
            {"energy.overrides.add_32_pj": -0.1},
            "--set energy.overrides.add_32_pj: holds -0.1; allowed: a number of at least 0",
        ),
        ({"preset": "scale"}, "--set preset: holds 'scale'; allowed: scalesim or null"),
        (
            {"array.weight_sparsity.keep": 2, "array.weight_sparsity.kind": "n_m"},
            "--set array.weight_sparsity.of: is missing; needed: an integer from 1 to 64",
        ),
        ({"array..rows": 3}, "--set array..rows: is not a field; write e.g. array.rows"),
        ({3: 3}, "--set 3: is not a field; write e.g. array.rows"),
    ],
)
def test_wrong_overrides(overrides: dict[str, Any], line: str) -> None:
    assert errors_of(overrides) == [line]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["array.rows"], ["--set array.rows: has no value; write --set FIELD=VALUE, e.g. array.rows=32"]),
        (["a=1", "a=2"], ["--set a: is given twice"]),
        (
            ["a=[1", "b"],
            [
                "--set a:1:3: is not YAML: expected ',' or ']', but got '<stream end>'",
                "--set b: has no value; write --set FIELD=VALUE, e.g. array.rows=32",
            ],
        ),
        (["a=!!python/none x"], ["--set a:1:1: the tag '!!python/none' is not allowed; values carry no tags"]),
        (["a={b: 1, b: 2}"], ["--set a: states 'b' twice"]),
    ],
)
def test_wrong_set_options(options: list[str], lines: list[str]) -> None:
    with pytest.raises(HardwareError) as caught:
        parse_set_options(options)
    assert str(caught.value).splitlines() == lines


def test_set_values_are_read_as_in_a_file() -> None:
    options = ["a=32", "b=1e9", "c=2:4", "d=yes", "e=true", "f=", "g={keep: 2, of: 4}", "h=x=y"]
    assert parse_set_options(options) == {
        "a": 32, "b": 1e9, "c": "2:4", "d": "yes", "e": True, "f": None, "g": {"keep": 2, "of": 4}, "h": "x=y",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(list_builtins()) - {"tpu_v6e_like"}))  # which states its overlap
def test_scalesim_preset_takes_full_effect_on_builtins(name: str) -> None:
    hardware = load_hardware(name, {"preset": "scalesim"})
    assert not hardware.array.os_drain
    assert (hardware.array.fold_overlap, hardware.array.edge_folds) == ("none", "full")
    assert hardware.buffers.unlimited_ports
    assert hardware.buffers.unlimited_capacity
    if name.startswith("dense_int8"):
        assert hardware.dram.part == "ideal"


def test_explicit_fields_win_over_a_preset(tmp_path: Path) -> None:
    explicit = {"preset": "scalesim", "array.fold_overlap": "full", "dram.part": "ddr4_3200"}
    hardware = load_hardware(BASE, explicit)
    assert (hardware.array.fold_overlap, hardware.dram.part) == ("full", "ddr4_3200")
    assert not hardware.array.os_drain


def resolved_file(overrides: dict[str, Any], folder: Path) -> Path:
    path = folder / "resolved.yaml"
    out = StringIO()
    YAML(typ="safe", pure=True).dump(load_hardware(BASE, overrides).resolved(), out)
    path.write_text(out.getvalue())
    return path


legal_overrides = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20),
        "preset": st.sampled_from(["scalesim", None]),
        "technology.clock_mhz": st.floats(1e-3, 1e4) | st.integers(1, 10_000),
        "technology.node_nm": st.integers(7, 180),
        "array.rows": st.integers(1, 4096),
        "array.dataflow": st.sampled_from(["ws", "os", "is"]),
        "array.os_drain": st.booleans(),
        "array.fold_overlap": st.sampled_from(["none", "preload", "full"]),
        "buffers.outputs.kib": st.floats(1, 1 << 20),
        "dram": st.fixed_dictionaries({"channels": st.integers(1, 256)}),
        "mapping.tile_m": st.none() | st.integers(1, 1 << 40),
        "vector_unit.lanes": st.none() | st.integers(1, 65536),
        "energy.overrides": st.dictionaries(st.sampled_from(CONSTANT_NAMES), st.floats(0, 9), max_size=3),
    },
)


@settings(max_examples=25, deadline=None)
@given(overrides=legal_overrides)
def test_a_resolved_machine_loads_as_itself(
    overrides: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    original = load_hardware(BASE, overrides)
    again = load_hardware(resolved_file(overrides, tmp_path_factory.mktemp("hw")))
    assert again.resolved() == original.resolved()
    assert again.content_hash() == original.content_hash()


def test_paths_in_a_file_are_relative_to_the_file(tmp_path: Path) -> None:
    shipped = {"mine.yaml": "dram/ddr4_3200.yaml", "prices.yaml": "tables/default_45nm.yaml"}
    for name, source in shipped.items():
        (tmp_path / name).write_text((BUILTIN_DIRECTORY / source).read_text())
    text = (BUILTIN_DIRECTORY / f"{BASE}.yaml").read_text().replace("channels: 2", "part: mine.yaml")
    (tmp_path / "hw.yaml").write_text(text + "energy:\n  table: prices.yaml\n")
    hardware = load_hardware(tmp_path / "hw.yaml")
    assert (hardware.dram.part, hardware.energy.table) == (str(tmp_path / "mine.yaml"), str(tmp_path / "prices.yaml"))
    (tmp_path / "prices.yaml").write_text("name: prices\nconstants: {}\n")
    with pytest.raises(HardwareError, match=r"hw\.yaml:\d+:10: energy\.table: .*prices\.yaml:2:1: constants\."):
        load_hardware(tmp_path / "hw.yaml")
