"""Criteria of single weights: exact counts, ties, and each rule stated a second time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from accel_sim.errors import PolicyError
from compress.pruning.criterion import Granularity, LayerStatistics, PrunableLayer, pruned_count
from compress.pruning.element.level import Level
from compress.pruning.element.random_element import RandomElement
from compress.pruning.element.sensitivity import Sensitivity
from compress.pruning.element.splicing import Splicing
from compress.pruning.element.wanda import Wanda
from compress.pruning.registry import criteria
from tests.unit.pruning.layers import layer_of

SHAPES = [((4, 3), 1), ((1, 1), 1), ((4, 3, 3, 3), 1), ((6, 1, 3, 3), 6), ((4, 2, 1, 1), 2), ((3, 5, 1, 3), 1)]
NOMINAL = {"none", "sensitivity"}
"""Their rule is no ranking, so the ratio is no count."""


@pytest.mark.parametrize(("shape", "groups"), SHAPES)
@pytest.mark.parametrize("name", sorted(n for n, c in criteria().items() if c.granularity is Granularity.ELEMENT))
@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.5, 0.99])
def test_exactly_the_asked_count_goes_and_never_all(name: str, shape: tuple[int, ...], groups: int, ratio: float):
    layer = layer_of(*shape, groups=groups)
    before = layer.weight.clone()
    criterion = criteria()[name]()
    mask = criterion.mask(layer, ratio)
    assert mask.shape == layer.weight.shape
    assert mask.dtype == torch.bool
    assert mask.any()
    if name not in NOMINAL:
        assert int((~mask).sum()) == pruned_count(ratio, mask.numel())
    new = criterion.update(layer, mask)
    assert new.dtype == torch.float32
    assert not new[~mask].any()
    assert torch.equal(layer.weight, before)
    assert torch.equal(criterion.mask(layer, ratio), mask)
    if ratio == 0:
        torch.testing.assert_close(new, layer.weight)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=24), st.floats(0, 0.999))
def test_level_takes_the_smallest_and_of_ties_the_first(values: list[int], ratio: float):
    layer = PrunableLayer("x", torch.tensor([values], dtype=torch.float32))
    order = sorted(range(len(values)), key=lambda i: (abs(values[i]), i))
    gone = set(order[: min(math.floor(ratio * len(values) + 0.5), len(values) - 1)])
    assert Level().mask(layer, ratio)[0].tolist() == [i not in gone for i in range(len(values))]


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.83])
def test_level_equals_pytorch(ratio: float):
    module = nn.Conv2d(7, 5, 3)
    ours = Level().mask(PrunableLayer("x", module.weight.detach().clone()), ratio)
    prune.l1_unstructured(module, "weight", amount=ratio)
    assert torch.equal(ours, module.weight_mask.bool())


def test_random_is_as_pytorch_counts_it_nested_seeded_and_even():
    module = nn.Linear(31, 17)
    weight = module.weight.detach().clone()
    layer = PrunableLayer("x", weight, seed=4)
    half, more = (RandomElement().mask(layer, ratio) for ratio in (0.5, 0.7))
    prune.random_unstructured(module, "weight", amount=0.5)
    assert int(half.sum()) == int(module.weight_mask.sum())
    assert not (more & ~half).any()
    assert not torch.equal(half, RandomElement().mask(PrunableLayer("x", weight, seed=5), 0.5))
    shares = torch.stack([RandomElement().mask(PrunableLayer("x", weight, seed=s), 0.5) for s in range(400)]).float()
    # a share of 400 draws is 0.5 ± 0.025; six deviations for 527 weights
    assert (shares.mean(0) - 0.5).abs().max() < 0.15


def gaussian_weights(count: int) -> torch.Tensor:
    """The quantiles of a normal distribution: as normal as ``count`` numbers can be."""
    probability = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return (0.07 * math.sqrt(2) * torch.erfinv(2 * probability - 1)).float().reshape(100, -1)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.7, 0.9])
def test_sensitivity_takes_the_ratio_of_a_normal_layer(ratio: float):
    mask = Sensitivity().mask(PrunableLayer("x", gaussian_weights(10_000)), ratio)
    assert float((~mask).float().mean()) == pytest.approx(ratio, abs=2e-3)


def test_sensitivity_is_a_threshold_in_deviations():
    weight = torch.tensor([[0.1, -0.2, 0.3, -4.0]])
    deviation = float(np.std(weight.numpy()))
    ratio = math.erf(0.15 / deviation / math.sqrt(2))  # the threshold is 0.15
    mask = Sensitivity().mask(PrunableLayer("x", weight), ratio)
    assert mask.tolist() == [[False, True, True, True]]


@pytest.mark.parametrize("weight", [torch.full((3, 4), 0.5), torch.tensor([[2.0]]), torch.tensor([[-1.0, 1.0]])])
def test_sensitivity_leaves_a_layer_something(weight: torch.Tensor):
    assert Sensitivity().mask(PrunableLayer("x", weight), 0.999).any()


def wanda_rows(weight: np.ndarray, norms: np.ndarray, ratio: float) -> np.ndarray:
    """The rule as its authors write it: of each row the first ``cols · ratio`` in ascending order of the metric."""
    metric = np.abs(weight) * norms
    mask = np.ones(weight.shape, bool)
    for row, values in enumerate(metric):
        mask[row, np.argsort(values, kind="stable")[: int(weight.shape[1] * ratio)]] = False
    return mask


def test_wanda_compares_within_each_output():
    layer = layer_of(6, 4, 5, 1, seed=7)
    norms = layer.statistics.input_moments[0].diagonal().sqrt().numpy()
    expected = wanda_rows(layer.weight.flatten(1).numpy(), norms, 0.6)
    np.testing.assert_array_equal(Wanda().mask(layer, 0.6).flatten(1).numpy(), expected)


def test_wanda_uses_its_groups_inputs():
    weight = torch.ones(4, 2)[:, :, None, None]
    moments = torch.stack([torch.diag(torch.tensor([1.0, 4.0])), torch.diag(torch.tensor([9.0, 2.0]))])
    layer = PrunableLayer("x", weight, groups=2, statistics=LayerStatistics(input_moments=moments.double()))
    assert Wanda().mask(layer, 0.5)[:, :, 0, 0].tolist() == [[False, True], [False, True], [True, False], [True, False]]


def test_what_does_not_divide_goes_where_it_counts_least():
    weight = torch.tensor([[1.0, 8.0, 9.0], [2.0, 3.0, 9.0], [4.0, 5.0, 9.0]])
    layer = PrunableLayer("x", weight, statistics=LayerStatistics(input_moments=torch.eye(3)[None]))
    assert Wanda().mask(layer, 4 / 9).tolist() == [[False, True, True], [False, False, True], [False, True, True]]


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 50), st.floats(0.01, 0.99))
def test_splicing_asks_importance_only_between_its_thresholds(seed: int, ratio: float):
    layer = layer_of(6, 8, seed=seed)
    magnitude = layer.weight.abs().numpy().ravel()
    importance = magnitude * np.tile(layer.statistics.input_moments[0].diagonal().sqrt().float().numpy(), 6)
    count = pruned_count(ratio, 48)
    kept = Splicing().mask(layer, ratio).numpy().ravel()
    if count == 0:
        assert kept.all()
        return
    threshold = np.sort(magnitude)[count - 1]
    low, high = magnitude < 0.9 * threshold, magnitude > 1.1 * threshold
    between = ~low & ~high
    assert not kept[low].any()
    assert kept[high].all()
    if (between & kept).any() and (between & ~kept).any():
        assert importance[between & ~kept].max() <= importance[between & kept].min()


@pytest.mark.parametrize("criterion", [Wanda(), Splicing()])
def test_inputs_must_have_been_measured(criterion: Wanda | Splicing):
    with pytest.raises(
        PolicyError, match="layer conv: this algorithm needs the moments of its input; none were collected"
    ):
        criterion.mask(PrunableLayer("conv", torch.ones(2, 2)), 0.5)
