"""Statistics of layers: against the network written out by hand, and gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch_pruning as tp
from torch import Tensor, nn
from torch.nn import functional

from accel_sim.errors import BitgroveError, DataError, PolicyError, WorkloadError
from compress.graph.trace import layer_graph
from compress.pruning.criterion import Criterion, LayerStatistics, Need, PrunableLayer
from compress.pruning.statistics import collect_statistics
from compress.pruning.statistics.accumulators import RANK_IMAGES
from compress.pruning.statistics.output_point import output_point
from compress.pruning.structured.apoz import Apoz
from compress.pruning.structured.hrank import HRank
from compress.pruning.structured.mean_activation import MeanActivation
from compress.pruning.structured.taylor import Taylor
from tests.unit.pruning.structured.networks import Residual, images, residual

LAYERS = ("stem", "branch", "hidden", "head")
GATED = (Need.OUTPUT_ACTIVITY, Need.OUTPUT_RANKS, Need.GRADIENTS)
ALL = dict.fromkeys(LAYERS, GATED)


def outputs_by_hand(model: Residual, x: Tensor) -> dict[str, Tensor]:
    """What the page says each layer's output is."""
    stem = functional.relu(model.bn1(model.stem(x)))
    branch = model.bn2(model.branch(stem))
    pooled = functional.relu(branch + stem).mean((2, 3))
    hidden = functional.relu(model.hidden(pooled))
    return {"stem": stem, "branch": branch, "hidden": hidden, "head": model.head(hidden)}


def gated_losses(model: Residual, x: Tensor, labels: Tensor, layer: str, channel: int, gate: float) -> Tensor:
    """``(images,)`` losses with one channel of one layer's output multiplied by ``gate``, in float64."""

    def through(name: str, value: Tensor) -> Tensor:
        if name != layer:
            return value
        factors = torch.ones(value.shape[1], dtype=value.dtype)
        factors[channel] = gate
        return value * factors.reshape(1, -1, *[1] * (value.ndim - 2))

    stem = through("stem", functional.relu(model.bn1(model.stem(x))))
    branch = through("branch", model.bn2(model.branch(stem)))
    hidden = through("hidden", functional.relu(model.hidden(functional.relu(branch + stem).mean((2, 3)))))
    logits = through("head", model.head(hidden))
    return functional.cross_entropy(logits, labels, reduction="none")


def test_where_outputs_are_looked_at() -> None:
    graph = layer_graph(residual(), (3, 9, 9))
    kinds = {layer: graph.nodes[output_point(graph, layer)]["kind"] for layer in LAYERS}
    assert kinds == {"stem": "relu", "branch": "batch_norm", "hidden": "relu", "head": "linear"}


class BothSigns(nn.Module):
    """An output with two readers, of which the first is an activation function; the first operation is in place."""

    def __init__(self) -> None:
        super().__init__()
        self.clip = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(self.clip(x))
        return (functional.relu(x) + x).mean((2, 3))


def test_an_output_with_two_readers_is_looked_at_before_both() -> None:
    model, x = BothSigns(), images(3)
    before = x.clone()
    graph = layer_graph(model, (3, 9, 9))
    assert output_point(graph, "conv") == "conv"
    means = collect_statistics(model, graph, {"conv": [Need.OUTPUT_ACTIVITY]}, x)["conv"].output_means
    assert means is not None
    assert torch.equal(x, before)
    expected = model.conv(functional.relu(x)).mean((0, 2, 3)).detach()
    torch.testing.assert_close(means.float(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 4, 5, 64])
