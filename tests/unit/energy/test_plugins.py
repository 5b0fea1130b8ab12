"""Constants and estimators that users bring."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from accel_sim import gemm, load_hardware, simulate
from accel_sim.energy.area import area_breakdown
from accel_sim.energy.hwcomponents_sram import hwcomponents_sram
from accel_sim.energy.sram import SramEstimate, sram_estimate
from accel_sim.errors import HardwareError

WORK = gemm(16, 16, 16)


def flat(**size: Any) -> dict[str, float]:
    """One picojoule per access, a square millimetre, whatever the size."""
    assert set(size) == {"kib", "word_bits", "banks", "node_nm", "cell", "ports", "temperature_k"}
    return {"read_pj": 1.0, "write_pj": 2.0, "leakage_mw": 0.0, "area_mm2": 1.0, "access_ns": 1.0}


def as_object(**size: Any) -> SramEstimate:
    return SramEstimate(**flat(**size))


def wrong(**size: Any) -> dict[str, float]:
    return flat(**size) | {"read_pj": -1.0}


def broken(**size: Any) -> dict[str, float]:
    raise RuntimeError(f"no model for {size['kib']:g}")


@pytest.mark.parametrize("name", ["flat", "as_object"])
def test_an_estimator_of_ones_own(name: str) -> None:
    hardware = load_hardware("dense_int8_8x8", {"energy.sram_estimator": f"{__name__}:{name}"})
    total = simulate(WORK, hardware).total
    sram = total.sram.weights
    assert total.energy_pj.weights_sram == sram.word_reads + 2 * sram.word_writes
    assert area_breakdown(hardware).weights_sram == 1.0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"{__name__}:missing", "has no attribute 'missing'"),
        ("no.such.module:f", "No module named 'no'"),
        (f"{__name__}:WORK", "which is no function"),
        ("nowhere", "holds 'nowhere'; allowed: MODULE:CALLABLE, or one of hwcomponents"),
        ("hwcomponent", "holds 'hwcomponent'; did you mean 'hwcomponents'?"),
    ],
)
def test_estimators_that_are_none(name: str, message: str) -> None:
    with pytest.raises(HardwareError) as caught:
        load_hardware("dense_int8_8x8", {"energy.sram_estimator": name})
    assert str(caught.value).startswith("--set energy.sram_estimator: ")
    assert message in str(caught.value)


def test_estimators_that_fail() -> None:
    for name, message in (
        ("wrong", "returns read_pj = -1.0; allowed: a finite number of at least 0"),
        ("broken", "fails for 64 KiB, 2 banks of 32 bits: RuntimeError: no model for 64"),
    ):
        hardware = load_hardware("dense_int8_8x8", {"energy.sram_estimator": f"{__name__}:{name}"})
        with pytest.raises(HardwareError) as caught:
            simulate(WORK, hardware)
        assert message in str(caught.value)


def test_without_hwcomponents() -> None:
    if find_spec("hwcomponents_cacti"):
        pytest.skip("hwcomponents-cacti is installed")
    with pytest.raises(HardwareError) as caught:
        load_hardware("dense_int8_8x8", {"energy.sram_estimator": "hwcomponents"})
    assert "'hwcomponents'; it needs the package hwcomponents-cacti (Python 3.12 and later)" in str(caught.value)


LSTP = {f"buffers.{name}.cell": "lstp" for name in ("activations", "weights", "outputs")}


def test_hwcomponents_knows_one_kind_of_cell() -> None:
    with pytest.raises(HardwareError, match="hwcomponents with cell lop; allowed: lstp"):
        hwcomponents_sram(kib=32, word_bits=64, banks=1, node_nm=45, cell="lop", ports="1rw", temperature_k=300.0)
    with pytest.raises(HardwareError, match=r"temperature_k 350\.0; allowed: 300"):
        hwcomponents_sram(kib=32, word_bits=64, banks=1, node_nm=45, cell="lstp", ports="1rw", temperature_k=350.0)


@pytest.mark.parametrize(
    ("kib", "word_bits", "banks", "node_nm", "ports", "within"),
    [
        (32, 64, 1, 45, "1rw", 1e-3),
        (64, 64, 4, 45, "1rw", 1e-3),
        (64, 64, 1, 65, "1rw", 1e-3),
        (32, 64, 1, 32, "2rw", 1e-3),
        (256, 64, 16, 45, "1rw", 0.15),  # between the table's macros
        (64, 128, 4, 65, "1rw", 0.15),
    ],
)
def test_hwcomponents_agrees_with_the_shipped_table(
    kib: float, word_bits: int, banks: int, node_nm: int, ports: str, within: float
) -> None:
    """Both run CACTI 7: the table's macros to its digits."""
    pytest.importorskip("hwcomponents_cacti", reason="hwcomponents-cacti needs Python 3.12")
    size = (kib, word_bits, banks, node_nm, "lstp", ports, 300.0)
    names = ("kib", "word_bits", "banks", "node_nm", "cell", "ports", "temperature_k")
    theirs = hwcomponents_sram(**dict(zip(names, size, strict=True)))  # type: ignore[arg-type]
    assert theirs.to_dict() == pytest.approx(sram_estimate(*size).to_dict(), rel=within)


def test_a_machine_with_hwcomponents() -> None:
    pytest.importorskip("hwcomponents_cacti", reason="hwcomponents-cacti needs Python 3.12")
    single = {f"buffers.{name}.ports": "1rw" for name in ("activations", "weights", "outputs")}
    fields = LSTP | single
    shipped = simulate(WORK, load_hardware("dense_int8_8x8", fields)).total.energy_pj
    theirs = simulate(WORK, load_hardware("dense_int8_8x8", fields | {"energy.sram_estimator": "hwcomponents"}))
    assert theirs.total.energy_pj.weights_sram == pytest.approx(shipped.weights_sram, rel=0.1)
    assert theirs.total.energy_pj.multiply == shipped.multiply


def table(folder: Path, text: str) -> str:
    path = folder / "mine.csv"
    path.write_text(text)
    return str(path)


def test_some_constants_as_csv(tmp_path: Path) -> None:
    path = table(tmp_path, "name,value,low,high,source\nadd_32_pj,0.2,0.1,0.3,our synthesis\n")
    mine, shipped = load_hardware("dense_int8_8x8", {"energy.table": path}), load_hardware("dense_int8_8x8")
    here, there = (simulate(WORK, hardware).total.energy_pj for hardware in (mine, shipped))
    assert here.accumulate == pytest.approx(2 * there.accumulate)
    assert here.multiply == there.multiply


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\nadd_32_pj\n", "mine.csv:1: has no column 'value'"),
        ("name,value,colour\nadd_32_pj,1,red\n", "mine.csv:1: has an unknown column 'colour'"),
        ("name,value\nadd_23_pj,1\n", "mine.csv:2: name holds 'add_23_pj'; did you mean 'add_32_pj'?"),
        ("name,value\nadd_32_pj,much\n", "mine.csv:2: value holds 'much'; allowed: a number"),
        ("name,value\nadd_32_pj,-1\n", "mine.csv:2: value: Input should be greater than or equal to 0"),
        ("name,value\nadd_32_pj,1\nadd_32_pj,2\n", "mine.csv:3: add_32_pj stands here for the second time"),
        ("name,value,low\nadd_32_pj,1,2\n", "mine.csv:2: add_32_pj: Value error, value holds 1"),
    ],
)
def test_csv_files_that_are_wrong(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(HardwareError) as caught:
        load_hardware("dense_int8_8x8", {"energy.table": table(tmp_path, text)})
    assert message in str(caught.value)
