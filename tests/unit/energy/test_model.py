from __future__ import annotations

import time
from dataclasses import fields

import pytest

from accel_sim.energy.area import area_breakdown
from accel_sim.energy.estimate import pe_estimate
from accel_sim.energy.model import energy_model, layer_energy
from accel_sim.energy.pe import pe_register_bits
from accel_sim.energy.tables import CONSTANT_NAMES, load_energy_table
from accel_sim.errors import HardwareError
from accel_sim.hardware.schema import Hardware
from accel_sim.result import EnergyBreakdown
from tests.unit.energy.machines import DRAM_PJ_PER_BIT, actions, machine


def _energy(hardware: Hardware) -> EnergyBreakdown:
    return layer_energy(actions(), energy_model(hardware, DRAM_PJ_PER_BIT))


def test_components_by_hand():
    hardware = machine()
    model = energy_model(hardware, DRAM_PJ_PER_BIT)
    energy = layer_energy(actions(), model)
    assert energy.multiply == pytest.approx(60_000 * 0.2 + (40_000 + 7_000) * 0.02)
    assert energy.accumulate == pytest.approx(110_000 * 0.1)
    assert energy.registers == pytest.approx((800_000 + 3_200_000 + 64_000) * 0.009)
    assert energy.fifos == pytest.approx(12_000 * 0.018)
    assert energy.sparsity_logic == pytest.approx(900 * 0.03)
    assert energy.dram == 49_000 * 8 * 8.0
    assert energy.vector_unit == pytest.approx(1_234 * (0.05 + 48 * 0.009))
    sram = model.activations_sram
    assert energy.activations_sram == pytest.approx(1_000 * sram.read_pj + 300 * sram.write_pj)
    sram_mw = sram.leakage_mw + model.weights_sram.leakage_mw + model.outputs_sram.leakage_mw
    # 5000 cycles at 500 MHz are 10 µs; 1 mW for 1 µs is 1000 pJ
    assert energy.leakage == pytest.approx((64 * 16.11e-3 + sram_mw) * 10 * 1000)


def test_components_sum_to_the_total_exactly():
    energy = _energy(machine())
    parts = [getattr(energy, field.name) for field in fields(energy)]
    assert all(part > 0 for part in parts)
    assert energy.total == sum(parts)
    area = area_breakdown(machine())
    assert area.total == sum(getattr(area, field.name) for field in fields(area))
    assert area.to_dict()["total"] == area.total


def _observed(overrides: dict[str, float]) -> list[float]:
    """Energies and areas of machines and operands that together touch every constant."""
    figures: list[float] = []
    for native_bits, acc_bits in ((2, 8), (4, 16), (8, 32), (12, 12), (16, 24)):
        array = {"rows": 8, "cols": 8, "native_bits": native_bits, "acc_bits": acc_bits}
        hardware = machine(array=array, energy={"overrides": overrides})
        model = energy_model(hardware, DRAM_PJ_PER_BIT)
        figures += [layer_energy(actions(a_bits, 8), model).total for a_bits in range(1, 9)]
        figures.append(area_breakdown(hardware).total)
    for kind in (
        *({"arithmetic": "fused", "bricks": bricks} for bricks in (4, 16, 64)),
        {"arithmetic": "term_serial_act", "term_window": 1, "weight_sparsity": "pack_columns"},
        {"arithmetic": "serial_weight", "precision": "dynamic"},
    ):
        hardware = machine(array={"rows": 8, "cols": 8, **kind}, energy={"overrides": overrides})
        energy = layer_energy(actions(), energy_model(hardware, DRAM_PJ_PER_BIT))
        figures += [energy.total, area_breakdown(hardware).total]
    return figures


BASELINE = _observed({})


@pytest.mark.parametrize("name", CONSTANT_NAMES)
def test_every_constant_is_used_and_dearer_is_never_cheaper(name: str):
    value = load_energy_table("default_45nm").constants[name].value
    before, after = BASELINE, _observed({name: value * 1.02})
    assert before != after
    rises = all(high >= low for low, high in zip(before, after, strict=True))
    # A dearer 32×32 multiplier makes the line below 8 bits steeper; a larger fixed PE leaks less per area.
    assert rises or name in {"multiply_32x32_pj", "multiply_32x32_um2", "multiply_8x8_um2", "add_32_um2"}


def test_overrides_with_unknown_names():
    with pytest.raises(HardwareError, match="did you mean 'register_pj_per_bit'"):
        energy_model(machine(energy={"overrides": {"register_pj_per_bits": 1.0}}), DRAM_PJ_PER_BIT)


def test_more_bits_more_actions_more_time_are_never_cheaper():
    model = energy_model(machine(), DRAM_PJ_PER_BIT)
    energies = [layer_energy(actions(bits, bits), model).multiply for bits in range(1, 9)]
    assert energies == sorted(energies)
    slow, fast = (layer_energy(actions(cycles=cycles), model) for cycles in (6000, 5000))
    assert slow.leakage > fast.leakage
    assert slow.total - slow.leakage == pytest.approx(fast.total - fast.leakage)