def test_activity_and_ranks_are_those_of_the_network_by_hand(batch: int) -> None:
    model, x = residual(), images(9)
    found = collect_statistics(model, layer_graph(model, (3, 9, 9)), ALL, x, batch=batch)
    with torch.no_grad():
        outputs = outputs_by_hand(model, x)
    for layer in LAYERS:
        values = outputs[layer].numpy().astype(np.float64)
        axes = (0, *range(2, values.ndim))
        statistics = found[layer]
        for field, expected in (
            (statistics.output_means, values.mean(axes)),
            (statistics.output_magnitudes, np.abs(values).mean(axes)),
            (statistics.output_zeros, (values == 0).mean(axes)),
        ):
            assert field is not None
            assert field.dtype == torch.float64
            np.testing.assert_allclose(field.numpy(), expected, rtol=1e-5, atol=1e-6)
        assert statistics.output_ranks is not None
        maps = values if values.ndim == 4 else values[:, :, None, None]
        ranks = np.array([[np.linalg.matrix_rank(m.astype(np.float32)) for m in image] for image in maps])
        np.testing.assert_allclose(statistics.output_ranks.numpy(), ranks.mean(0))
    assert found["stem"].output_zeros is not None
    assert (found["stem"].output_zeros > 0).any(), "the case has zeros to count"


