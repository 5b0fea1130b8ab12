"""Rules between fields, and what is refused because it is not supported yet."""

from __future__ import annotations

from typing import Any

import pytest

from accel_sim.errors import HardwareError
from accel_sim.hardware.diagnose import Problem
from accel_sim.hardware.load import load_hardware
from accel_sim.hardware.rules import RULES, broken_rules
from accel_sim.hardware.schema import Hardware

BASE: dict[str, Any] = load_hardware("dense_int8_16x16").resolved()


def machine(fields: dict[str, Any]) -> Hardware:
    """The 16×16 machine with fields set that the loader may refuse as not supported yet."""
    tree = {name: dict(value) if isinstance(value, dict) else value for name, value in BASE.items()}
    for dotted, value in fields.items():
        *sections, name = dotted.split(".")
        section = tree
        for part in sections:
            section[part] = dict(section[part])
            section = section[part]
        section[name] = value
    return Hardware.model_validate(tree)


def n_m(keep: int, of: int) -> dict[str, Any]:
    return {"kind": "n_m", "keep": keep, "of": of}


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        (
            {"array.weight_sparsity": n_m(4, 2), "array.lanes": 4},
            {"array.weight_sparsity.keep": "holds 4; allowed: at most of = 2"},
        ),
        (
            {"array.weight_sparsity": n_m(2, 4), "array.lanes": 3},
            {"array.lanes": "holds 3; allowed with weight_sparsity.keep = 2: a multiple of 2"},
        ),
        (
            {"dram.activation_format": "bit_columns"},
            {"dram.activation_format": "holds 'bit_columns'; allowed for weights alone"},
        ),
        (
            {"technology.sram_voltage_v": 0.7, "energy.sram_estimator": "hwcomponents"},
            {
                "technology.sram_voltage_v": "holds 0.7; allowed with energy.sram_estimator: null "
                "(the estimator chooses its supply)"
            },
        ),
        (
            {"array.encoding": "bidirectional", "array.arithmetic": "term_serial_weight", "array.term_window": 0},
            {
                "array.encoding": "holds 'bidirectional' while array.dataflow holds 'ws'; 'bidirectional' is allowed "
                "with arithmetic term_serial_weight, dataflow os, term_window 0, weight_sparsity none"
            },
        ),
        (
            {"array.weight_sparsity": n_m(1, 4), "array.dataflow": "is"},
            {
                "array.weight_sparsity": "holds 'n_m' while array.dataflow holds 'is'; "
                "'n_m' is allowed with dataflow ws, os"
            },
        ),
        (
            {"array.weight_sparsity": "pack_columns", "array.dataflow": "os"},
            {
                "array.weight_sparsity": "holds 'pack_columns' while array.dataflow holds 'os'; "
                "'pack_columns' is allowed with dataflow ws"
            },
        ),
        (
            {"array.activation_sparsity": "skip_waves", "array.dataflow": "is"},
            {
                "array.activation_sparsity": "holds 'skip_waves' while array.dataflow holds 'is'; "
                "'skip_waves' is allowed with dataflow ws, os"
            },
        ),
        (
            {"array.term_window": 2, "array.arithmetic": "term_serial_both"},
            {
                "array.term_window": "holds 2 while array.arithmetic holds 'term_serial_both'; 2 is allowed with "
                "term_serial_act, term_serial_weight"
            },
        ),
        (
            {"array.term_window": 0, "array.arithmetic": "serial_act"},
            {
                "array.term_window": "holds 0 while array.arithmetic holds 'serial_act'; 0 is allowed with "
                "term_serial_act, term_serial_weight"
            },
        ),
        (
            {"array.precision": "dynamic", "array.arithmetic": "fused"},
            {
                "array.precision": "holds 'dynamic' while array.arithmetic holds 'fused'; 'dynamic' is allowed with "
                "parallel, serial_act, serial_weight, serial_both"
            },
        ),
        (
            {"array.precision": "dynamic", "array.arithmetic": "term_serial_act"},
            {
                "array.precision": "holds 'dynamic' while array.arithmetic holds 'term_serial_act'; 'dynamic' is "
                "allowed with parallel, serial_act, serial_weight, serial_both"
            },
        ),
        (
            {"buffers.weights.format": "n_m"},
            {
                "buffers.weights.format": "holds 'n_m'; allowed for weights alone, with array.weight_sparsity "
                "{kind: n_m, keep: …, of: …}"
            },
        ),
        (
            {"dram.activation_format": "n_m", "array.weight_sparsity": n_m(1, 4)},
            {
                "dram.activation_format": "holds 'n_m'; allowed for weights alone, with array.weight_sparsity "
                "{kind: n_m, keep: …, of: …}"
            },
        ),
        (
            {"buffers.outputs.format": "bitmask"},
            {"buffers.outputs.format": "holds 'bitmask'; allowed: dense (partial sums change until they are finished)"},
        ),
        (
            {"buffers.weights.format": "csc", "array.weight_sparsity": "skip_rows"},
            {
                "buffers.weights.format": "holds 'csc' while array.weight_sparsity holds 'skip_rows'; "
                "allowed with it: dense"
            },
        ),
        (
            {"buffers.weights.format": "rle", "array.weight_sparsity": n_m(2, 4), "array.lanes": 2},
            {
                "buffers.weights.format": "holds 'rle' while array.weight_sparsity holds 'n_m'; "
                "allowed with it: dense, n_m"
            },
        ),
        (
            {"buffers.activations.format": "bitmask", "array.activation_sparsity": "skip_waves"},
            {
                "buffers.activations.format": "holds 'bitmask' while array.activation_sparsity holds 'skip_waves'; "
                "allowed with it: dense"
            },
        ),
        (
            {"buffers.activations.format": "rle", "buffers.bank_conflicts": "exact"},
            {
                "buffers.activations.format": "holds 'rle' while buffers.bank_conflicts holds 'exact'; "
                "allowed with it: dense"
            },
        ),
        (
            {"dram.address_map": "rorochbabgco"},
            {
                "dram.address_map": "holds 'rorochbabgco'; allowed: each of ro, ch, ra, ba, bg, co once, "
                "e.g. rochrababgco"
            },
        ),
        (
            {"buffers.outputs.kib": 0.1},
            {
                "buffers.outputs.kib": "holds 0.1; allowed: at least 0.125, one word in each of the 8 banks of 64 bits "
                "and each half"
            },
        ),
    ],
    ids=lambda value: next(iter(value)),
)
def test_broken_rule(fields: dict[str, Any], problems: dict[str, str]) -> None:
    assert broken_rules(machine(fields)) == [Problem(tuple(path.split(".")), text) for path, text in problems.items()]


