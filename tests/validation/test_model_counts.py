"""MACs and parameters against two independent counters, and GEMM views against brute force.

* torchvision publishes GFLOPS (multiply-accumulates) and parameters with each set of weights; its counter sees every
  product, those of attention included, and rounds to 0.001 G.
* fvcore counts convolutions, linear layers, ``matmul`` and ``einsum`` as we do, and besides: batch and layer
  normalisation and adaptive pooling (left out here). It leaves out ``scaled_dot_product_attention``, which
  ``nn.MultiheadAttention`` uses: the products q·kᵀ and attention·v are the exact difference for ViT, 2·L²·D per block.
  For Swin-T it counts every product.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from accel_sim.workload.layers import ConvGeometry
from compress import layer_graph
from compress.graph.node import total_macs, total_params
from compress.integer_weights import integer_gemm_weights
from compress.model_sources import load_model

MODELS = [
    *("resnet18", "resnet50", "vgg16_bn", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0"),
    *("squeezenet1_1", "densenet121", "convnext_tiny", "vit_b_16", "swin_t"),
]
VIT_ATTENTION = 12 * 2 * 197 * 197 * 768  # blocks · two products · tokens² · width: what fvcore does not see


@pytest.mark.parametrize("name", MODELS)
def test_published_macs_and_parameters(name: str) -> None:
    graph = layer_graph(load_model(f"torchvision:{name}").model, (3, 224, 224))
    meta = next(iter(torchvision.models.get_model_weights(name))).meta
    assert total_params(graph) == meta["num_params"]
    assert total_macs(graph) / 1e9 == pytest.approx(meta["_ops"], abs=0.00051)


@pytest.mark.parametrize("name", MODELS)
def test_macs_and_parameters_of_fvcore(name: str) -> None:
    fvcore = pytest.importorskip("fvcore.nn")
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    model = torchvision.models.get_model(name, weights=None).eval()
    size = 224 if name == "vit_b_16" else 64  # fvcore computes what it counts
    analysis = fvcore.FlopCountAnalysis(model, torch.zeros(1, 3, size, size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_operator = analysis.by_operator()
    counted = int(sum(by_operator[product] for product in ("conv", "linear", "addmm", "matmul", "bmm", "einsum")))
    graph = layer_graph(model, (3, size, size))
    assert total_macs(graph) - counted == (VIT_ATTENTION if name == "vit_b_16" else 0)
    assert total_params(graph) == fvcore.parameter_count(model)[""]


def reference_im2col(image: NDArray[Any], geometry: ConvGeometry, group: int) -> NDArray[Any]:
    """The definition, element by element: rows (batch, out_h, out_w), columns (kh, kw, channel)."""
    rows = []
    for b in range(geometry.batch):
        for y in range(geometry.out_h):
            for x in range(geometry.out_w):
                row = []
                for i in range(geometry.kernel_h):
                    for j in range(geometry.kernel_w):
                        at_y = y * geometry.stride_h - geometry.pad_top + i * geometry.dilation_h
                        at_x = x * geometry.stride_w - geometry.pad_left + j * geometry.dilation_w
                        inside = 0 <= at_y < geometry.in_h and 0 <= at_x < geometry.in_w
                        for c in range(geometry.in_channels):
                            channel = group * geometry.in_channels + c
                            row.append(image[b, channel, at_y, at_x] if inside else 0)
                rows.append(row)
    return np.array(rows, dtype=np.int64)


axis = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2), st.integers(0, 5))


@settings(max_examples=40, deadline=None)
@given(axis, axis, st.integers(1, 2), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.integers(0, 2**31))
def test_a_convolution_is_its_product(
    vertical: tuple[int, ...],
    horizontal: tuple[int, ...],
    batch: int,
    groups: int,
    channels: int,
    filters: int,
    seed: int,
) -> None:
    """Integer activations in im2col order times integer weights in our order are ``F.conv2d``; MACs are its taps."""
    (kh, sh, ph, dh, more_h), (kw, sw, pw, dw, more_w) = vertical, horizontal
    height, width = dh * (kh - 1) + 1 + more_h, dw * (kw - 1) + 1 + more_w
    conv = nn.Conv2d(
        groups * channels, groups * filters, (kh, kw), (sh, sw), (ph, pw), (dh, dw), groups=groups, bias=False
    )
    generator = np.random.default_rng(seed)
    weight = generator.integers(-7, 8, conv.weight.shape)
    weight[:, 0, 0, 0] = 7  # the scale is then 1, so that rounding keeps the integers
    image = generator.integers(-5, 6, (batch, groups * channels, height, width))
    view = layer_graph(nn.Sequential(conv), image.shape[1:], batch).nodes["0"]["gemm"]
    expected = functional.conv2d(
        torch.from_numpy(image), torch.from_numpy(weight), None, (sh, sw), (ph, pw), (dh, dw), groups
    )
    operand = integer_gemm_weights(weight.astype(np.float64), view, 4)
    assert operand is not None
    outputs = [reference_im2col(image, view.conv, g) @ operand[g].astype(np.int64) for g in range(view.groups)]
    stacked = np.stack(outputs).reshape(groups, batch, *expected.shape[2:], filters)
    got = stacked.transpose(1, 0, 4, 2, 3).reshape(expected.shape)
    assert np.array_equal(got, expected.numpy())
    assert view.macs == expected.numel() * channels * kh * kw


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 3), max_size=2),
    st.integers(0, 2),
    st.tuples(*[st.integers(1, 4)] * 3),
    st.booleans(),
)
def test_the_macs_of_products_are_those_of_their_loops(
    batch: list[int], shared: int, sizes: tuple[int, int, int], left: bool
) -> None:
    """Products with any leading axes, those of one operand broadcast."""
    m, n, k = sizes
    a, b = (*batch, m, k), (*batch[min(shared, len(batch)) :], k, n)
    if left:
        a, b = (*batch[min(shared, len(batch)) :], m, k), (*batch, k, n)

    class Product(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x @ y

    graph = layer_graph(Product(), (torch.zeros(a), torch.zeros(b)))
    (view,) = [data["gemm"] for data in graph.nodes.values() if data["gemm"] is not None]
    out = np.broadcast_shapes(a[:-2], b[:-2])
    assert view.macs == sum(m * n * k for _ in np.ndindex(*out))
    assert view.k == k


def test_what_resnet50_consists_of() -> None:
    """Counted by hand from the paper's table: 1 + 16·3 + 4 convolutions, one linear layer."""
    graph = layer_graph(load_model("torchvision:resnet50").model, (3, 224, 224))
    kinds = Counter(kind for _, kind in graph.nodes(data="kind"))
    assert (kinds["conv2d"], kinds["linear"], kinds["add"], kinds["batch_norm"]) == (53, 1, 16, 53)
