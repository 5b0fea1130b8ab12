"""Bit columns of real weights: the engine's cycles by the published rules, and what pruning of columns guarantees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accel_sim import GemmLayer, Workload, load_hardware, simulate
from compress.load import load_workload
from tests.shared_files import shared_path
from tests.validation.bit_columns import rounded_average

Weights = NDArray[np.int64]


def bitwave_columns(group: Weights) -> int:
    """Bit columns of a group in sign-magnitude that are not zero; the sign's is taken besides (BitWave, HPCA 2024)."""
    return sum(bool((np.abs(group) >> bit & 1).any()) for bit in range(8))


def bitvert_columns(group: Weights) -> int:
    """Bit columns in two's complement that pruning leaves: not those below the sign that repeat it, nor those that are
    all zeros or all ones (BBS, MICRO 2024)."""
    bits = [group >> bit & 1 for bit in range(8)]
    while len(bits) > 1 and (bits[-1] == bits[-2]).all():
        bits.pop()
    return sum(bool(column.any() and not column.all()) for column in bits)


RULES = {"bitwave_like": (8, bitwave_columns), "bitvert_like": (16, bitvert_columns)}


def resnet20_layers() -> list[GemmLayer]:
    path = shared_path("data/weights/cifar10/resnet20.pth")
    layers = load_workload("compress.models:resnet20", weights=path).layers
    return [replace(layer, inputs=(), m=8, conv=None) for layer in layers if isinstance(layer, GemmLayer)]


@pytest.mark.parametrize("machine", RULES)
def test_multipliers_work_by_the_published_rule(machine: str) -> None:
    """Eight windows of every layer of ResNet-20 with its weights."""
    lanes, columns_of = RULES[machine]
    for layer in resnet20_layers():
        assert layer.weights is not None
        weights = layer.weights.astype(np.int64)[0]
        expected = sum(
            max(1, columns_of(weights[k : k + lanes, n])) * len(weights[k : k + lanes, n])
            for k in range(0, layer.k, lanes)
            for n in range(layer.n)
        )
        fields = {"buffers.unlimited_ports": True, "buffers.unlimited_capacity": True}
        result = simulate(Workload("one", (layer,)), load_hardware(machine, fields))
        assert result.layers[0].actions.array.multiplier_cycles == expected * layer.m, layer.name


GROUPS = st.lists(st.integers(-128, 127), min_size=16, max_size=16).map(lambda values: np.array(values)[None, :, None])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(GROUPS, st.sampled_from([2, 4]))
def test_rounded_averages_leave_so_many_columns_at_most(group: Weights, pruned: int) -> None:
    after = rounded_average(group, pruned)
    assert bitvert_columns(after[0, :, 0]) <= 8 - pruned
    assert np.abs(after - group).max() < 1 << pruned
    assert (np.abs(after - group).sum() == 0) <= (bitvert_columns(group[0, :, 0]) <= 8 - pruned)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(GROUPS)
def test_at_most_half_of_the_lanes_have_a_term_in_a_column(group: Weights) -> None:
    """The theorem that the PE's half as many adders rest on."""
    layer = GemmLayer("one", "gemm", 1, 1, 1, 16, weights=group.astype(np.int8))
    array = simulate(Workload("one", (layer,)), load_hardware("bitvert_like")).layers[0].actions.array
    assert array.busy_cycles <= array.multiplier_cycles / 2
