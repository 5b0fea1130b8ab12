"""Accuracy without training that must be kept: the default repairs, all layers alike, on the report half."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import nn

from compress import models
from compress.accuracy import evaluate
from compress.data import calibration_batch, open_labelled
from compress.policy.schema import Quantization
from compress.quantization import quantize_model
from tests.shared_files import shared_path
from tests.unit.quantization.networks import graph_of, uniform

pytestmark = pytest.mark.validate

NETWORKS = {
    "resnet20": ("resnet20", "cifar10/resnet20.pth", "cifar10", "cifar", 512),
    "mobilenetv2": (
        "mobilenetv2_1_0_224",
        "imagenet/mobilenetv2_1.0_224.pth",
        "imagenet-compat",
        "imagenet-compat",
        48,
    ),
}
"""Factory, weights, data set and its folder, calibration images."""


@cache
def float_network(name: str) -> tuple[nn.Module, str, float]:
    factory, weights, data, folder, _ = NETWORKS[name]
    model: nn.Module = getattr(models, factory)().eval()
    model.load_state_dict(torch.load(shared_path(f"data/weights/{weights}"), weights_only=True))
    spec = f"{data}:{shared_path(f'data/{folder}')}"
    return model, spec, evaluate(model, open_labelled(spec)).top1_percent


@pytest.mark.parametrize(
    ("name", "w_bits", "a_bits", "loss_points"),
    [
        ("resnet20", 8, 8, 0.1),
        ("resnet20", 6, 6, 0.5),
        ("resnet20", 4, 8, 1.0),
        ("resnet20", 4, 4, 2.5),
        ("mobilenetv2", 8, 8, 1.0),
    ],
)
def test_accuracy_without_training(name: str, w_bits: int, a_bits: int, loss_points: float) -> None:
    model, spec, float_top1 = float_network(name)
    shape = tuple(model.input_shape)  # type: ignore[arg-type]
    images = calibration_batch(spec, model, NETWORKS[name][-1], 0, shape)
    quantised = quantize_model(model, graph_of(model, shape), images, uniform(w_bits, a_bits, Quantization()))
    top1 = evaluate(quantised, open_labelled(spec), input_shape=shape).top1_percent
    print(f"{name} w{w_bits}a{a_bits}: {top1:.2f}, float {float_top1:.2f}")
    assert top1 >= float_top1 - loss_points
