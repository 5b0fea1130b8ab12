"""Each repair against what it promises."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from accel_sim.errors import RunError
from compress.policy.schema import Quantization
from compress.quantization import FakeQuantConv2d, FakeQuantLinear, fold_batch_norms, quantize_model
from compress.quantization.reference import Reference
from compress.quantization.repairs.equalisation import equalise, neighbouring_layers
from compress.quantization.repairs.least_squares import DAMPING, fit_weights
from compress.quantization.repairs.lockstep import fit_layers
from compress.quantization.repairs.moments import layer_moments, sampled_columns
from compress.quantization.rounding import ROUNDINGS, WeightsToRound
from tests.unit.quantization.networks import PLAIN, graph_of, small_images, small_net, uniform


def layer_outputs(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    seen: dict[str, Tensor] = {}
    kinds = nn.Conv2d | nn.Linear | FakeQuantConv2d | FakeQuantLinear
    for name, module in model.named_modules():
        if isinstance(module, kinds):
            module.register_forward_hook(lambda _m, _a, out, name=name: seen.update({name: out.clone()}))
    with torch.no_grad():
        model(images)
    return seen


def channels(outputs: Tensor) -> Tensor:
    return outputs.transpose(0, 1).flatten(1).double()


def test_bias_correction_leaves_no_mean_shift() -> None:
    model, images = small_net(), small_images()
    graph = graph_of(model)
    wanted = layer_outputs(fold_batch_norms(model, graph), images)
    shifts = {}
    for corrected in (False, True):
        switches = PLAIN.model_copy(update={"bias_correction": corrected})
        given = layer_outputs(quantize_model(model, graph, images, uniform(3, 3, switches)), images)
        shifts[corrected] = max((channels(wanted[n]).mean(1) - channels(given[n]).mean(1)).abs().max() for n in wanted)
    assert shifts[False] > 0.05
    assert shifts[True] < 1e-5


def test_batch_norm_reestimation_restores_mean_and_deviation_behind_pruning() -> None:
    reference, images = small_net(), small_images(64)
    pruned = copy.deepcopy(reference)
    with torch.no_grad():
        pruned.conv1.weight[:, ::2] = 0
        pruned.conv2.weight[:, 1::3] = 0
    switches = PLAIN.model_copy(update={"batch_norm_reestimation": True})
    graph = graph_of(reference)
    quantised = quantize_model(pruned, graph, images, uniform(6, 6, switches), reference=Reference(reference))
    wanted, given = layer_outputs(fold_batch_norms(reference, graph), images), layer_outputs(quantised, images)
    for name in ("stem", "conv1", "conv2"):
        for statistic in (lambda x: x.mean(1), lambda x: x.std(1, correction=0)):
            torch.testing.assert_close(
                statistic(channels(given[name])), statistic(channels(wanted[name])), atol=1e-4, rtol=1e-4
            )


class Chain(nn.Module):
    """Convolutions with ReLU and pooling between them, and a pair around ReLU6."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.b = nn.Conv2d(8, 8, 3, groups=8)
        self.c = nn.Conv2d(8, 6, 1)
        self.d = nn.Conv2d(6, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.norm(self.a(x))), 2)
        x = functional.relu(self.b(x))
        return self.d(functional.relu6(self.c(x)))  # type: ignore[no-any-return]


def test_equalisation_keeps_the_function_and_evens_ranges_out() -> None:
    torch.manual_seed(0)
    model, images = Chain().eval(), small_images()
    with torch.no_grad():
        model.a.weight.mul_(torch.logspace(-2, 1, 8).reshape(-1, 1, 1, 1))
    graph = graph_of(model)
    folded = fold_batch_norms(model, graph)
    pairs = neighbouring_layers(folded, graph)
    assert [(pair.first, pair.second) for pair in pairs] == [("a", "b"), ("b", "c")]
    equalised = copy.deepcopy(folded)
    equalise(equalised, pairs)
    with torch.no_grad():
        torch.testing.assert_close(equalised(images), folded(images), atol=1e-5, rtol=1e-4)
    a, b = equalised.get_submodule("a").weight, equalised.get_submodule("b").weight
    torch.testing.assert_close(a.flatten(1).abs().amax(1), b.flatten(1).abs().amax(1), rtol=0.02, atol=0)  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("kernel", "dilation"), [((3, 3), 1), ((1, 5), 2), ((1, 1), 1)])
