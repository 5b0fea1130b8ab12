"""An explanation adds up, on every machine, and names the constants behind a price."""

from __future__ import annotations

from dataclasses import fields

import pytest

from accel_sim import gemm, load_hardware, simulate
from accel_sim.energy.items import energy_items, price_origins
from accel_sim.energy.model import energy_model, layer_energy
from accel_sim.hardware.load import list_builtins
from accel_sim.machine import build_machine
from accel_sim.result import EnergyBreakdown
from tests.unit.energy.machines import DRAM_PJ_PER_BIT, actions, machine


@pytest.mark.parametrize("name", list_builtins())
def test_items_add_up_to_the_energy_of_every_machine(name: str) -> None:
    hardware = load_hardware(name)
    layer = simulate(gemm(40, 24, 64, a_bits=6, w_bits=5), hardware).layers[0]
    model = build_machine(hardware).energy
    sums = dict.fromkeys((field.name for field in fields(EnergyBreakdown)), 0.0)
    for item in energy_items(layer.actions):
        sums[item.component] += item.count * item.price_of(model)
    assert sums == pytest.approx({name: getattr(layer.energy_pj, name) for name in sums}, rel=1e-12)


def test_every_action_is_in_an_item() -> None:
    model = energy_model(machine(), DRAM_PJ_PER_BIT)
    energy = layer_energy(actions(), model)
    assert sum(item.count * item.price_of(model) for item in energy_items(actions())) == pytest.approx(energy.total)
    assert all(item.count > 0 for item in energy_items(actions()))


def test_origins_of_prices_that_are_known() -> None:
    hardware = machine()
    multiply, vector, dram = price_origins(
        hardware,
        DRAM_PJ_PER_BIT,
        [
            lambda model: model.lanes.at(8, 8).multiply_pj,
            lambda model: model.vector_operation_pj,
            lambda model: model.dram_pj_per_bit,
        ],
    )
    assert [(one.constant.name, round(one.share, 3)) for one in multiply] == [("multiply_8x8_pj", 1.0)]
    # an addition of 16 bits (0.05 pJ) and 48 register bits of 0.009 pJ
    shares = {one.constant.name: one.share for one in vector}
    assert shares == pytest.approx({"register_pj_per_bit": 0.432 / 0.482, "add_16_pj": 0.05 / 0.482}, rel=1e-3)
    assert dram == ()
