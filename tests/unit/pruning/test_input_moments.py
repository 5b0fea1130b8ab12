"""Moments of a layer's input against ``unfold`` of the whole feature map."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from accel_sim.errors import PolicyError
from compress.pruning import input_moments
from compress.pruning.input_moments import collect_input_moments, gemm_input_rows

CONVOLUTIONS = [
    nn.Conv2d(4, 6, 3, padding=1),
    nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(0, 2), dilation=(1, 2)),
    nn.Conv2d(4, 8, 3, groups=4, stride=2),
    nn.Conv2d(4, 2, 1, groups=2),
    nn.Conv2d(4, 2, 3, padding="same", padding_mode="reflect"),
]


def all_rows(module: nn.Conv2d, x: Tensor) -> Tensor:
    """``(groups, rows, k)`` of every position, by PyTorch's own im2col."""
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    padded = functional.pad(x, module._reversed_padding_repeated_twice, mode)
    columns = functional.unfold(padded, module.kernel_size, module.dilation, stride=module.stride)
    k = module.weight[0].numel()
    return columns.reshape(len(x), module.groups, k, -1).permute(1, 0, 3, 2).reshape(module.groups, -1, k)


@pytest.mark.parametrize("module", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("batch", [2, 5])
def test_all_positions_are_those_of_unfold(module: nn.Conv2d, batch: int):
    images = torch.randn(5, 4, 9, 8)
    found = collect_input_moments(nn.Sequential(module), ["0"], images, batch)["0"]
    rows = all_rows(module, images).double()
    torch.testing.assert_close(found.moments, rows.transpose(1, 2) @ rows / rows.shape[1], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.means, rows.mean(dim=1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("module", CONVOLUTIONS, ids=str)
def test_rows_times_weights_are_the_layers_output(module: nn.Conv2d):
    x = torch.randn(2, 4, 9, 8)
    output = module(x) - module.bias[:, None, None]
    positions = torch.tensor([[0, 5, 7], [3, 3, 1]])
    rows = gemm_input_rows(module, x, positions)
    weights = module.weight.reshape(module.groups, -1, rows.shape[2])
    ours = (rows @ weights.transpose(1, 2)).transpose(0, 1).reshape(2, 3, -1)
    theirs = output.flatten(2).gather(2, positions[:, None].expand(-1, output.shape[1], -1)).transpose(1, 2)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_linear_layers_read_tokens():
    tokens = torch.randn(3, 7, 5)
    found = collect_input_moments(nn.Sequential(nn.Linear(5, 2)), ["0"], tokens, 2)["0"]
    rows = tokens.reshape(-1, 5).double()
    torch.testing.assert_close(found.moments[0], rows.T @ rows / 21, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.means[0], rows.mean(dim=0), rtol=1e-5, atol=1e-5)


def test_a_sample_is_evenly_spread_and_the_same_in_any_batches(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(input_moments, "ROWS_PER_LAYER", 60)
    monkeypatch.setattr(input_moments, "ROWS_PER_INPUT", 1)
    # the value of a pixel is its position, so the mean says which were taken
    images = torch.arange(400.0).reshape(1, 1, 20, 20).repeat(6, 1, 1, 1)
    model = nn.Sequential(nn.Conv2d(1, 1, 1))
    found = [collect_input_moments(model, ["0"], images, batch)["0"] for batch in (1, 4, 6)]
    for other in found[1:]:
        torch.testing.assert_close(other.moments, found[0].moments)
        torch.testing.assert_close(other.means, found[0].means)
    assert float(found[0].means) == pytest.approx(200, abs=15)
    exact = float((images[0].double() ** 2).mean())
    assert float(found[0].moments) == pytest.approx(exact, rel=0.1)
    assert float(found[0].moments) != exact


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 2, 1))
    model.train()
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = torch.randn(4, 3, 8, 8)
    once, again = (collect_input_moments(model, ["3"], images)["3"] for _ in range(2))
    torch.testing.assert_close(once.moments, again.moments)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert not model[1].training
    assert not model[3]._forward_pre_hooks


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("stemm", "layer 'stemm': is not in the model; did you mean 'stem'?"),
        ("norm", "layer norm: is a BatchNorm2d; allowed: Conv2d, Linear"),
        ("unused", "layer unused: did not run on the calibration images"),
    ],
)
def test_wrong_layers_are_named(layer: str, message: str):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.norm, self.unused = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Linear(1, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.stem(x))

    with pytest.raises(PolicyError) as caught:
        collect_input_moments(Net(), [layer], torch.randn(1, 1, 2, 2))
    assert message in str(caught.value)


def test_images_are_needed():
    with pytest.raises(PolicyError, match="0 calibration images"):
        collect_input_moments(nn.Sequential(nn.Linear(2, 2)), ["0"], torch.zeros(0, 2))
