"""The machines that ship: complete, without preset fields, and with ports as wide as their edges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from accel_sim.array.beats import beat_depends_on_data, constant_beat_cycles, step_lanes
from accel_sim.array.ports import Sharing, pace
from accel_sim.energy.sparsity import candidates
from accel_sim.hardware.load import BUILTIN_DIRECTORY, list_builtins, load_hardware
from accel_sim.hardware.schema import Hardware, json_schema_text

EXPECTED = {
    "dense_int8_8x8": (8, 8, 1, "ws"),
    "dense_int8_16x16": (16, 16, 1, "ws"),
    "dense_int8_32x32": (32, 32, 1, "ws"),
    "dense_int8_32x32_os": (32, 32, 1, "os"),
    "dense_int8_32x32_is": (32, 32, 1, "is"),
    "dense_int8_128x128": (128, 128, 1, "ws"),
    "bitfusion_like": (16, 32, 1, "ws"),
    "bitlet_like": (16, 32, 1, "os"),
    "bitvert_like": (16, 32, 1, "os"),
    "bitwave_like": (32, 32, 1, "os"),
    "column_combining": (32, 32, 1, "ws"),
    "laconic_like": (32, 32, 1, "os"),
    "loom_like": (32, 128, 1, "os"),
    "pragmatic_like": (16, 32, 1, "os"),
    "s2ta_like": (16, 16, 1, "os"),
    "shapeshifter_like": (16, 32, 1, "os"),
    "sparse_2_4": (16, 32, 1, "ws"),
    "stripes_like": (16, 32, 1, "os"),
    "term_serial_vector_sparse": (16, 32, 1, "os"),
    "tpu_v1_like": (256, 256, 1, "ws"),
    "tpu_v6e_like": (256, 256, 4, "ws"),
    "unpu_like": (24, 36, 1, "is"),
    "vector_sparse": (32, 32, 1, "os"),
}
FIXED = [name for name in EXPECTED if name.startswith(("dense", "tpu"))]
OTHERS = [name for name in EXPECTED if name not in FIXED]
SAME_SPEED = [name for name in OTHERS if name not in {"bitfusion_like", "unpu_like"}]
PRESET_FIELDS = ("os_drain", "fold_overlap", "edge_folds", "unlimited_ports", "unlimited_capacity")


def test_the_built_in_machines() -> None:
    arrays = {name: load_hardware(name).array for name in list_builtins()}
    assert {name: (a.rows, a.cols, a.arrays, a.dataflow) for name, a in arrays.items()} == EXPECTED


@pytest.mark.parametrize("name", list_builtins())
def test_file_carries_its_name_and_leaves_presets_alone(name: str) -> None:
    text = (BUILTIN_DIRECTORY / f"{name}.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=hwconfig.schema.json\n#")
    assert load_hardware(name).name == name
    # The TPU v6e's waves are known to follow one another.
    assert [field for field in PRESET_FIELDS if field in text] == ["fold_overlap"] * (name == "tpu_v6e_like")
    assert ("part:" in text) == name.startswith("tpu")


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
def test_ports_never_stretch_a_beat(name: str, dataflow: str) -> None:
    hardware = load_hardware(name, {"array.dataflow": dataflow})
    array, bits = hardware.array, hardware.array.native_bits
    edge_bits = {
        "activations": array.arrays * array.lanes * array.rows * bits,
        "weights": array.arrays * array.lanes * max(array.rows, array.cols) * bits,
        "outputs": array.arrays * array.cols * array.acc_bits,
    }
    for buffer_name, need in edge_bits.items():
        buffer = getattr(hardware.buffers, buffer_name)
        assert buffer.ports == "1r1w"
        assert buffer.banks * buffer.word_bits >= need


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("bits", [8, 4, 2, 1])
def test_ports_never_stretch_the_beat_of_other_arithmetic(name: str, bits: int) -> None:
    hardware = load_hardware(name)
    beat = 1 if beat_depends_on_data(hardware.array) else constant_beat_cycles(hardware.array, bits, bits)
    paced = pace(hardware, bits, bits, beat, Sharing(), ideal=False)
    assert (paced.beat_first, paced.beat_later) == (beat, beat)


def test_candidates_of_an_activation_fit_the_port() -> None:
    for name in ("s2ta_like", "sparse_2_4", "column_combining"):
        hardware = load_hardware(name)
        array, port = hardware.array, hardware.buffers.activations
        kept = getattr(array.weight_sparsity, "keep", 1)
        assert port.banks * port.word_bits >= array.rows * array.lanes * candidates(array) // kept * 8


@pytest.mark.parametrize("name", SAME_SPEED)
def test_machines_to_compare_are_as_fast_as_the_dense_one(name: str) -> None:
    dense, other = load_hardware("dense_int8_32x32"), load_hardware(name)
    beats = {"term_serial_both": 4 * 4}  # with four terms in each operand; up to eight would be 64
    beat = beats.get(other.array.arithmetic, constant_beat_cycles(other.array, 8, 8))
    assert other.pes * step_lanes(other.array, 8, 8) / beat == dense.pes
    assert other.technology == dense.technology
    assert other.dram.model_copy(update={"weight_format": "dense"}) == dense.dram  # a machine's format may be its own
    sizes = [[getattr(h.buffers, b).kib for b in ("activations", "weights", "outputs")] for h in (dense, other)]
    assert sizes[0] == sizes[1]


def test_published_figures() -> None:
    bitfusion, unpu = load_hardware("bitfusion_like"), load_hardware("unpu_like")
    assert bitfusion.pes == 512
    assert sum(getattr(bitfusion.buffers, name).kib for name in ("activations", "weights", "outputs")) == 112
    gops = 2 * unpu.pes * unpu.array.lanes / constant_beat_cycles(unpu.array, 8, 16) * unpu.clock_hz / 1e9
    assert gops == pytest.approx(345.6)


def test_tpu_figures() -> None:
    v1, v6e = load_hardware("tpu_v1_like"), load_hardware("tpu_v6e_like")
    assert 2 * v1.pes * v1.clock_hz == pytest.approx(92e12, rel=0.01)
    assert 2 * v6e.pes * v6e.clock_hz == pytest.approx(918e12, rel=0.001)
    buffers = v6e.buffers
    assert buffers.activations.kib + buffers.weights.kib + buffers.outputs.kib == 128 * 1024


def test_json_schema_is_up_to_date() -> None:
    shipped = Path(BUILTIN_DIRECTORY / "hwconfig.schema.json").read_text()
    assert shipped == json_schema_text(), "run: bitgrove hw schema > hwconfigs/hwconfig.schema.json"
    assert list(json.loads(shipped)["properties"]) == list(Hardware.model_fields)


def test_hash_ignores_the_name_alone() -> None:
    base = load_hardware("dense_int8_16x16")
    assert load_hardware("dense_int8_16x16", {"name": "other"}).content_hash() == base.content_hash()
    assert load_hardware("dense_int8_16x16", {"array.cols": 17}).content_hash() != base.content_hash()
