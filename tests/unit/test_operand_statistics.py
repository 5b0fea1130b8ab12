"""Zeros, effectual bits, terms and widths against a count that takes every value apart on its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from accel_sim.errors import WorkloadError
from accel_sim.hardware.schema import NmSparsity
from accel_sim.operand_origin import operand_origin
from accel_sim.operand_statistics import OperandStatistics, layer_statistics, operand_statistics
from accel_sim.operands import layer_operands
from accel_sim.workload import ConvGeometry, GemmLayer, Workload, gemm


def ones(value: int, signed: bool) -> int:
    return f"{abs(value):b}".count("1")


def csd_terms(value: int, signed: bool) -> int:
    """Digits of the non-adjacent form, from the lowest."""
    value, count = abs(value), 0
    while value:
        if value & 1:
            count += 1
            value -= 2 - (value & 3)
        value >>= 1
    return count


def width(value: int, signed: bool) -> int:
    bits = 1
    while not (-(1 << bits - 1) <= value < 1 << bits - 1 if signed else value < 1 << bits):
        bits += 1
    return bits


def brute(values: NDArray[np.integer], signed: bool) -> tuple[float, ...]:
    flat = [int(v) for v in values.reshape(-1)]

    def mean(measure: Callable[[int, bool], int]) -> float:
        return sum(measure(v, signed) for v in flat) / len(flat)

    return flat.count(0) / len(flat), mean(ones), mean(csd_terms), mean(width)


def figures(part: OperandStatistics) -> tuple[float, ...]:
    return part.zeros, part.effectual_bits, part.csd_terms, part.width_bits


CONV = ConvGeometry(2, 6, 7, 2, 3, 2, 3, 4, stride_h=2, stride_w=2, pad_top=1, pad_left=1, dilation_h=1, dilation_w=2)


@pytest.mark.parametrize(
    ("a_bits", "a_signed"), [(8, False), (8, True), (5, True), (12, False), (16, True), (1, False)]
)
def test_against_brute_force(a_bits: int, a_signed: bool) -> None:
    conv = GemmLayer("c", "conv2d", 3, 2 * 3 * 4, 4, 12, a_bits=a_bits, w_bits=6, a_signed=a_signed, conv=CONV)
    plain = GemmLayer("p", "matmul", 2, 5, 3, 7, a_bits=a_bits, w_bits=16, a_signed=a_signed)
    for layer in (conv, plain):
        operands = layer_operands(layer, 7)
        a = np.stack([operands.activations(g) for g in range(layer.groups)])
        w = np.stack([operands.weights(g) for g in range(layer.groups)])
        found = layer_statistics(layer, seed=7)
        assert figures(found.activations) == pytest.approx(brute(a, a_signed))
        assert figures(found.weights) == pytest.approx(brute(w, True))
        assert (found.activations.values, found.weights.values) == (a.size, w.size)


def test_padding_is_told_apart() -> None:
    layer = GemmLayer("c", "conv2d", 3, 2 * 3 * 4, 4, 12, conv=CONV, activations=np.ones((2, 6, 6, 7), np.uint8))
    found = layer_statistics(layer).activations
    assert found.zeros == found.padding
    assert found.padding == pytest.approx(np.mean(layer_operands(layer, 0).activations(0) == 0))
    assert 0 < found.padding < 1
    assert layer_statistics(gemm(2, 2, 2).layers[0]).activations.padding == 0  # type: ignore[arg-type]


def test_one_signed_bit() -> None:
    weights = np.array([[[1, -1], [-1, -1]]], np.int8)
    layer = GemmLayer("x", "gemm", 1, 2, 2, 2, a_bits=1, w_bits=1, weights=weights)
    assert figures(layer_statistics(layer).weights) == (0, 1, 1, 1)


def test_operands_that_do_not_fit_are_refused() -> None:
    layer = GemmLayer("x", "gemm", 1, 2, 2, 2, w_bits=4, weights=np.full((1, 2, 2), 9))
    with pytest.raises(WorkloadError, match=r"layer x: weights\[0, 0, 0\] is 9"):
        layer_statistics(layer)


def test_drawn_weights_follow_the_machine_s_pattern() -> None:
    sparsity = NmSparsity(kind="n_m", keep=2, of=4)
    assert layer_statistics(gemm(2, 8, 16).layers[0], 0, sparsity).weights.zeros >= 0.5  # type: ignore[arg-type]


def test_a_network_in_all() -> None:
    first, second = (np.full((1, k, 2), value) for k, value in ((4, 0), (12, 3)))
    layers = (
        GemmLayer("a", "gemm", 1, 2, 2, 4, weights=first),
        GemmLayer("b", "gemm", 1, 2, 2, 12, weights=second, inputs=("a",)),
    )
    statistics = operand_statistics(Workload("net", layers), seed=2)
    assert statistics.total("weights").zeros == pytest.approx(8 / 32)
    assert statistics.total("weights").effectual_bits == pytest.approx(2 * 24 / 32)
    assert statistics.rows()["b"]["operands.weights.effectual_bits"] == 2
    assert statistics.origin == "given weights, activations drawn uniformly, seed 2"


def test_where_operands_come_from() -> None:
    weights = np.ones((1, 2, 2), np.int8)
    given = GemmLayer("a", "gemm", 1, 2, 2, 2, weights=weights, activations=weights)
    partly = GemmLayer("b", "gemm", 1, 2, 2, 2, activations=weights)
    metadata = {"weights": "real weights", "activations": "1 image of cifar10"}
    assert operand_origin(Workload("n", (given,), metadata), 0) == "real weights, 1 image of cifar10"
    assert operand_origin(Workload("n", (given, partly), metadata), 3) == (
        "real weights in 1 of 2 layers, 1 image of cifar10, the other weights drawn uniformly, seed 3"
    )
