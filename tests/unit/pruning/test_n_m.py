"""N:M criteria: the pattern as the simulator checks it, and greedy choice by brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.operand_checks import check_n_m
from compress.graph.node import GemmView
from compress.integer_weights import integer_gemm_weights
from compress.pruning.criterion import PrunableLayer
from compress.pruning.n_m import n_m_obs
from compress.pruning.n_m.criterion import NmCriterion
from compress.pruning.n_m.n_m_magnitude import NmMagnitude
from compress.pruning.n_m.n_m_obs import NmObs
from compress.pruning.second_order import reconstruct
from tests.unit.pruning.layers import layer_of
from tests.unit.pruning.test_obs import best_move, damped

CRITERIA = (NmMagnitude, NmObs)


def simulator_weights(weight: torch.Tensor, groups: int) -> np.ndarray:
    """``(groups, k, n)`` as ``accel_sim`` gets them: (kernel row, column, channel), channel fastest."""
    n = len(weight) // groups
    rows = weight.reshape(groups, n, weight.shape[1], -1).permute(0, 3, 2, 1)
    return rows.reshape(groups, -1, n).numpy()


def check_exact(kept: torch.Tensor, keep: int, of: int) -> None:
    """In every group of ``of`` channels (the last may be shorter) exactly ``keep`` stay, or all if it has fewer."""
    for first in range(0, kept.shape[1], of):
        group = kept[:, first : first + of]
        assert (group.sum(dim=1) == min(keep, group.shape[1])).all()


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize("make", CRITERIA)
@settings(deadline=None, derandomize=True, max_examples=20)
@given(
    st.sampled_from([(1, 1, 1), (1, 3, 2), (2, 2, 1), (3, 1, 1)]),
    st.integers(1, 11),
    st.integers(1, 4),
    st.integers(2, 6),
    st.data(),
)
def test_pattern_is_exact_in_every_group(
    make: type[NmCriterion],
    swept: bool,
    form: tuple[int, int, int],
    channels: int,
    n: int,
    of: int,
    data: st.DataObject,
):
    groups, *kernel = form
    keep = data.draw(st.integers(1, of - 1))
    layer = layer_of(groups * n, channels, *kernel, groups=groups)
    criterion = make(keep, of)
    with pytest.MonkeyPatch.context() as patch:
        if swept:
            patch.setattr(n_m_obs, "EXACT_WORK", 0)
            patch.setattr(reconstruct, "EXACT_WORK", 0)
        mask = criterion.mask(layer, 0.0)
        new = criterion.update(layer, mask)
    check_exact(mask, keep, of)
    assert not new[~mask].any()
    integers = simulator_weights(mask.int(), groups)
    check_n_m(integers, keep, of, channels, "layer")


def test_the_simulators_weights_are_ordered_as_here():
    weight = torch.randn(4, 3, 2, 2)
    ours = simulator_weights(weight, 1)
    theirs = weight.permute(2, 3, 1, 0).reshape(1, 12, 4).numpy()
    np.testing.assert_array_equal(ours, theirs)
    linear = torch.tensor([[1.0, 2.0, 7.0]])
    found = integer_gemm_weights(linear.numpy(), GemmView(1, 1, 1, 3), 4)
    assert found is not None
    np.testing.assert_array_equal(found, simulator_weights(linear, 1))


def test_magnitude_keeps_the_best_pair_of_four():
    layer = layer_of(5, 8, 3, 3)
    kept = NmMagnitude(2, 4).mask(layer, 0.0)
    for index in itertools.product(range(5), (0, 4), range(3), range(3)):
        n, first, row, column = index
        four = layer.weight[n, first : first + 4, row, column].abs()
        best = max(itertools.combinations(range(4), 2), key=lambda pair: float(four[list(pair)].sum()))
        assert kept[n, first : first + 4, row, column].nonzero()[:, 0].tolist() == list(best)


def test_of_equal_weights_the_first_go():
    layer = PrunableLayer("x", torch.ones(1, 6))
    assert NmMagnitude(1, 4).mask(layer, 0.0).tolist() == [[False, False, False, True, False, True]]


@pytest.mark.parametrize(("keep", "of", "channels"), [(2, 4, 8), (1, 3, 5), (1, 2, 4)])
def test_obs_takes_the_cheapest_whose_group_is_not_done(keep: int, of: int, channels: int):
    layer = layer_of(2, channels, 1, 2, seed=9)
    h = damped(layer.statistics.input_moments[0].numpy())
    mask = NmObs(keep, of).mask(layer, 0.0)
    new = NmObs(keep, of).update(layer, mask)
    # inputs in PyTorch's order: (channel, column)
    group_of = [(i % 2, i // 2 // of) for i in range(2 * channels)]
    for row in range(2):
        w, live = layer.weight[row].flatten().double().numpy(), list(range(2 * channels))
        while True:
            open_ = [q for q in live if sum(group_of[i] == group_of[q] for i in live) > keep]
            if not open_:
                break
            trials = [(best_move(w, [i for i in live if i != q], h), q) for q in open_]
            (w, _), q = min(trials, key=lambda trial: trial[0][1])
            live.remove(q)
        assert mask[row].flatten().nonzero()[:, 0].tolist() == live
        np.testing.assert_allclose(new[row].flatten().numpy(), w, rtol=1e-3, atol=1e-4)


def test_swept_groups_are_chosen_with_the_weights_before_them_settled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(n_m_obs, "EXACT_WORK", 0)
    layer = layer_of(3, 10, seed=4)
    h, w = damped(layer.statistics.input_moments[0].numpy()), layer.weight.double().numpy().copy()
    kept = np.ones_like(w, bool)
    for column in range(10):
        if column % 4 == 0:
            stop = min(column + 4, 10)
            costs = [w[:, c] ** 2 / np.linalg.inv(h[c:, c:])[0, 0] for c in range(column, stop)]
            for row, values in enumerate(np.stack(costs, axis=1)):
                kept[row, column + np.argsort(values, kind="stable")[: max(0, stop - column - 2)]] = False
        inverse = np.linalg.inv(h[column:, column:])
        error = np.where(kept[:, column], 0, w[:, column]) / inverse[0, 0]
        w[:, column:] -= np.outer(error, inverse[0])
    np.testing.assert_array_equal(NmObs(2, 4).mask(layer, 0.0).numpy(), kept)
