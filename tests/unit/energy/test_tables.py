from __future__ import annotations

from math import exp
from pathlib import Path

import pytest

from accel_sim.energy import TABLES_DIR
from accel_sim.energy.scaling import (
    area_factor,
    energy_factor,
    leakage_temperature_factors,
    leakage_voltage_factor,
    leakage_voltage_factors,
    scaling_table,
)
from accel_sim.energy.tables import CONSTANT_NAMES, apply_technology, load_energy_table, with_overrides
from accel_sim.errors import HardwareError

SHIPPED = (TABLES_DIR / "default_45nm.yaml").read_text()


def test_shipped_table_holds_the_published_anchors():
    constants = load_energy_table("default_45nm").constants
    assert set(constants) == set(CONSTANT_NAMES)
    assert (constants["multiply_8x8_pj"].value, constants["multiply_32x32_pj"].value) == (0.2, 3.1)
    assert (constants["multiply_8x8_um2"].value, constants["multiply_32x32_um2"].value) == (282, 3495)
    assert [constants[f"add_{bits}_pj"].value for bits in (8, 16, 32)] == [0.03, 0.05, 0.1]
    assert constants["register_pj_per_bit"].value == 0.009
    assert all(len(constant.source) > 5 for constant in constants.values())


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("multiply_8x8_pj:", "multiply_8x9_pj:", "did you mean 'multiply_8x8_pj'"),
        ("    value: 0.2\n", "    value: -0.2\n", "constants.multiply_8x8_pj.value: holds -0.2"),
        ("    value: 0.2\n", "    value: .nan\n", "constants.multiply_8x8_pj.value: holds nan"),
        ("    value: 0.2\n", "    value: cheap\n", "constants.multiply_8x8_pj.value: holds 'cheap'"),
        ("    value: 0.2\n", "    value: 20.0\n", "value holds 20; allowed: from low = 0.1 to high = 0.79"),
        ("    obtained: measured\n", "    obtained: guessed\n", "obtained: holds 'guessed'"),
        ("    obtained: measured\n", "", "constants.multiply_8x8_pj.obtained: is missing"),
        ("    node_nm: 45\n    voltage_v: 0.9\n", "", "constants.multiply_8x8_pj: needs node_nm and voltage_v"),
        (
            "    value: 0.2\n",
            "    value: 0.2\n    hihg: 1\n",
            "constants.multiply_8x8_pj.hihg: unknown field; did you mean 'high'",
        ),
        ("name: default_45nm", "name: [", "not YAML"),
        ("name: default_45nm", "name: !!python/object:os.system x", "tag '!!python/object:os.system' is not allowed"),
        ("  sram_energy_ratio:", "  add_8_pj:", "constants.add_8_pj: is stated twice"),
        ("  fifo_pj_per_bit:", "  fifo_pj:", "constants.fifo_pj_per_bit: is missing"),
    ],
)
def test_bad_table_is_one_line_with_its_place(tmp_path: Path, old: str, new: str, field: str):
    assert old in SHIPPED
    path = tmp_path / "mine.yaml"
    path.write_text(SHIPPED.replace(old, new, 1))
    with pytest.raises(HardwareError) as caught:
        load_energy_table(str(path))
    assert field in str(caught.value)
    for line in str(caught.value).splitlines():
        assert line.startswith(f"{path}:")
        assert len(line) < 400


def test_error_names_the_line_of_the_field(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(SHIPPED.replace("    value: 0.05\n", "    value: cheap\n", 1))
    wrong = path.read_text().splitlines().index("    value: cheap") + 1
    with pytest.raises(HardwareError, match=rf":{wrong}:\d+: constants.add_16_pj.value"):
        load_energy_table(str(path))


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "just text", "\x00", "[" * 2000])
def test_files_that_are_no_table(tmp_path: Path, text: str):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(HardwareError, match=r"mine\.yaml:"):
        load_energy_table(str(path))


def test_alias_bomb_is_refused_in_short_lines(tmp_path: Path):
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join([*levels, "name: bomb", "constants: *a11"]))
    with pytest.raises(HardwareError) as caught:
        load_energy_table(str(path))
    assert len(str(caught.value)) < 5_000


def test_unknown_and_missing_tables(tmp_path: Path):
    with pytest.raises(HardwareError, match="is no energy table and no file; did you mean 'default_45nm'"):
        load_energy_table("default_54nm")
    with pytest.raises(HardwareError, match=r"none\.yaml' is no energy table"):
        load_energy_table(str(tmp_path / "none.yaml"))
    with pytest.raises(HardwareError, match="default_45nm' is no energy table"):
        load_energy_table("../tables/default_45nm")


