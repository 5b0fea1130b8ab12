"""The fast engine against the reference engine: cycles of every tile, counts, traffic; outputs against NumPy."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dynamic.cases import ACTIVATION_SPARSITY, ARITHMETIC, WEIGHT_SPARSITY, random_case
from tests.unit.dynamic.check import check_case
from tests.unit.reference.cases import BIDIRECTIONAL

SEEDS = st.integers(0, 2**32 - 1)
VALIDATED = 10_000
FIRST_VALIDATED = 10**9


@settings(max_examples=300, deadline=None, derandomize=True)
@given(SEEDS)
def test_values_decide(seed: int) -> None:
    check_case(random_case(seed))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(SEEDS)
def test_constant_beats(seed: int) -> None:
    check_case(random_case(seed, constant=True))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(SEEDS, st.sampled_from([1, 2, 3, 5, 8]))
def test_bidirectional_bit_columns(seed: int, lanes: int) -> None:
    check_case(random_case(seed, **BIDIRECTIONAL, lanes=lanes, precision="layer"))


@pytest.mark.validate
@pytest.mark.parametrize("constant", [False, True])
def test_many(constant: bool, capsys: pytest.CaptureFixture[str]) -> None:
    for done in range(VALIDATED):
        check_case(random_case(FIRST_VALIDATED + done, constant=constant))
        if (done + 1) % 1000 == 0:
            with capsys.disabled():
                print(f"\n{done + 1} of {VALIDATED} cases{' with constant beats' if constant else ''} agree", end="")


def test_the_cases_cover_the_machine() -> None:
    seen: dict[str, set[object]] = defaultdict(set)
    for seed in range(400):
        case = random_case(seed)
        array, layer, tiling = case.hardware.array, case.layer, case.tiling
        sparsity = getattr(array.weight_sparsity, "kind", array.weight_sparsity)
        zeros = (array.dataflow, sparsity, array.activation_sparsity)
        seen["zeros"].add(zeros)
        seen["arithmetic"].add((array.dataflow, array.arithmetic, array.precision))
        seen["overlap"].add((array.dataflow, array.fold_overlap, array.edge_folds))
        seen["window"].add((array.arithmetic, array.term_window))
        seen["arrays"].add((array.dataflow, array.arrays, tiling.array_dim))
        seen["tiles"].add(
            (tiling.loop_order, tiling.tile_m < layer.m, tiling.tile_n < layer.n, tiling.tile_k < layer.k)
        )
        seen["bits"].add((layer.a_bits, layer.w_bits))
        seen["conv"].add((layer.conv is not None, layer.groups))
    assert seen["zeros"] == {
        (d, w, a) for d in WEIGHT_SPARSITY for w in WEIGHT_SPARSITY[d] for a in ACTIVATION_SPARSITY[d]
    }
    assert {arithmetic for _, arithmetic, _ in seen["arithmetic"]} == set(ARITHMETIC)
    assert len(seen["arithmetic"]) == 3 * (len(ARITHMETIC) + 4)
    assert len(seen["overlap"]) == 3 * 3 * 2
    assert len(seen["window"]) == len(ARITHMETIC) + 2 * 4
    assert len(seen["arrays"]) >= 3 * 4 * 2
    assert {cuts for _, *cuts_ in seen["tiles"] for cuts in [tuple(cuts_)]} >= {
        (True, True, True),
        (False, False, True),
    }
    assert {order for order, *_ in seen["tiles"]} == {"mnk", "mkn", "nmk", "nkm", "kmn", "knm"}
    assert {1, 16} <= {bits for pair in seen["bits"] for bits in pair}
    assert len(seen["conv"]) == 2 * 3