@pytest.mark.parametrize(
    "fields",
    [
        {
            "array.weight_sparsity": n_m(2, 4),
            "array.lanes": 4,
            "buffers.weights.format": "n_m",
            "dram.weight_format": "n_m",
        },
        {"array.weight_sparsity": n_m(4, 4), "array.lanes": 8, "array.dataflow": "os"},
        {"array.weight_sparsity": "pack_columns"},
        {"array.weight_sparsity": "skip_rows", "array.dataflow": "is"},
        {"array.activation_sparsity": "skip_waves", "array.dataflow": "os"},
        {"array.term_window": 2, "array.arithmetic": "term_serial_act"},
        {"array.term_window": 0, "array.arithmetic": "term_serial_weight"},
        *({"array.precision": "dynamic", "array.arithmetic": kind} for kind in ("parallel", "serial_both")),
        *({"array.precision": "dynamic", "array.arithmetic": f"serial_{kind}"} for kind in ("act", "weight")),
        {"mapping.array_dim": "m"},
        {"mapping.array_dim": "n", "array.dataflow": "os"},
        {"mapping.array_dim": "n", "array.dataflow": "is"},
        {"dram.address_map": "rorabgbachco"},
        {"buffers.outputs.kib": 0.0625, "buffers.outputs.double_buffered": False},
    ],
    ids=str,
)
def test_kept_rules(fields: dict[str, Any]) -> None:
    assert broken_rules(machine(fields)) == []


def test_every_rule_is_listed_once() -> None:
    assert len(set(RULES)) == len(RULES)


def test_a_file_with_several_such_fields_names_the_lines(tmp_path: Any) -> None:
    from accel_sim.hardware.load import BUILTIN_DIRECTORY

    text = (BUILTIN_DIRECTORY / "dense_int8_16x16.yaml").read_text()
    text = text.replace("kib: 128", "kib: 128\n    format: n_m").replace("channels: 2", "part: lpddr9")
    path = tmp_path / "hw.yaml"
    path.write_text(text)
    with pytest.raises(HardwareError) as caught:
        load_hardware(path)
    first, second = str(caught.value).splitlines()
    assert first == (
        f"{path}:19:13: buffers.activations.format: holds 'n_m'; allowed for weights alone, with array.weight_sparsity"
        " {kind: n_m, keep: …, of: …}"
    )
    assert second.startswith(f"{path}:31:9: dram.part: 'lpddr9' is no DRAM part and no file; ")