def test_node_and_voltage_scale_the_logic_and_are_on_record():
    small = energy_model(machine(technology={"node_nm": 7, "voltage_v": 0.7}), DRAM_PJ_PER_BIT)
    factor = small.constants["add_32_pj"].factor
    assert factor == pytest.approx(0.0684, rel=0.01)
    assert small.lanes.at(8, 8).accumulate_pj == pytest.approx(0.1 * factor)
    assert small.activations_sram.read_pj < energy_model(machine(), DRAM_PJ_PER_BIT).activations_sram.read_pj
    low = energy_model(machine(technology={"voltage_v": 0.7}), DRAM_PJ_PER_BIT)
    assert low.lanes.at(8, 8).accumulate_pj < 0.1
    assert low.activations_sram == energy_model(machine(), DRAM_PJ_PER_BIT).activations_sram
    both = energy_model(machine(technology={"voltage_v": 0.7, "sram_voltage_v": 0.5}), DRAM_PJ_PER_BIT)
    assert both.lanes.at(8, 8) == low.lanes.at(8, 8)
    assert both.activations_sram.read_pj == pytest.approx(low.activations_sram.read_pj * (0.5 / 0.7) ** 2)
    assert both.leakage_mw < low.leakage_mw


def test_clock_and_temperature_change_leakage_alone():
    base, hot, slow = (
        energy_model(machine(technology=technology), DRAM_PJ_PER_BIT)
        for technology in ({}, {"temperature_k": 360.0}, {"clock_mhz": 250.0})
    )
    assert hot.leakage_mw > base.leakage_mw
    assert slow.leakage_mw == base.leakage_mw
    assert slow.leakage_pj_per_cycle == 2 * base.leakage_pj_per_cycle
    assert hot.lanes.at(8, 8) == base.lanes.at(8, 8)


def test_dense_pe_against_bit_fusions_synthesis():
    """What the head of the table says: 0.66 pJ and 754 µm² against 0.203 pJ and 511 µm²; nothing is tuned to it."""
    pe = pe_estimate(machine())
    assert pe.total_pj == pytest.approx(0.66)
    assert pe.total_pj / 0.203 == pytest.approx(3.2, abs=0.06)
    assert pe.area_um2 == pytest.approx(754, abs=1)
    assert pe.area_um2 / 511 == pytest.approx(1.5, abs=0.05)
    assert pe.leakage_uw == 16.11
    assert sum((pe.multiply_pj, pe.accumulate_pj, pe.registers_pj)) == pe.total_pj


def test_pe_estimate_of_wide_operands_counts_passes():
    narrow, wide = (pe_estimate(machine(), bits, 8) for bits in (8, 16))
    assert wide.multiply_pj == pytest.approx(2 * narrow.multiply_pj)


@pytest.mark.parametrize(
    ("array", "bits"),
    [
        ({}, 8 + 8 + 8 + 32),
        ({"fold_overlap": "none"}, 8 + 8 + 32),
        ({"dataflow": "os"}, 8 + 8 + 32 + 32),
        ({"lanes": 4}, 3 * 32 + 32),
        ({"fifo_depth": 3}, 56 + 2 * 32),
        ({"fifo_depth": 3, "dataflow": "os"}, 80 + 2 * 8),
        ({"arithmetic": "serial_act", "lanes": 4}, 4 * (1 + 8 + 8) + 32),
        ({"arithmetic": "serial_act", "digit_bits": 2}, 2 + 8 + 8 + 32),
        ({"arithmetic": "serial_act", "dataflow": "is"}, 8 + 8 + 8 + 32),
        ({"arithmetic": "serial_both", "dataflow": "os"}, 1 + 8 + 32 + 32),
        ({"arithmetic": "term_serial_act", "lanes": 4}, 4 * (8 + 8) + 32),
        ({"arithmetic": "fused"}, 32 + 32 + 32 + 32),
    ],
)
def test_registers_of_a_pe(array: dict, bits: int):
    assert pe_register_bits(machine(array=array).array) == bits


def test_area_grows_with_what_is_built():
    base = area_breakdown(machine())
    assert base.edge_logic == 0
    deep = area_breakdown(machine(array={"fifo_depth": 5}))
    assert deep.pe_array - base.pe_array == pytest.approx(64 * 4 * 32 * 5.98e-6)
    assert area_breakdown(machine(array={"rows": 16})).pe_array == pytest.approx(2 * base.pe_array)
    assert area_breakdown(machine(array={"arrays": 2})).vector_unit == pytest.approx(2 * base.vector_unit)
    assert area_breakdown(machine(technology={"node_nm": 65})).pe_array == pytest.approx(1.5 * base.pe_array)
    bigger = area_breakdown(machine(buffers={"weights": {"kib": 256.0}}))
    assert bigger.weights_sram > base.weights_sram
    assert bigger.outputs_sram == base.outputs_sram


def test_a_layer_takes_at_most_twenty_microseconds():
    model, layer = energy_model(machine(), DRAM_PJ_PER_BIT), actions()
    best = min(_seconds_per_call(layer, model) for _ in range(5))
    assert best < 20e-6


def _seconds_per_call(layer, model) -> float:
    start = time.perf_counter()
    for _ in range(500):
        layer_energy(layer, model)
    return (time.perf_counter() - start) / 500
