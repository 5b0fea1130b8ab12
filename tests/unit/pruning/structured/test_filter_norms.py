"""Criteria that look at weights and batch norm alone: against NumPy, torch.nn.utils.prune and Torch-Pruning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch_pruning as tp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import prune

from accel_sim.errors import PolicyError
from compress.pruning.criterion import FilterCriterion, PrunableLayer
from compress.pruning.structured.batch_norm_scale import BatchNormScale
from compress.pruning.structured.bernoulli import Bernoulli
from compress.pruning.structured.fpgm import GeometricMedian
from compress.pruning.structured.l1_filter import L1Filter
from compress.pruning.structured.l2_filter import L2Filter
from compress.pruning.structured.random_filter import RandomFilter

NORMS: dict[type[FilterCriterion], int] = {L1Filter: 1, L2Filter: 2}


def removed_by_rule(scores: NDArray[np.floating], ratio: float) -> set[int]:
    """The rule once more: smallest first, then lowest index; half up; one stays."""
    count = min(int(np.floor(ratio * len(scores) + 0.5)), len(scores) - 1)
    return set(sorted(range(len(scores)), key=lambda i: (scores[i], i))[:count])


def removed(criterion: FilterCriterion, layer: PrunableLayer, ratio: float) -> set[int]:
    kept = criterion.kept_filters(layer, ratio)
    return set(np.flatnonzero(~kept.numpy()).tolist())


@st.composite
def layers(draw: st.DrawFn) -> PrunableLayer:
    """Integer weights, so that ties are common: 1×1, 3×3, depthwise, grouped, linear, one filter."""
    kind = draw(st.sampled_from(["conv", "pointwise", "depthwise", "grouped", "linear"]))
    outputs = draw(st.integers(1, 9))
    groups = {"depthwise": outputs, "grouped": 2}.get(kind, 1)
    outputs = 2 * outputs if kind == "grouped" else outputs
    inputs = 1 if kind == "depthwise" else draw(st.integers(1, 4))
    kernel = {"linear": (), "pointwise": (1, 1)}.get(kind, (3, 2))
    seed = draw(st.integers(0, 2**16))
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randint(-1, 2, (outputs, inputs, *kernel), generator=generator).float()
    gamma = torch.randint(-2, 3, (outputs,), generator=generator).float()
    return PrunableLayer("layer", weight, groups, batch_norm_scale=gamma, seed=seed)


def scores_by_numpy(criterion: FilterCriterion, layer: PrunableLayer) -> NDArray[np.floating]:
    rows = layer.weight.numpy().astype(np.float64).reshape(len(layer.weight), -1)
    if isinstance(criterion, GeometricMedian):
        return np.array([sum(np.linalg.norm(a - b) for b in rows) for a in rows])
    if isinstance(criterion, BatchNormScale):
        assert layer.batch_norm_scale is not None
        return np.abs(layer.batch_norm_scale.numpy())
    return np.linalg.norm(rows, ord=NORMS[type(criterion)], axis=1)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    layer=layers(),
    ratio=st.floats(0, 0.999),
    criterion=st.sampled_from([L1Filter(), L2Filter(), BatchNormScale()]),
)
def test_exactly_the_smallest_go_ties_by_lowest_index(
    layer: PrunableLayer, ratio: float, criterion: FilterCriterion
) -> None:
    assert removed(criterion, layer, ratio) == removed_by_rule(scores_by_numpy(criterion, layer), ratio)
    mask = criterion.mask(layer, ratio)
    assert mask.shape == layer.weight.shape
    assert mask.dtype == torch.bool
    assert torch.equal(mask.flatten(1).any(1), mask.flatten(1).all(1)), "a filter goes as a whole"
    assert mask.any()
    assert torch.equal(criterion.update(layer, mask), layer.weight * mask)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(layer=layers(), ratio=st.floats(0, 0.999))
def test_geometric_median_is_the_sum_of_distances(layer: PrunableLayer, ratio: float) -> None:
    scores = GeometricMedian().scores(layer).numpy()
    np.testing.assert_allclose(scores, scores_by_numpy(GeometricMedian(), layer), rtol=1e-12, atol=1e-12)
    assert removed(GeometricMedian(), layer, ratio) == removed_by_rule(scores, ratio)


def test_equal_filters_are_equally_near_the_median() -> None:
    """With so many filters that torch.cdist, left alone, would go through products and lose exact zeros."""
    weight = torch.randn(20, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    layer = PrunableLayer("conv", torch.cat([weight, weight, weight]))
    scores = GeometricMedian().scores(layer)
    np.testing.assert_allclose(scores.numpy(), scores_by_numpy(GeometricMedian(), layer), rtol=1e-12)
    assert torch.equal(scores[:20], scores[20:40])
    assert torch.equal(scores[:20], scores[40:])


@pytest.mark.parametrize("criterion", [L1Filter(), L2Filter()])
def test_same_filters_as_torch_prune(criterion: FilterCriterion) -> None:
    torch.manual_seed(3)
    conv = nn.Conv2d(5, 20, 3)
    layer = PrunableLayer("conv", conv.weight.detach().clone())
    pruned = prune.ln_structured(conv, "weight", amount=6, n=NORMS[type(criterion)], dim=0)
    assert torch.equal(criterion.mask(layer, 0.3), pruned.weight_mask.bool())


def importance_by_torch_pruning(importance: tp.importance.Importance) -> tuple[PrunableLayer, Tensor]:
    torch.manual_seed(4)
    model = nn.Sequential(nn.Conv2d(3, 12, 3), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 4, 3)).eval()
    nn.init.normal_(model[1].weight)
    dependencies = tp.DependencyGraph().build_dependency(model, torch.randn(1, 3, 8, 8))
    group = dependencies.get_pruning_group(model[0], tp.prune_conv_out_channels, idxs=list(range(12)))
    layer = PrunableLayer("0", model[0].weight.detach(), batch_norm_scale=model[1].weight.detach())
    return layer, importance(group)


@pytest.mark.parametrize(
    ("criterion", "importance", "power"),
    [
        (L1Filter(), tp.importance.MagnitudeImportance(p=1, group_reduction="first", normalizer=None), 1),
        (L2Filter(), tp.importance.MagnitudeImportance(p=2, group_reduction="first", normalizer=None), 2),
        (GeometricMedian(), tp.importance.FPGMImportance(p=1, group_reduction="first", normalizer=None), 1),
        (BatchNormScale(), tp.importance.BNScaleImportance(normalizer=None), 1),
    ],
)
def test_scores_are_torch_prunings(
    criterion: FilterCriterion, importance: tp.importance.Importance, power: int
) -> None:
    layer, expected = importance_by_torch_pruning(importance)
    scores = criterion.scores(layer)
    if isinstance(criterion, GeometricMedian):  # Torch-Pruning measures between |w|, the paper between w
        scores = criterion.scores(PrunableLayer("0", layer.weight.abs()))
    torch.testing.assert_close(scores.float() ** power, expected, rtol=1e-4, atol=1e-5)


def test_a_layer_without_batch_norm_is_named() -> None:
    with pytest.raises(PolicyError, match=r"^layer 'fc7': algorithm 'batch_norm_scale' needs a batch normalisation"):
        BatchNormScale().mask(PrunableLayer("fc7", torch.ones(3, 2)), 0.5)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(layer=layers(), ratio=st.floats(0, 0.999))
def test_bernoulli_keeps_an_exact_count_and_the_sum_of_expected_weights(layer: PrunableLayer, ratio: float) -> None:
    mask = Bernoulli().mask(layer, ratio)
    count = len(layer.weight)
    kept = mask.flatten(1).all(1)
    assert int(kept.sum()) == count - min(int(np.floor(ratio * count + 0.5)), count - 1)
    assert torch.equal(mask, Bernoulli().mask(layer, ratio)), "the same seed, the same filters"
    assert torch.equal(mask, RandomFilter().mask(layer, ratio))
    expected = layer.weight * (count / int(kept.sum())) * mask
    torch.testing.assert_close(Bernoulli().update(layer, mask), expected)


def test_bernoulli_expects_the_weights_as_they_were() -> None:
    weight = torch.arange(1.0, 11.0)[:, None]
    runs = 4000
    total = torch.zeros_like(weight)
    for seed in range(runs):
        layer = PrunableLayer("fc", weight, seed=seed)
        total += Bernoulli().update(layer, Bernoulli().mask(layer, 0.3))
    # One filter's weight is 10/7 with probability 0.7: standard deviation 0.65, 0.0104 of the mean over 4,000 draws.
    torch.testing.assert_close(total / runs / weight, torch.ones_like(weight), rtol=0, atol=4 * 0.0104)


def test_seeds_draw_different_filters() -> None:
    masks = {
        tuple(RandomFilter().kept_filters(PrunableLayer("c", torch.ones(16, 1), seed=s), 0.5).tolist())
        for s in range(20)
    }
    assert len(masks) > 15
