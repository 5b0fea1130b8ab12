from __future__ import annotations

from dataclasses import replace

import pytest

from accel_sim.energy.area import area_breakdown
from accel_sim.energy.gates import add_pj
from accel_sim.energy.model import energy_model, layer_energy
from accel_sim.energy.pe import pe_um2
from accel_sim.energy.sparsity import candidates, edge_um2, index_bits, serial_operands
from accel_sim.energy.tables import load_energy_table
from accel_sim.result import EnergyBreakdown
from tests.unit.energy.machines import DRAM_PJ_PER_BIT, actions, machine

VALUES = {name: constant.value for name, constant in load_energy_table("default_45nm").constants.items()}
N_M = {"kind": "n_m", "keep": 2, "of": 4}
DECODES_PJ = 900 * 0.03
A_BITS_READ, W_BITS_READ = 64_000, 32_000
MULTIPLICATIONS = 110_000
MEAN_TERMS = 60_000 / 110_000


def energy(**array) -> EnergyBreakdown:
    return layer_energy(actions(), energy_model(machine(array={"rows": 8, "cols": 8, **array}), DRAM_PJ_PER_BIT))


def test_names_of_the_registry():
    arrays = {kind: machine(array={"rows": 8, "cols": 8, "arithmetic": kind}).array for kind in ("parallel", "fused")}
    assert all(serial_operands(array) == "" for array in arrays.values())
    for kind, operands in (("serial_act", "a"), ("term_serial_weight", "w"), ("term_serial_both", "aw")):
        assert serial_operands(machine(array={"rows": 8, "cols": 8, "arithmetic": kind}).array) == operands
    assert candidates(machine(array={"rows": 8, "cols": 8, "lanes": 2, "weight_sparsity": N_M}).array) == 4
    assert index_bits(machine(array={"rows": 8, "cols": 8, "weight_sparsity": "pack_columns"}).array) == 3


@pytest.mark.parametrize(
    ("array", "expected_pj"),
    [
        ({}, 0),
        ({"weight_sparsity": "skip_rows", "activation_sparsity": "skip_waves"}, 0),
        ({"weight_sparsity": N_M, "lanes": 2}, MULTIPLICATIONS * 8 * 3 * 0.0017),
        ({"weight_sparsity": "pack_columns", "pack_limit": 4}, MULTIPLICATIONS * 8 * 3 * 0.0017),
        ({"arithmetic": "serial_act", "precision": "dynamic"}, A_BITS_READ * 0.0017),
        ({"arithmetic": "serial_weight", "precision": "dynamic"}, W_BITS_READ * 0.0017),
        ({"precision": "dynamic"}, (A_BITS_READ + W_BITS_READ) * 0.0017),
        ({"activation_sparsity": "gate"}, A_BITS_READ * 0.0017 + MULTIPLICATIONS * 0.009),
        ({"weight_sparsity": "gate"}, W_BITS_READ * 0.0017),
        ({"weight_sparsity": "gate", "dataflow": "is"}, W_BITS_READ * 0.0017 + MULTIPLICATIONS * 0.009),
        ({"arithmetic": "term_serial_act"}, A_BITS_READ * MEAN_TERMS * 0.0029),
        (
            {"arithmetic": "term_serial_act", "encoding": "csd"},
            A_BITS_READ * (MEAN_TERMS * 0.0029 + add_pj(VALUES, 8) / 8),
        ),
        ({"arithmetic": "term_serial_act", "dataflow": "is"}, 0),
        ({"arithmetic": "term_serial_weight", "encoding": "csd"}, W_BITS_READ * add_pj(VALUES, 8) / 8),
        ({"arithmetic": "term_serial_both", "dataflow": "os"}, A_BITS_READ * MEAN_TERMS * 0.0029),
    ],
    ids=str,
)
def test_sparsity_logic_by_hand(array: dict, expected_pj: float):
    assert energy(**array).sparsity_logic == pytest.approx(DECODES_PJ + expected_pj)


def test_a_layer_without_multiplications_has_no_terms():
    idle = actions()
    idle = replace(idle, array=replace(idle.array, multiplier_cycles=0, busy_cycles=0, gated_cycles=0, additions=0))
    model = energy_model(machine(array={"rows": 8, "cols": 8, "arithmetic": "term_serial_act"}), DRAM_PJ_PER_BIT)
    assert layer_energy(idle, model).sparsity_logic == pytest.approx(DECODES_PJ)


@pytest.mark.parametrize(
    "array",
    [
        {"precision": "dynamic"},
        {"arithmetic": "term_serial_act"},
        {"arithmetic": "term_serial_act", "encoding": "csd"},
        {"activation_sparsity": "gate"},
        {"arithmetic": "serial_both", "precision": "dynamic", "dataflow": "os"},
    ],
    ids=str,
)
def test_edge_logic_has_area_and_leaks(array: dict):
    hardware = machine(array={"rows": 8, "cols": 8, **array})
    assert edge_um2(VALUES, hardware.array) > 0
    assert area_breakdown(hardware).edge_logic == pytest.approx(edge_um2(VALUES, hardware.array) * 1e-6)
    plain = hardware.model_copy(
        update={"array": hardware.array.model_copy(update={"precision": "layer", "activation_sparsity": "none"})}
    )
    if plain != hardware:
        leakages = [energy_model(h, DRAM_PJ_PER_BIT).leakage_mw for h in (hardware, plain)]
        assert leakages[0] > leakages[1]


def test_choosing_an_activation_takes_area_in_every_pe():
    plain, n_m, packed = (
        pe_um2(VALUES, machine(array={"rows": 8, "cols": 8, "lanes": 2, **sparsity}).array)
        for sparsity in ({}, {"weight_sparsity": N_M}, {"weight_sparsity": "pack_columns"})
    )
    assert n_m - plain == pytest.approx(2 * (8 * 3 * 2.46 + 2 * 5.98))
    assert packed - plain == pytest.approx(2 * (8 * 7 * 2.46 + 3 * 5.98))
