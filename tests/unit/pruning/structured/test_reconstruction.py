"""Channel criteria on explicit data: the same choices and weights without ever forming moments."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import Lasso, lars_path
from torch.nn import functional

from accel_sim.errors import PolicyError
from compress.pruning.criterion import Criterion, Granularity, LayerStatistics, PrunableLayer, pruned_count
from compress.pruning.structured.channel_reconstruction import ChannelReconstruction, channel_products
from compress.pruning.structured.greedy_reconstruction import GreedyReconstruction
from compress.pruning.structured.lasso_kernel import descend
from compress.pruning.structured.reconstruction import Reconstruction, lasso_factors

BOTH = [Reconstruction(), GreedyReconstruction()]


def explicit_case(
    outputs: int, channels: int, kernel: int, groups: int, rows: int, seed: int, linear: bool = False
) -> tuple[PrunableLayer, NDArray[np.float64]]:
    """A layer and the rows ``(groups, rows, k)`` that it reads; neighbouring channels are alike."""
    rng = np.random.default_rng(seed)
    k = channels * kernel * kernel
    x = rng.normal(size=(groups, rows, channels, kernel * kernel))
    x[:, :, 1:] = 0.6 * x[:, :, 1:] + 0.6 * x[:, :, :-1]
    x = x.reshape(groups, rows, k) * rng.uniform(0.2, 2, size=(groups, 1, k)) + 0.3
    shape = (outputs, channels) if linear else (outputs, channels, kernel, kernel)
    weight = torch.from_numpy(rng.normal(size=shape)).float()
    moments = torch.from_numpy(np.einsum("gri,grj->gij", x, x) / rows)
    return PrunableLayer("conv3", weight, groups, statistics=LayerStatistics(input_moments=moments)), x


def parts(layer: PrunableLayer, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(groups, channels, rows, filters)``: what each channel adds to the output."""
    groups, rows, k = x.shape
    channels = layer.weight.shape[1]
    weight = layer.weight.numpy().astype(np.float64).reshape(groups, -1, channels, k // channels)
    return np.einsum("grcp,gncp->gcrn", x.reshape(groups, rows, channels, -1), weight)


def kept_channels(mask: torch.Tensor, groups: int) -> NDArray[np.bool_]:
    """``(groups, channels)``; every filter of a group and every kernel position says the same."""
    by_group = mask.numpy().reshape(groups, mask.shape[0] // groups, mask.shape[1], -1)
    assert (by_group == by_group[:, :1, :, :1]).all()
    kept: NDArray[np.bool_] = by_group[:, 0, :, 0]
    return kept


CASES = [(6, 5, 3, 1, False), (8, 6, 1, 1, False), (4, 9, 1, 1, True), (6, 4, 2, 2, False), (1, 4, 3, 1, False)]


@pytest.mark.parametrize("case", CASES)
def test_products_are_those_of_the_outputs(case: tuple[int, int, int, int, bool]) -> None:
    outputs, channels, kernel, groups, linear = case
    layer, x = explicit_case(outputs, channels, kernel, groups, 200, 0, linear)
    added = parts(layer, x)
    expected = np.einsum("gcrn,gdrn->gcd", added, added) / x.shape[1]
    moments = layer.statistics.input_moments
    assert moments is not None
    np.testing.assert_allclose(channel_products(layer.weight, groups, moments).numpy(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("ratio", [0.25, 0.5, 0.8])
@pytest.mark.parametrize("criterion", BOTH)
def test_kept_weights_are_numpys_least_squares(
    criterion: Criterion, case: tuple[int, int, int, int, bool], ratio: float
) -> None:
    outputs, channels, kernel, groups, linear = case
    layer, x = explicit_case(outputs, channels, kernel, groups, 300, 1, linear)
    mask = criterion.mask(layer, ratio)
    kept = kept_channels(mask, groups)
    assert (kept.sum(1) == channels - pruned_count(ratio, channels)).all()
    updated = criterion.update(layer, mask).numpy().reshape(groups, outputs // groups, -1)
    weight = layer.weight.numpy().astype(np.float64).reshape(groups, outputs // groups, -1)
    for group in range(groups):
        columns = np.repeat(kept[group], kernel * kernel)
        solution, *_ = np.linalg.lstsq(x[group][:, columns], x[group] @ weight[group].T, rcond=None)
        np.testing.assert_allclose(updated[group][:, columns], solution.T, rtol=2e-3, atol=2e-3)
        assert not updated[group][:, ~columns].any()


@pytest.mark.parametrize("seed", range(4))
def test_greedy_removes_what_costs_the_output_least(seed: int) -> None:
    layer, x = explicit_case(6, 8, 2, 2, 150, seed)
    added = parts(layer, x)
    for ratio in (0.125, 0.5, 0.75):
        kept = kept_channels(GreedyReconstruction().mask(layer, ratio), 2)
        for group in range(2):
            gone: list[int] = []
            for _ in range(pruned_count(ratio, 8)):
                costs = {c: np.square(added[group, [*gone, c]].sum(0)).sum() for c in range(8) if c not in gone}
                gone.append(min(costs, key=lambda c: costs[c]))
            assert set(np.flatnonzero(~kept[group])) == set(gone)


def regression(layer: PrunableLayer, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The LASSO's variables ``(rows · filters, channels)`` and target, of the first group."""
    variables = parts(layer, x)[0].reshape(layer.weight.shape[1], -1).T
    return variables, variables.sum(1)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.0])
def test_coordinate_descent_is_scikit_learns_lasso(share: float) -> None:
    layer, x = explicit_case(5, 12, 2, 1, 100, 3)
    variables, target = regression(layer, x)
    gram, pull = variables.T @ variables / len(target), variables.T @ target / len(target)
    penalty = share * np.abs(pull).max()
    own = descend(gram, pull, penalty, np.zeros(12), 1e-12, 10_000)
    if share == 0.0:
        np.testing.assert_allclose(own, np.ones(12), rtol=1e-6)
        return
    theirs = Lasso(alpha=penalty, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(variables, target)
    np.testing.assert_allclose(own, theirs.coef_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(descend(gram, pull, penalty, own, 1e-12, 1), own, atol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_reconstruction_keeps_what_enters_the_lasso_path_first(seed: int) -> None:
    layer, x = explicit_case(5, 10, 3, 1, 120, seed)
    variables, target = regression(layer, x)
    _, _, path = lars_path(variables, target, method="lasso")
    for count in range(1, 10):
        (knot, *_) = [factors for factors in path.T if np.count_nonzero(factors) >= count]
        kept = kept_channels(Reconstruction().mask(layer, 1 - count / 10), 1)[0]
        assert set(np.flatnonzero(kept)) == set(np.flatnonzero(knot))


def test_the_two_choices_differ() -> None:
    """Two large channels that carry the same: the larger can stand in for the other, though that is large, too."""
    x = np.random.default_rng(0).normal(size=(500, 3))
    x[:, 1] = 1.5 * x[:, 0] + 0.1 * x[:, 1]
    moments = torch.from_numpy(x.T @ x / 500)[None]
    layer = PrunableLayer("fc", torch.tensor([[2.0, 2.0, 0.7]]), statistics=LayerStatistics(input_moments=moments))
    assert Reconstruction().mask(layer, 0.34).tolist() == [[False, True, True]]
    assert GreedyReconstruction().mask(layer, 0.34).tolist() == [[True, True, False]]


@pytest.mark.parametrize("criterion", BOTH)
def test_equal_channels_go_by_lowest_index(criterion: Criterion) -> None:
    moments = torch.eye(12, dtype=torch.float64)[None]
    layer = PrunableLayer("c", torch.ones(2, 3, 2, 2), statistics=LayerStatistics(input_moments=moments))
    kept = [kept_channels(criterion.mask(layer, ratio), 1)[0].tolist() for ratio in (0.34, 0.67, 0.99)]
    assert kept == [[False, True, True], [False, False, True], [False, False, True]]


@pytest.mark.parametrize("criterion", BOTH)
def test_channels_that_are_never_active_go_first(criterion: Criterion) -> None:
    layer, x = explicit_case(4, 6, 1, 1, 100, 2)
    x[:, :, [1, 4]] = 0
    moments = torch.from_numpy(np.einsum("gri,grj->gij", x, x) / 100)
    layer = PrunableLayer("c", layer.weight, statistics=LayerStatistics(input_moments=moments))
    assert np.flatnonzero(~kept_channels(criterion.mask(layer, 0.34), 1)[0]).tolist() == [1, 4]
    # of two inactive channels and one to remove, the first; the weights on the others stay as they are
    mask = criterion.mask(layer, 0.17)
    assert np.flatnonzero(~kept_channels(mask, 1)[0]).tolist() == [1]
    torch.testing.assert_close(criterion.update(layer, mask), layer.weight * mask)


@pytest.mark.parametrize("criterion", BOTH)
def test_images_that_are_black_leave_the_weights_alone(criterion: Criterion) -> None:
    statistics = LayerStatistics(input_moments=torch.zeros(1, 4, 4, dtype=torch.float64))
    layer = PrunableLayer("fc", torch.randn(3, 4), statistics=statistics)
    mask = criterion.mask(layer, 0.5)
    assert mask.tolist() == [[False, False, True, True]] * 3
    assert torch.equal(criterion.update(layer, mask), layer.weight * mask)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    outputs=st.integers(1, 5),
    channels=st.integers(1, 7),
    kernel=st.integers(1, 3),
    groups=st.integers(1, 3),
    ratio=st.floats(0, 0.999),
    rows=st.integers(1, 40),
    criterion=st.sampled_from(BOTH),
)
def test_counts_and_error_on_any_shape(
    outputs: int,
    channels: int,
    kernel: int,
    groups: int,
    ratio: float,
    rows: int,
    criterion: ChannelReconstruction,
) -> None:
    layer, x = explicit_case(outputs * groups, channels, kernel, groups, rows, 7)
    if groups > 1 and channels == 1:
        with pytest.raises(PolicyError, match="depthwise"):
            criterion.mask(layer, ratio)
        return
    mask = criterion.mask(layer, ratio)
    kept = kept_channels(mask, groups)
    assert (kept.sum(1) == channels - pruned_count(ratio, channels)).all()
    assert kept.any(1).all()
    updated = criterion.update(layer, mask)
    assert updated.dtype == layer.weight.dtype
    assert not updated[~mask].any()
    if mask.all():
        assert torch.equal(updated, layer.weight)
    error, plain = (
        np.square(parts(PrunableLayer("d", w - layer.weight, groups), x).sum(1)).sum()
        for w in (updated, layer.weight * mask)
    )
    assert error <= plain * (1 + 1e-5) + 1e-6


def test_a_convolution_is_what_the_criterion_thinks() -> None:
    """Moments from unfolded images; the fitted convolution is nearer to the output than the masked one."""
    torch.manual_seed(0)
    images = torch.rand(8, 6, 10, 10) + torch.rand(8, 1, 10, 10)
    weight = torch.randn(5, 6, 3, 3)
    rows = functional.unfold(images, 3).transpose(1, 2).reshape(-1, 54).double()
    statistics = LayerStatistics(input_moments=(rows.T @ rows / len(rows))[None])
    layer = PrunableLayer("c", weight, statistics=statistics)
    output = functional.conv2d(images, weight)
    for criterion in BOTH:
        mask = criterion.mask(layer, 0.5)
        fitted = functional.conv2d(images, criterion.update(layer, mask))
        masked = functional.conv2d(images, weight * mask)
        assert (fitted - output).square().mean() < 0.3 * (masked - output).square().mean()


@pytest.mark.parametrize("criterion", BOTH)
def test_bad_input(criterion: Criterion) -> None:
    assert criterion.granularity is Granularity.CHANNEL
    depthwise = PrunableLayer("features.1", torch.ones(4, 1, 3, 3), groups=4)
    with pytest.raises(PolicyError, match=rf"^layer 'features.1': algorithm '{criterion.name}' .*depthwise"):
        criterion.mask(depthwise, 0.5)
    for call in (criterion.mask, lambda layer, _: criterion.update(layer, torch.zeros(3, 4) > 0)):
        with pytest.raises(PolicyError, match=r"^layer 'fc': .*input_moments were not collected"):
            call(PrunableLayer("fc", torch.ones(3, 4)), 0.5)


def test_factors_without_any_output() -> None:
    assert lasso_factors(torch.zeros(3, 3, dtype=torch.float64), 2).tolist() == [0.0, 0.0, 0.0]
