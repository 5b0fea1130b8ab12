"""What is refused, and how it is said."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.errors import HardwareError, WorkloadError
from accel_sim.hardware.schema import ArrayConfig, NmSparsity
from accel_sim.reference import ArraySpec, run_reference


def refuse(a: np.ndarray, w: np.ndarray, **fields: object) -> str:
    with pytest.raises(WorkloadError) as error:
        run_reference(a, w, ArraySpec(rows=2, cols=2, **fields), layer="conv1")
    return str(error.value)


def test_operands_that_do_not_fit_their_bits() -> None:
    a, w = np.zeros((2, 3), int), np.ones((3, 2), int)
    a[1, 2] = 16
    assert refuse(a, w, a_bits=4) == (
        "layer conv1: activations[0, 1, 2] is 16; allowed for 4-bit unsigned operands: 0 to 15"
    )
    w[2, 0] = -9
    assert refuse(a, w, a_bits=8, w_bits=4) == (
        "layer conv1: weights[0, 2, 0] is -9; allowed for 4-bit signed operands: -8 to 7"
    )
    assert "allowed: integers" in refuse(a * 1.5, w)


def test_a_signed_one_bit_weight_has_no_zero() -> None:
    message = refuse(np.ones((2, 3), int), np.array([[1, -1], [1, 0], [1, 1]]), w_bits=1)
    assert message == "layer conv1: weights[0, 1, 1] is 0; allowed for 1-bit signed operands: -1 or 1"


def test_weights_that_break_the_pattern() -> None:
    w = np.zeros((8, 3), int)
    w[[0, 2], 1] = 1
    w[[4, 5, 7], 2] = (3, 4, 5)
    message = refuse(np.ones((2, 8), int), w, weight_sparsity="n_m", nm_keep=2, nm_of=4, lanes=2)
    assert message == (
        "layer conv1: weights[0, 7, 2] is 5, non-zero number 3 of k 4 to 7; allowed: 2 of 4 consecutive k"
    )


def test_shapes() -> None:
    assert "allowed: (groups, m, k) and (groups, k, n)" in refuse(np.ones((2, 3), int), np.ones((2, 2), int))
    assert "no size may be 0" in refuse(np.ones((0, 3), int), np.ones((3, 2), int))


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"weight_sparsity": "n_m", "nm_keep": 2, "nm_of": 4, "lanes": 3}, "array.lanes: 3"),
        ({"weight_sparsity": "n_m", "dataflow": "is"}, "array.weight_sparsity: n_m"),
        ({"weight_sparsity": "pack_columns", "dataflow": "os"}, "array.weight_sparsity: pack_columns"),
        ({"activation_sparsity": "skip_waves", "dataflow": "is"}, "array.activation_sparsity"),
        ({"term_window": 1, "arithmetic": "term_serial_both"}, "array.term_window: 1"),
        ({"precision": "dynamic", "arithmetic": "fused"}, "array.precision: dynamic"),
        ({"fifo_depth": 0}, "array.fifo_depth: 0"),
        ({"bricks": 0, "arithmetic": "fused"}, "array.bricks: 0"),
        ({"digit_bits": 0, "arithmetic": "serial_act"}, "array.digit_bits: 0"),
    ],
)
def test_machines_that_cannot_be_built(fields: dict[str, object], part: str) -> None:
    with pytest.raises(HardwareError, match=part):
        ArraySpec(rows=2, cols=2, **fields)


def test_spec_of_a_hwconfig() -> None:
    array = ArrayConfig(rows=4, cols=8, lanes=4, weight_sparsity=NmSparsity(kind="n_m", keep=2, of=4), fifo_depth=3)
    spec = ArraySpec.from_array(array, a_bits=4, w_bits=6, a_signed=True, w_signed=True)
    assert (spec.rows, spec.cols, spec.lanes, spec.fifo_depth) == (4, 8, 4, 3)
    assert (spec.weight_sparsity, spec.nm_keep, spec.nm_of) == ("n_m", 2, 4)
    assert (spec.a_bits, spec.w_bits) == (4, 6)