def test_overrides():
    table = load_energy_table("default_45nm")
    changed = with_overrides(table, {"add_32_pj": 0.12})
    assert changed.constants["add_32_pj"].value == 0.12
    assert changed.constants["add_32_pj"].source == "energy.overrides"
    assert table.constants["add_32_pj"].value == 0.1
    with pytest.raises(HardwareError, match=r"energy\.overrides\.add_32_jp.*did you mean 'add_32_pj'"):
        with_overrides(table, {"add_32_jp": 0.12})
    with pytest.raises(HardwareError, match="allowed: a finite number of at least 0"):
        with_overrides(table, {"add_32_pj": -1.0})


def test_scaling_is_one_at_the_tables_node_and_follows_the_published_fits():
    assert energy_factor(45, 0.9, 45, 0.9) == 1.0
    # 45 nm at 0.9 V: 1.018·0.81 − 0.3107·0.9 + 0.1539; 7 nm at 0.7 V: 0.1776·0.49 − 0.09097·0.7 + 0.02447
    assert energy_factor(7, 0.7, 45, 0.9) == pytest.approx(0.047815 / 0.69885, rel=1e-4)
    assert area_factor(65, 45) == pytest.approx(1.5)
    factors = [energy_factor(node, 0.9, 45, 0.9) for node in range(7, 181)]
    assert factors == sorted(factors)
    areas = [area_factor(node, 45) for node in range(7, 181)]
    assert areas == sorted(areas)


def test_scaling_grows_with_the_voltage_and_refuses_what_the_fit_does_not_cover():
    for node in (7, 28, 45, 65, 130):
        energies = [energy_factor(node, 0.6 + 0.01 * step, 45, 0.9) for step in range(90)]
        assert energies == sorted(energies)
    with pytest.raises(HardwareError, match=r"technology\.voltage_v: 0\.5 V is below .* 65 nm; allowed: 0\.6 V"):
        energy_factor(65, 0.5, 45, 0.9)
    with pytest.raises(HardwareError, match=r"55 nm; allowed: 0\.6 V"):
        energy_factor(55, 0.5, 45, 0.9)


def test_each_constant_is_scaled_by_its_kind():
    applied = apply_technology(load_energy_table("default_45nm"), 28, 0.8)
    energy, area = energy_factor(28, 0.8, 45, 0.9), area_factor(28, 45)
    leakage = energy_factor(28, 0.9, 45, 0.9) * leakage_voltage_factor(0.8, 0.9, 300)
    for name, constant in applied.items():
        expected = 1.0 if name.endswith("_ratio") else area if "_um2" in name else energy
        expected = leakage if "leakage" in name else expected
        assert constant.factor == expected, name
        assert constant.value == constant.constant.value * expected
    assert energy < 1
    assert area < 1


PUBLISHED_CURRENTS_UA = {
    (100, 0.95): 23.44,
    (100, 1.05): 29.56,
    (80, 0.95): 19.44,
    (80, 1.05): 25.14,
    (60, 0.95): 16.00,
    (60, 1.05): 21.33,
}
"""Liao, He and Lepak 2005: °C and V, mean leakage of a gate at 65 nm."""


def test_leakage_follows_the_published_currents():
    model = scaling_table().leakage_by_voltage
    ours = {point: sum(model.currents(point[1], point[0] + 273.15)) for point in PUBLISHED_CURRENTS_UA}
    scale = PUBLISHED_CURRENTS_UA[100, 0.95] / ours[100, 0.95]  # its unit is arbitrary
    for point, current_ua in PUBLISHED_CURRENTS_UA.items():
        assert ours[point] * scale == pytest.approx(current_ua, rel=0.003), point


def test_leakage_power_falls_faster_than_the_supply():
    assert leakage_voltage_factor(0.9, 0.9, 300) == 1
    half = leakage_voltage_factor(0.45, 0.9, 300)
    assert half < 0.25  # less than with the square
    sub, gate = leakage_voltage_factors(0.45, 0.9, 300)
    assert sub == pytest.approx(0.5 * exp(-466.4029 * 0.45 / 300))
    assert gate == pytest.approx(0.5 * exp(-6.28153 * 0.45))
    assert gate < half < sub


def test_leakage_has_two_anchored_temperatures():
    assert leakage_temperature_factors(45, "lop", 360, 360) == (1.0, 1.0)
    sub, gate = leakage_temperature_factors(45, "lop", 360, 300)
    assert (1 / sub, 1 / gate) == (pytest.approx(3.151), pytest.approx(3.031))
    assert leakage_temperature_factors(45, "lstp", 300, 330)[0] == pytest.approx(12.87**0.5)
