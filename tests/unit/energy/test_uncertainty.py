"""Draws of the constants: their distribution, what they leave alone, and verdicts that can be told beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim import gemm, load_hardware, simulate
from accel_sim.energy.uncertainty import DRAM_NAME, _triangular, dram_range, interval, sample_energies, swings
from accel_sim.hardware.schema import Hardware
from accel_sim.uncertain_comparison import compare_uncertain

WORK = gemm(64, 32, 128)
SURE_TABLE = {
    f"energy.overrides.{name}": value
    for name, value in {"register_pj_per_bit": 0.009, "sram_energy_ratio": 1.0, "multiply_8x8_pj": 0.2}.items()
}


def load(name: str = "dense_int8_8x8", **fields: object) -> Hardware:
    return load_hardware(name, {field.replace("__", "."): value for field, value in fields.items()})


def test_the_distribution_has_its_ends_and_its_peak() -> None:
    places = np.linspace(0, 1, 100_001)
    drawn = _triangular(places, 0.1, 0.2, 0.79)
    assert drawn[0] == pytest.approx(0.1)
    assert drawn[-1] == pytest.approx(0.79)
    counts, edges = np.histogram(np.log(drawn), bins=40)
    peak = np.argmax(counts)
    assert edges[peak] <= np.log(0.2) <= edges[peak + 1] + 0.06
    # the mean of a triangular distribution is that of its corners
    assert np.log(drawn).mean() == pytest.approx(np.log([0.1, 0.2, 0.79]).mean(), rel=1e-4)
    assert _triangular(places, 0.0, 0.1, 0.25).mean() == pytest.approx(0.35 / 3, rel=1e-4)
    assert set(_triangular(places, 1.0, 1.0, 1.0)) == {1.0}


def test_samples_are_reproducible_and_around_the_value() -> None:
    hardware = load()
    result = simulate(WORK, hardware)
    first, again = (sample_energies([result], [hardware], 400, 3)[0] for _ in range(2))
    other = sample_energies([result], [hardware], 400, 4)[0]
    assert np.array_equal(first.components, again.components)
    assert not np.array_equal(first.components, other.components)
    whole = interval(first.total_pj)
    assert whole.low < result.total.energy_pj.total < whole.high
    assert first.total_pj == pytest.approx(first.components.sum(axis=1))
    assert first.of("dram").min() >= result.total.energy_pj.dram * 4 / 8
    assert first.of("dram").max() <= result.total.energy_pj.dram * 20 / 8


def test_what_is_overridden_is_sure() -> None:
    hardware = load(**{name.replace(".", "__"): value for name, value in SURE_TABLE.items()})
    result = simulate(WORK, hardware)
    found = sample_energies([result], [hardware], 50, 0)[0]
    assert np.ptp(found.of("registers")) == 0
    assert np.ptp(found.of("activations_sram")) == 0
    assert found.of("registers")[0] == pytest.approx(result.total.energy_pj.registers)


def test_a_machine_against_itself() -> None:
    hardware = load()
    result = simulate(WORK, hardware)
    verdict = compare_uncertain([result, result], [hardware, hardware], 50, 0).verdicts[0]
    assert (verdict.ratio, verdict.interval.low, verdict.interval.high) == (1.0, 1.0, 1.0)
    assert all(swing.width == 0 for swing in verdict.swings)


def test_an_order_that_dram_decides_is_marked() -> None:
    """A machine with buffers too small moves more over DRAM; one with a dear vector of registers does not."""
    small = load(buffers__activations__kib=1, buffers__weights__kib=1, buffers__outputs__kib=1)
    work = gemm(256, 256, 256)
    roomy = load(array__acc_bits=48, energy__overrides={"register_pj_per_bit": 0.03})
    machines = [small, roomy]
    results = [simulate(work, one) for one in machines]
    found = compare_uncertain(results, machines, 200, 0).verdicts[0]
    by_name = {swing.name: swing for swing in found.swings}
    assert by_name[DRAM_NAME].at_low > by_name[DRAM_NAME].at_high
    crosses = by_name[DRAM_NAME].at_low > 1 > by_name[DRAM_NAME].at_high
    assert (DRAM_NAME in found.flips) == crosses
    assert not (found.flips and found.is_sure)


def test_swings_are_the_energies_at_the_ends() -> None:
    hardware = load()
    result = simulate(WORK, hardware)
    ends = {swing.name: swing for swing in swings([result], [hardware])[0]}
    low, value, high = dram_range(hardware)
    rest = result.total.energy_pj.total - result.total.energy_pj.dram
    assert ends[DRAM_NAME].at_low == pytest.approx(rest + result.total.energy_pj.dram * low / value)
    assert ends[DRAM_NAME].at_high == pytest.approx(rest + result.total.energy_pj.dram * high / value)
    dear = simulate(WORK, load(energy__overrides={"register_pj_per_bit": 0.016})).total.energy_pj.total
    assert ends["register_pj_per_bit"].at_high == pytest.approx(dear)