def test_input_moments_are_those_of_what_the_layers_read() -> None:
    model, x = residual(), images(5)
    needs = {"stem": (Need.INPUT_MOMENTS, Need.OUTPUT_ACTIVITY), "branch": [Need.INPUT_MOMENTS], "head": GATED}
    found = collect_statistics(model, layer_graph(model, (3, 9, 9)), needs, x, batch=2)
    with torch.no_grad():
        stem = outputs_by_hand(model, x)["stem"]
    stem_rows = functional.unfold(x, 3, padding=1).transpose(1, 2).reshape(1, -1, 27)
    branch_rows = functional.unfold(stem, 3, padding=1).reshape(5, 6, 9, 81).permute(1, 0, 3, 2).reshape(6, -1, 9)
    for layer, rows in (("stem", stem_rows), ("branch", branch_rows)):
        moments, means = found[layer].input_moments, found[layer].input_means
        assert moments is not None
        assert means is not None
        torch.testing.assert_close(moments.float(), rows.transpose(1, 2) @ rows / rows.shape[1], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(means.float(), rows.mean(1), rtol=1e-4, atol=1e-5)
    assert found["stem"].output_means is not None
    assert found["branch"].output_means is None
    assert found["head"].input_moments is None


def test_ranks_are_taken_on_the_first_images_alone() -> None:
    model, x = residual(), images(RANK_IMAGES + 10)
    graph = layer_graph(model, (3, 9, 9))
    needs = {"stem": [Need.OUTPUT_RANKS]}
    some = collect_statistics(model, graph, needs, x[:RANK_IMAGES], batch=RANK_IMAGES)["stem"].output_ranks
    more = collect_statistics(model, graph, needs, x, batch=50)["stem"].output_ranks
    assert some is not None
    assert more is not None
    assert torch.equal(some, more)


@pytest.mark.parametrize("labelled", [True, False])
def test_taylor_is_the_squared_derivative_by_a_gate(labelled: bool) -> None:
    model, x = residual(), images(6)
    graph = layer_graph(model, (3, 9, 9))
    with torch.no_grad():
        own = model(x).argmax(1)
    labels = (own + 3) % 10 if labelled else own
    found = collect_statistics(model, graph, ALL, x, labels if labelled else None, batch=4)
    double, step = model.double(), 1e-5
    for layer in LAYERS:
        taylor = found[layer].taylor
        assert taylor is not None
        for channel in range(len(taylor)):
            with torch.no_grad():
                up = gated_losses(double, x.double(), labels, layer, channel, 1 + step)
                down = gated_losses(double, x.double(), labels, layer, channel, 1 - step)
            expected = ((up - down) / (2 * step)).square().mean()
            assert taylor[channel].item() == pytest.approx(expected.item(), rel=1e-3, abs=1e-9), (layer, channel)


def test_weight_gradients_are_finite_differences_of_the_mean_loss() -> None:
    model, x = residual(), images(5)
    labels = torch.arange(5)
    gradients = collect_statistics(
        model, layer_graph(model, (3, 9, 9)), dict.fromkeys(LAYERS, (Need.GRADIENTS,)), x, labels, batch=2
    )
    double, step = model.double(), 1e-6
    for layer in LAYERS:
        weight, gradient = double.get_submodule(layer).weight, gradients[layer].weight_gradients
        assert isinstance(weight, nn.Parameter)
        assert gradient is not None
        assert gradient.shape == weight.shape
        flat = weight.data.reshape(-1)
        for index in range(0, flat.numel(), 7):
            losses = []
            for change in (step, -step):
                before = flat[index].item()
                flat[index] = before + change
                with torch.no_grad():
                    losses.append(functional.cross_entropy(double(x.double()), labels).item())
                flat[index] = before
            expected = (losses[0] - losses[1]) / (2 * step)
            assert gradient.reshape(-1)[index].item() == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_weight_gradients_give_torch_prunings_taylor_importance() -> None:
    torch.manual_seed(2)
    model = nn.Sequential(nn.Conv2d(3, 7, 3), nn.ReLU(), nn.Conv2d(7, 5, 3), nn.Flatten(), nn.Linear(125, 4)).eval()
    x, labels = images(6), torch.arange(6) % 4
    statistics = collect_statistics(model, layer_graph(model, (3, 9, 9)), {"0": [Need.GRADIENTS]}, x, labels)["0"]
    functional.cross_entropy(model(x), labels).backward()  # type: ignore[no-untyped-call]
    dependencies = tp.DependencyGraph().build_dependency(model, x[:1])
    group = dependencies.get_pruning_group(model[0], tp.prune_conv_out_channels, idxs=list(range(7)))
    importance = tp.importance.TaylorImportance(group_reduction="first", normalizer=None, multivariable=True)
    assert statistics.weight_gradients is not None
    own = (statistics.weight_gradients * model[0].weight.detach()).sum((1, 2, 3)).abs()
    torch.testing.assert_close(own.float(), importance(group), rtol=1e-4, atol=1e-7)


def test_taylor_without_bias_of_one_image_is_torch_prunings() -> None:
    """A ReLU is homogeneous: of one image, gate · output and weight · gradient have the same sum."""
    torch.manual_seed(5)
    model = nn.Sequential(nn.Conv2d(3, 7, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(343, 4)).eval()
    x, labels = images(1), torch.tensor([2])
    statistics = collect_statistics(model, layer_graph(model, (3, 9, 9)), {"0": [Need.GRADIENTS]}, x, labels)["0"]
    functional.cross_entropy(model(x), labels).backward()  # type: ignore[no-untyped-call]
    dependencies = tp.DependencyGraph().build_dependency(model, x)
    group = dependencies.get_pruning_group(model[0], tp.prune_conv_out_channels, idxs=list(range(7)))
    importance = tp.importance.TaylorImportance(group_reduction="first", normalizer=None, multivariable=True)
    scores = Taylor().scores(PrunableLayer("0", model[0].weight.detach(), statistics=statistics))
    torch.testing.assert_close(scores.sqrt().float(), importance(group), rtol=1e-4, atol=1e-7)


def test_the_model_is_left_as_it_was() -> None:
    model = residual().train()
    model.bn2.eval()
    model.head.weight.requires_grad_(False)
    model.stem.weight.grad = torch.ones_like(model.stem.weight)
    x = images(4)
    graph = layer_graph(model, (3, 9, 9))
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    before = x.clone()
    collect_statistics(model, graph, ALL, x, batch=3)
    assert model.training
    assert model.stem.training
    assert not model.bn2.training
    assert torch.equal(x, before)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert {name for name, p in model.named_parameters() if not p.requires_grad} == {"head.weight"}
    assert {name for name, p in model.named_parameters() if p.grad is not None} == {"stem.weight"}
    assert torch.equal(model.stem.weight.grad, torch.ones_like(model.stem.weight))
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    assert not any(getattr(module, hook) for module in model.modules() for hook in hooks)
    assert torch.is_grad_enabled()


def test_only_what_was_asked_for_is_there() -> None:
    model = residual()
    graph = layer_graph(model, (3, 9, 9))
    found = collect_statistics(model, graph, {"stem": [Need.OUTPUT_RANKS], "head": []}, images(2))
    assert found["head"] == LayerStatistics()
    assert [name for name, value in vars(found["stem"]).items() if value is not None] == ["output_ranks"]


class Windows(nn.Module):
    """Rows of an image in the batch, as in window attention, and a layer on two positions of each."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(9, 4)
        self.head = nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        windows = self.project(x.reshape(-1, 9, 9))
        logits: Tensor = self.head(windows.reshape(len(x), -1, 4).mean(1))
        return logits


def test_windows_belong_to_their_image() -> None:
    torch.manual_seed(0)
    model, x = Windows(), images(3)
    found = collect_statistics(model, layer_graph(model, x), {"project": GATED}, x, batch=3)["project"]
    assert found.taylor is not None
    values = model.project(x.reshape(-1, 9, 9)).detach().requires_grad_()
    logits = model.head(values.reshape(3, -1, 4).mean(1))
    functional.cross_entropy(logits, logits.argmax(1), reduction="sum").backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    by_image = (values.grad * values).detach().reshape(3, -1, 4).sum(1)
    torch.testing.assert_close(found.taylor.float(), by_image.square().mean(0), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, g: collect_statistics(m, g, {"stm": []}, images(1)), PolicyError, "layer 'stm': is not in.*'stem'"),
        (lambda m, g: collect_statistics(m, g, {"bn1": []}, images(1)), PolicyError, "'bn1': is a batch_norm; allowed"),
        (lambda m, g: collect_statistics(m, g, ALL, images(0)), DataError, "there are none"),
        (lambda m, g: collect_statistics(m, g, ALL, images(2), batch=0), DataError, "batch of 0"),
        (lambda m, g: collect_statistics(m, g, ALL, images(2), torch.zeros(3).long()), DataError, r"shape \(3,\)"),
        (lambda m, g: collect_statistics(m, g, ALL, images(2), torch.zeros(2)), DataError, "are torch.float32"),
        (lambda m, g: collect_statistics(m, g, ALL, images(2), torch.tensor([0, 10])), DataError, "0 to 10; allowed"),
        (lambda m, g: collect_statistics(m, g, ALL, images(2)[:, :2]), WorkloadError, "module 'stem' cannot take"),
    ],
)
def test_bad_input(call: Callable[[nn.Module, object], object], error: type[BitgroveError], message: str) -> None:
    model = residual()
    with pytest.raises(error, match=message) as raised:
        call(model, layer_graph(model, (3, 9, 9)))
    assert "\n" not in str(raised.value)


def test_gradients_need_a_classifier() -> None:
    model = nn.Conv2d(3, 4, 3)
    with pytest.raises(WorkloadError, match=r"gradients need a classifier: .*\(2, 4, 7, 7\); allowed: \(2, classes\)"):
        collect_statistics(nn.Sequential(model), layer_graph(nn.Sequential(model), (3, 9, 9)), {"0": GATED}, images(2))


SCORES = torch.tensor([0.5, 0.25, 0.75, 0.25, 0.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("criterion", "statistics"),
    [
        (MeanActivation(), LayerStatistics(output_magnitudes=SCORES)),
        (Apoz(), LayerStatistics(output_zeros=1 - SCORES)),
        (HRank(), LayerStatistics(output_ranks=SCORES)),
        (Taylor(), LayerStatistics(taylor=SCORES)),
    ],
)
def test_criteria_rank_by_their_statistic(criterion: Criterion, statistics: LayerStatistics) -> None:
    layer = PrunableLayer("layer9", torch.ones(5, 2, 3, 3), statistics=statistics)
    for ratio, gone in ((0.0, []), (0.2, [4]), (0.4, [1, 4]), (0.6, [1, 3, 4]), (0.99, [0, 1, 3, 4])):
        mask = criterion.mask(layer, ratio)
        assert torch.nonzero(~mask.flatten(1).any(1)).flatten().tolist() == gone
        assert torch.equal(mask.flatten(1).any(1), mask.flatten(1).all(1))
    (need,) = criterion.needs
    with pytest.raises(PolicyError, match=rf"^layer 'layer9': algorithm '{criterion.name}' needs .*'{need.value}'"):
        criterion.mask(PrunableLayer("layer9", torch.ones(5, 2)), 0.5)
