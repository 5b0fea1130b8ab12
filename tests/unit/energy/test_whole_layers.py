"""Energies of whole layers on the machines that ship: what must hold whatever the constants are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from accel_sim import gemm, load_hardware, simulate
from accel_sim.result import EnergyBreakdown

SHAPE = {"m": 40, "n": 48, "k": 96}
SERIAL = {"stripes_like": "a", "unpu_like": "w", "loom_like": "aw"}
RNG = np.random.default_rng(0)


def energy(machine: str, overrides: dict | None = None, **work) -> EnergyBreakdown:
    result = simulate(gemm(**SHAPE, **work), load_hardware(machine, overrides or {}))
    return result.layers[0].energy_pj


def widths(machine: str, bits: int) -> dict[str, int]:
    return {f"{operand}_bits": bits for operand in SERIAL[machine]}


@pytest.mark.parametrize("machine", SERIAL)
def test_fewer_bits_never_cost_more_on_a_serial_machine(machine: str):
    layers = [energy(machine, **widths(machine, bits)) for bits in range(1, 9)]
    for fewer, more in itertools.pairwise(layers):
        assert fewer.multiply < more.multiply
        assert fewer.accumulate == more.accumulate
        assert fewer.total < more.total


@pytest.mark.parametrize("machine", ["stripes_like", "unpu_like"])
def test_half_the_bits_of_one_operand_save_less_than_half(machine: str):
    eight, four = (energy(machine, **widths(machine, bits)) for bits in (8, 4))
    assert four.total > 0.5 * eight.total


def test_a_fixed_pe_beats_a_fused_one_at_8_bit_and_loses_at_2():
    fixed = {"array.rows": 16, "buffers.activations.kib": 32, "buffers.weights.kib": 64, "buffers.outputs.kib": 16}
    pe = ("multiply", "accumulate", "registers")
    energies = {
        (name, bits): sum(getattr(energy(name, overrides, a_bits=bits, w_bits=bits), part) for part in pe)
        for name, overrides in (("bitfusion_like", {}), ("dense_int8_32x32", fixed))
        for bits in (8, 2)
    }
    assert energies["bitfusion_like", 8] > energies["dense_int8_32x32", 8]
    assert energies["bitfusion_like", 2] < 0.5 * energies["dense_int8_32x32", 2]


@pytest.mark.parametrize("machine", ["dense_int8_32x32", "dense_int8_32x32_os", "stripes_like"])
def test_gating_zero_weights_lowers_multiply_alone(machine: str):
    weights = RNG.integers(-128, 128, (SHAPE["k"], SHAPE["n"])) * (RNG.random((SHAPE["k"], SHAPE["n"])) < 0.5)
    activations = RNG.integers(0, 256, (SHAPE["m"], SHAPE["k"]))
    plain, gated = (
        energy(machine, {"array.weight_sparsity": sparsity}, weights=weights, activations=activations)
        for sparsity in ("none", "gate")
    )
    assert gated.multiply < plain.multiply
    assert gated.sparsity_logic > plain.sparsity_logic == 0
    for part in ("accumulate", "fifos", "activations_sram", "weights_sram", "outputs_sram", "dram"):
        assert getattr(gated, part) == pytest.approx(getattr(plain, part)), part
    assert gated.registers >= plain.registers


def test_gating_saves_as_much_of_multiply_as_there_are_zeros_but_for_the_idle_share():
    zeros = np.zeros((SHAPE["k"], SHAPE["n"]), int)
    ones = np.ones((SHAPE["m"], SHAPE["k"]), int)
    gate = {"array.weight_sparsity": "gate"}
    nothing = energy("dense_int8_32x32", gate, weights=zeros, activations=ones)
    everything = energy("dense_int8_32x32", gate, weights=zeros + 1, activations=ones)
    assert nothing.multiply == pytest.approx(0.1 * everything.multiply)


def test_term_serial_energy_follows_the_terms():
    weights = RNG.integers(-128, 128, (SHAPE["k"], SHAPE["n"]))
    by_ones = [
        energy("pragmatic_like", weights=weights, activations=np.full((SHAPE["m"], SHAPE["k"]), value)).multiply
        for value in (0b1, 0b11, 0b1111, 0b11111111)
    ]
    assert by_ones == pytest.approx([ones * by_ones[0] for ones in (1, 2, 4, 8)])


def test_pruned_rows_save_energy_where_they_save_steps():
    weights = RNG.integers(1, 128, (SHAPE["k"], SHAPE["n"]))
    pruned = weights * (np.arange(SHAPE["k"]) % 2)[:, None]
    for machine in ("vector_sparse", "term_serial_vector_sparse"):
        dense, sparse = (energy(machine, weights=matrix) for matrix in (weights, pruned))
        assert sparse.multiply == pytest.approx(0.5 * dense.multiply, rel=0.1)
        assert sparse.total < dense.total


def test_a_lane_that_waits_for_the_others_of_its_pe_idles():
    columns = np.tile([0b11111111, 0b1], SHAPE["k"] // 2)  # two lanes: eight terms, and one
    layers = {
        name: energy(
            "term_serial_vector_sparse", {"array.lanes": 2}, activations=np.broadcast_to(row, (SHAPE["m"], SHAPE["k"]))
        )
        for name, row in {"unequal": columns, "many": columns | 0xFF, "few": columns & 1}.items()
    }
    active, idle = layers["few"].multiply / 2, layers["unequal"].multiply - layers["many"].multiply * 9 / 16
    assert layers["many"].multiply == pytest.approx(16 * active)
    assert 0 < idle < 7 * active
