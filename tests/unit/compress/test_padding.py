"""Zero padding in front of a convolution belongs to the convolution, whatever way it is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from compress import layer_graph, models
from compress.calibration import calibrate
from compress.graph.run import run_model

amount = st.integers(0, 3)


class Padded(nn.Module):
    """Some padding, then a convolution."""

    def __init__(self, pad: Callable[[Tensor], Tensor], convolution: nn.Conv2d, also_returned: bool = False) -> None:
        super().__init__()
        self.conv = convolution
        self.pad = pad
        self.also_returned = also_returned

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        padded = self.pad(x * 2)
        return (self.conv(padded), padded) if self.also_returned else (self.conv(padded),)


def product_of(model: nn.Module, image: Tensor) -> tuple[Tensor, Tensor]:
    """What the convolution's view says is computed, and what the model computes."""
    seen: dict[str, tuple[object, Tensor]] = {}
    result = run_model(model, image, lambda node, facts, operands: seen.update({node: (facts, operands[0].clone())}))
    facts, operand = seen["conv"]
    conv = layer_graph(model, image).nodes["conv"]["gemm"].conv
    assert facts.gemm.conv == conv  # type: ignore[attr-defined]
    assert tuple(operand.shape[-2:]) == (conv.in_h, conv.in_w)
    surrounded = functional.pad(operand, (conv.pad_left, 20, conv.pad_top, 20))  # outside is zero, however far
    stride = (conv.stride_h, conv.stride_w)
    computed = functional.conv2d(surrounded, model.conv.weight, model.conv.bias, stride)  # type: ignore[arg-type, union-attr]
    return computed[..., : conv.out_h, : conv.out_w], result[0]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.tuples(amount, amount, amount, amount), amount, st.integers(1, 3), st.booleans())
def test_a_padded_convolution_is_its_view(
    amounts: tuple[int, int, int, int], own: int, stride: int, as_module: bool
) -> None:
    pad = nn.ZeroPad2d(amounts) if as_module else lambda x: functional.pad(x, amounts)
    model = Padded(pad, nn.Conv2d(2, 3, 3, stride, own))
    image = torch.randn(2, 2, 6, 5)
    graph = layer_graph(model, image)
    assert "pad" not in kinds_of(graph)
    assert graph.nodes["conv"]["input_shapes"][0] == (2, 2, 6, 5)
    computed, result = product_of(model, image)
    assert torch.allclose(computed, result, atol=1e-5)


def kinds_of(graph: object) -> list[str]:
    return [kind for _, kind in graph.nodes(data="kind")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "pad",
    [
        lambda x: functional.pad(x, (0, 1, 0, 1, 1, 0)),  # a channel of zeros
        lambda x: functional.pad(x, (0, 1, 0, 1), value=1.0),
        lambda x: functional.pad(x, (0, -1, 0, 1)),
    ],
)
def test_other_padding_stays_in_front(pad: Callable[[Tensor], Tensor]) -> None:
    image = torch.randn(1, 2, 6, 6)
    model = Padded(pad, nn.Conv2d(pad(image).shape[1], 3, 3))
    graph = layer_graph(model, image)
    assert kinds_of(graph).count("pad") == 1
    assert graph.nodes["conv"]["input_shapes"][0] == tuple(pad(image).shape)
    computed, result = product_of(model, image)
    assert torch.allclose(computed, result, atol=1e-5)


def test_padding_that_something_else_reads_stays_for_it() -> None:
    model = Padded(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(2, 3, 3, 2), also_returned=True)
    graph = layer_graph(model, (2, 6, 6))
    assert graph.nodes["conv"]["input_shapes"][0] == (1, 2, 6, 6)
    assert graph.out_degree("pad") == 0


def test_a_machine_reads_the_unpadded_tensor() -> None:
    """ResNet-8 with TensorFlow's padding: 32×32 are stored and read, 16×16 come out."""
    model = models.resnet8()
    (layer,) = (
        layer for layer in calibrate(model, torch.rand(1, 3, 32, 32)).workload.layers if layer.name == "s2_conv1"
    )
    conv = layer.conv  # type: ignore[union-attr]
    assert (conv.in_h, conv.in_w, conv.pad_top, conv.pad_left, conv.out_h, conv.out_w) == (32, 32, 0, 0, 16, 16)
    assert layer.activations.shape == (1, 16, 32, 32)  # type: ignore[union-attr]