def test_sampled_positions_are_laid_out_as_unfold_does(kernel, dilation, stride) -> None:
    torch.manual_seed(2)
    conv = nn.Conv2d(6, 4, kernel, stride=stride, dilation=dilation)
    x = torch.randn(3, 6, 14, 17)
    y = conv(x)
    chosen = torch.randperm(y[0, 0].numel())[:11].sort().values
    everything = functional.unfold(x, kernel, dilation, 0, stride)
    assert torch.equal(sampled_columns(x, conv, chosen, y.shape[-1]), everything[:, :, chosen])


@pytest.mark.parametrize("groups", [1, 4])
def test_moments_are_those_of_unfolded_rows(groups: int) -> None:
    torch.manual_seed(1)
    conv = nn.Conv2d(8, 12, 3, stride=2, padding=1, groups=groups)
    x = torch.randn(5, 8, 9, 9)
    with torch.no_grad():
        y = conv(x) + torch.randn(12).reshape(-1, 1, 1)
    moments = layer_moments(conv, x, y, torch.Generator())
    rows = functional.unfold(x.double(), 3, padding=1, stride=2).reshape(5, groups, -1, 25)
    for g in range(groups):
        inputs = rows[:, g].transpose(1, 2).flatten(0, 1)
        wanted = y.double().reshape(5, groups, -1, 25)[:, g].transpose(1, 2).flatten(0, 1)
        both = torch.cov(torch.cat((inputs, wanted), 1).T, correction=0)
        k = inputs.shape[1]
        torch.testing.assert_close(moments.covariance[g], both[:k, :k], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(moments.cross[g], both[k:, :k], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(moments.output_means[g], wanted.mean(0), atol=1e-5, rtol=1e-5)


def real_layer(masked: bool) -> tuple[nn.Conv2d, Tensor, Tensor, Tensor | None]:
    """A layer behind correlated inputs: weights ``(1, n, k)``, what it reads and should give, what is kept."""
    torch.manual_seed(2)
    conv = nn.Conv2d(6, 10, 3, padding=1)
    x = functional.relu(functional.avg_pool2d(torch.randn(24, 6, 14, 14), 3, 1) * 2 + 0.3)
    with torch.no_grad():
        wanted = conv(x)
    kept = torch.rand(conv.weight.shape) > 0.4 if masked else None
    return conv, x, wanted, kept


@pytest.mark.parametrize("masked", [False, True])
def test_least_squares_is_ridge_regression_on_the_kept_weights(masked: bool) -> None:
    conv, x, wanted, kept = real_layer(masked)
    noisy = x + 0.1 * torch.randn_like(x)
    moments = layer_moments(conv, noisy, wanted, torch.Generator())
    start = conv.weight.detach().double().reshape(1, 10, -1)
    mask = torch.ones_like(start, dtype=torch.bool) if kept is None else kept.reshape(start.shape)
    fitted = fit_weights(start * mask, moments, mask)
    damping = DAMPING * moments.covariance[0].diagonal().mean()
    for n in range(10):
        use = mask[0, n]
        matrix = moments.covariance[0][use][:, use] + damping * torch.eye(int(use.sum()), dtype=torch.float64)
        expected = torch.linalg.solve(matrix, moments.cross[0, n, use] + damping * start[0, n, use])
        torch.testing.assert_close(fitted[0, n, use], expected, atol=1e-3, rtol=1e-3)
        assert not fitted[0, n, ~use].any()


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("rule", ["adaround", "error_feedback"])
def test_learnt_rounding_is_better_than_the_nearest(rule: str, bits: int, masked: bool) -> None:
    conv, x, wanted, kept = real_layer(masked)
    moments = layer_moments(conv, x, wanted, torch.Generator())
    weights = conv.weight.detach().double().reshape(1, 10, -1)
    mask = None if kept is None else kept.reshape(weights.shape)
    weights = weights if mask is None else weights * mask
    largest = weights.abs().amax(2) if bits > 1 else weights.abs().mean(2)
    scales = largest / max(2 ** (bits - 1) - 1, 1) * (0.8 if bits > 1 else 1)
    given = WeightsToRound(weights, scales, bits, mask, moments.covariance)

    def output_error(name: str) -> float:
        integers, steps = ROUNDINGS[name].round(given)
        assert mask is None or not integers[~mask].any()
        rounded = (integers * steps[:, :, None] - weights).reshape(conv.weight.shape).float()
        out = functional.conv2d(x, rounded, padding=1)
        return float((out - out.mean((0, 2, 3), keepdim=True)).square().mean())

    assert output_error(rule) < 0.9 * output_error("nearest")


def test_error_feedback_of_one_weight_at_a_time_cannot_be_improved() -> None:
    conv, x, wanted, _ = real_layer(masked=False)
    moments = layer_moments(conv, x, wanted, torch.Generator())
    weights = conv.weight.detach().double().reshape(1, 10, -1)
    scales = weights.abs().amax(2) / 3
    given = WeightsToRound(weights, scales, 3, None, moments.covariance)
    integers, steps = ROUNDINGS["error_feedback"].round(given)
    matrix = given.damped_covariance(0.01)[0]

    def error(candidate: Tensor) -> float:
        difference = weights[0, 0] - candidate * steps[0, 0]
        return float(difference @ matrix @ difference)

    best, better = error(integers[0, 0]), 0
    for column in range(weights.shape[2]):
        for move in (-1, 1):
            other = integers[0, 0].clone()
            other[column] += move
            better += abs(int(other[column])) <= 3 and error(other) < best * (1 - 1e-3)
    assert better <= 2  # the scales were refitted after the last sweep


def test_a_failure_in_either_network_comes_out() -> None:
    class Fails(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("on purpose")

    def network(middle: nn.Module) -> nn.Sequential:
        return nn.Sequential(nn.Linear(4, 4), middle, nn.Linear(4, 4)).eval()

    def keep(name: str, layer: nn.Module, x: Tensor, wanted: Tensor) -> nn.Module:
        return layer

    for pair in ((Fails(), nn.ReLU()), (nn.ReLU(), Fails())):
        with pytest.raises(ValueError, match="on purpose"):
            fit_layers(network(pair[0]), Reference(network(pair[1])), ["0", "2"], torch.zeros(2, 4), keep)

    class EndsEarly(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return self[1](self[0](x))

    with pytest.raises(RunError, match="layer 2: runs in the network, but not in its float reference"):
        fit_layers(network(nn.ReLU()), Reference(EndsEarly(*network(nn.ReLU()))), ["0", "2"], torch.zeros(2, 4), keep)


def test_repairs_bring_a_network_closer_to_its_float_self() -> None:
    model, images, unseen = small_net(), small_images(128), small_images(64, seed=9)
    graph = graph_of(model)
    with torch.no_grad():
        wanted = model(unseen)
        errors = [
            (quantize_model(model, graph, images, uniform(3, 6, switches))(unseen) - wanted).square().mean().item()
            for switches in (PLAIN, Quantization())
        ]
    assert errors[1] < 0.6 * errors[0]


def test_padding_that_was_changed_after_construction() -> None:
    """As models with TensorFlow's padding do."""
    conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
    conv.padding = (0, 0)
    model = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), conv).eval()
    images = small_images(8)
    quantised = quantize_model(model, graph_of(model), images, uniform(8, 8, Quantization()))
    with torch.no_grad():
        torch.testing.assert_close(quantised(images), model(images), atol=0.05, rtol=0.05)
