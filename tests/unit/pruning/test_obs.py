"""Second-order pruning against brute force: every removal tried, every update solved from scratch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.errors import PolicyError
from compress.pruning.criterion import PrunableLayer, pruned_count
from compress.pruning.element.level import Level
from compress.pruning.element.obs import Obs
from compress.pruning.second_order import reconstruct, selection
from compress.pruning.second_order.hessian import DAMPING, Problem
from tests.unit.pruning.layers import input_rows, layer_of


def damped(moments: np.ndarray) -> np.ndarray:
    return moments + DAMPING * np.trace(moments) / len(moments) * np.eye(len(moments))


def best_move(w: np.ndarray, live: list[int], h: np.ndarray) -> tuple[np.ndarray, float]:
    """The weights with support ``live`` closest to ``w`` in h's norm, by least squares on h's square root."""
    root = np.linalg.cholesky(h).T
    new = np.zeros_like(w)
    if live:
        new[live] = np.linalg.lstsq(root[:, live], root @ w, rcond=None)[0]
    return new, float(np.sum((root @ (new - w)) ** 2))


def brute_force(weight: np.ndarray, h: np.ndarray, count: int) -> np.ndarray:
    """Weights ``(n, k)`` after ``count`` removals, each time the one that raises the error least."""
    weight = weight.copy()
    live = [list(range(weight.shape[1])) for _ in weight]
    for _ in range(count):
        trials = [
            (*best_move(weight[row], [i for i in live[row] if i != q], h)[::-1], row, q)
            for row in range(len(weight))
            for q in live[row]
        ]
        _, new, row, q = min(trials, key=lambda trial: trial[0])
        weight[row] = new
        live[row].remove(q)
    return weight


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.integers(1, 3), st.integers(1, 7), st.floats(0, 0.99), st.integers(0, 99))
def test_mask_and_update_are_those_of_brute_force(n: int, k: int, ratio: float, seed: int):
    layer = layer_of(n, k, seed=seed)
    h = damped(layer.statistics.input_moments[0].numpy())
    expected = brute_force(layer.weight.double().numpy(), h, pruned_count(ratio, n * k))
    mask = Obs().mask(layer, ratio)
    np.testing.assert_array_equal(mask.numpy(), expected != 0)
    np.testing.assert_allclose(Obs().update(layer, mask).numpy(), expected, rtol=1e-4, atol=1e-5)


def test_one_removal_is_the_closed_form_of_obs():
    layer = layer_of(1, 6, seed=3)
    w, inverse = layer.weight[0].double().numpy(), np.linalg.inv(damped(layer.statistics.input_moments[0].numpy()))
    q = int(np.argmin(w**2 / np.diag(inverse)))
    mask = Obs().mask(layer, 1 / 6)
    assert (~mask).nonzero().tolist() == [[0, q]]
    moved = w - w[q] / inverse[q, q] * inverse[:, q]
    moved[q] = 0
    np.testing.assert_allclose(Obs().update(layer, mask)[0].numpy(), moved, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "groups"), [((6, 2, 3, 3), 2), ((5, 1, 3, 3), 5), ((4, 3, 2, 1), 1), ((4, 1, 1, 1), 4)]
)
def test_grouped_convolutions_are_separate_problems(shape: tuple[int, ...], groups: int):
    layer = layer_of(*shape, groups=groups)
    mask = Obs().mask(layer, 0.4)
    assert int((~mask).sum()) == pruned_count(0.4, mask.numel())
    new = Obs().update(layer, mask)
    n = shape[0] // groups
    for group in range(groups):
        h = damped(layer.statistics.input_moments[group].numpy())
        for row in range(group * n, (group + 1) * n):
            live = mask[row].flatten().nonzero()[:, 0].tolist()
            expected, _ = best_move(layer.weight[row].flatten().double().numpy(), live, h)
            np.testing.assert_allclose(new[row].flatten().numpy(), expected, rtol=1e-3, atol=1e-4)


def test_inputs_that_are_always_zero_go_first():
    rows = input_rows(1, 6)[0]
    rows[:, 2] = 0
    layer = layer_of(3, 6)
    layer.statistics.input_moments[0] = rows.T @ rows / len(rows)
    assert (~Obs().mask(layer, 3 / 18)).nonzero().tolist() == [[0, 2], [1, 2], [2, 2]]


def test_without_any_input_it_is_magnitude():
    layer = layer_of(3, 6)
    layer.statistics.input_moments.zero_()
    torch.testing.assert_close(Obs().mask(layer, 0.5), Level().mask(layer, 0.5))
    torch.testing.assert_close(Obs().update(layer, Level().mask(layer, 0.5)), layer.weight * Level().mask(layer, 0.5))


def sparsegpt_by_the_book(weight: np.ndarray, h: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Column by column: each removal is OBS with the inverse Hessian of this column and those behind it."""
    weight = weight.copy()
    for column in range(weight.shape[1]):
        inverse = np.linalg.inv(h[column:, column:])
        error = np.where(kept[:, column], 0, weight[:, column]) / inverse[0, 0]
        weight[:, column:] -= np.outer(error, inverse[0])
    return weight * kept


def test_large_layers_are_swept_as_in_sparsegpt(monkeypatch: pytest.MonkeyPatch):
    layer = layer_of(4, 300, seed=5)
    monkeypatch.setattr(selection, "EXACT_WORK", 0)
    monkeypatch.setattr(reconstruct, "EXACT_WORK", 0)
    mask = Obs().mask(layer, 0.37)
    assert int((~mask).sum()) == pruned_count(0.37, 1200)
    h = damped(layer.statistics.input_moments[0].numpy())
    w = layer.weight.double().numpy()
    expected = sparsegpt_by_the_book(w, h, mask.numpy())
    np.testing.assert_allclose(Obs().update(layer, mask).numpy(), expected, rtol=1e-3, atol=1e-3)
    # the first 128 columns are chosen from the weights as they are
    inverse = np.linalg.inv(h)
    costs = np.stack([w[:, c] ** 2 / np.linalg.inv(h[c:, c:])[0, 0] for c in range(128)], axis=1)
    assert not np.allclose(costs, w[:, :128] ** 2 / np.diag(inverse)[:128])
    gone = ~mask.numpy()[:, :128]
    assert gone.sum() == 128 * pruned_count(0.37, 1200) // 300
    assert costs[gone].max() <= costs[~gone].min()


def test_error_grows_from_exact_to_swept_to_magnitude(monkeypatch: pytest.MonkeyPatch):
    layer = layer_of(8, 40, seed=2)

    def error(weight: torch.Tensor) -> float:
        move = (weight - layer.weight).double()
        return float(torch.einsum("nk,kl,nl", move, layer.statistics.input_moments[0], move))

    exact = error(Obs().update(layer, Obs().mask(layer, 0.5)))
    monkeypatch.setattr(selection, "EXACT_WORK", 0)
    monkeypatch.setattr(reconstruct, "EXACT_WORK", 0)
    swept = error(Obs().update(layer, Obs().mask(layer, 0.5)))
    magnitude = error(layer.weight * Level().mask(layer, 0.5))
    assert exact < swept < magnitude


def test_columns_are_chosen_in_whole_counts_over_groups():
    problem = Problem(torch.randn(3, 2, 5, dtype=torch.float64), torch.eye(5, dtype=torch.float64).repeat(3, 1, 1))
    assert [int(selection.by_columns(problem, count, 1, 1).sum()) for count in range(30)] == list(range(30))


def test_moments_are_needed():
    with pytest.raises(PolicyError, match="layer x: second-order pruning needs the moments of its input"):
        Obs().mask(PrunableLayer("x", torch.ones(2, 2)), 0.5)
