"""Second moments and means of what convolutions and linear layers read, from calibration images."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from accel_sim.errors import PolicyError
from compress.padding import padding_around

__all__ = ["InputMoments", "collect_input_moments", "gemm_input_rows"]

ROWS_PER_LAYER = 16384
"""Rows of a layer's GEMM to take at least, where there are as many..."""
ROWS_PER_INPUT = 4
"""... and for each of its k inputs, so that the moments of large layers have full rank."""
GOLDEN = 0.6180339887498949
"""The golden ratio's fraction: its multiples lie evenly in 0..1 for any number of images."""


class InputMoments(NamedTuple):
    """``moments (groups, k, k)`` and ``means (groups, k)``, float64, as ``LayerStatistics`` has them."""

    moments: Tensor
    means: Tensor


def collect_input_moments(
    model: nn.Module, layers: Collection[str], images: Tensor, batch: int = 64
) -> Mapping[str, InputMoments]:
    """Run the model on images and take the moments of what each layer reads.

    Of layers with many positions, evenly spaced ones are taken: about ``max(16384, 4·k)`` over all images, in each the
    same number, from a start that differs from image to image. Which ones depends on nothing but the image's index, so
    that the result does not depend on ``batch``, rounding aside. Products of a batch are float32, their sums float64.

    Args:
        model: runs in evaluation mode and is not changed.
        layers: paths of ``Conv2d`` and ``Linear`` modules.
        images: ``(images, channels, height, width)``, normalised as the model wants them, on its device.
        batch: images at a time.

    Raises:
        PolicyError: a layer that is not in the model, is no ``Conv2d`` or ``Linear``, or did not run; no images.
    """
    if not len(images) or batch < 1:
        raise PolicyError(f"{len(images)} calibration images, {batch} at a time; allowed: at least 1 of each")
    sums = {name: _Sums(_module(model, name), len(images)) for name in layers}
    modes = {module: module.training for module in model.modules()}
    with ExitStack() as stack, torch.no_grad():
        for taken in sums.values():
            hook = taken.module.register_forward_pre_hook(partial(_observe, taken))
            stack.callback(hook.remove)
        model.eval()
        try:
            for start in range(0, len(images), batch):
                for taken in sums.values():
                    taken.first_image = start
                model(images[start : start + batch])
        finally:
            for module, training in modes.items():
                module.training = training
    return {name: taken.result(name) for name, taken in sums.items()}


def gemm_input_rows(module: nn.Conv2d | nn.Linear, x: Tensor, positions: Tensor) -> Tensor:
    """Rows of the layer's GEMM at some output positions of each image (im2col of what is asked for only).

    Args:
        x: ``(images, channels, height, width)``, or ``(images, ..., inputs)`` of a linear layer.
        positions: ``(images, taken)``, flat index of the output position (row, column; of a linear layer: of the
            dimensions between the first and the last).

    Returns:
        ``(groups, images · taken, k)``, k ordered as ``weight[0].flatten()``.
    """
    image = torch.arange(len(x), device=x.device)[:, None].expand_as(positions)
    if isinstance(module, nn.Linear):
        return x.reshape(len(x), -1, x.shape[-1])[image, positions].reshape(1, -1, x.shape[-1])
    windows = _windows(module, x)
    width = windows.shape[3]
    # advanced indices with a slice between them come first: (images, taken, channels, kernel rows, kernel columns)
    taken = windows[image, :, positions // width, positions % width]
    return taken.reshape(positions.numel(), module.groups, -1).transpose(0, 1)


def _windows(module: nn.Conv2d, x: Tensor) -> Tensor:
    """A view ``(images, channels, out_h, out_w, kernel_h, kernel_w)`` of the padded input."""
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    x = functional.pad(x, padding_around(module), mode).contiguous()
    (kernel_h, kernel_w), (stride_h, stride_w), (dilation_h, dilation_w) = _pairs(module)
    out_h = (x.shape[2] - dilation_h * (kernel_h - 1) - 1) // stride_h + 1
    out_w = (x.shape[3] - dilation_w * (kernel_w - 1) - 1) // stride_w + 1
    image, channel, row, column = x.stride()
    return x.as_strided(
        (x.shape[0], x.shape[1], out_h, out_w, kernel_h, kernel_w),
        (image, channel, row * stride_h, column * stride_w, row * dilation_h, column * dilation_w),
    )


def _pairs(module: nn.Conv2d) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    return module.kernel_size, module.stride, module.dilation


class _Sums:
    """Sums over the rows of one layer that were taken so far."""

    def __init__(self, module: nn.Conv2d | nn.Linear, images: int) -> None:
        self.module = module
        self.first_image = 0
        self._groups = module.groups if isinstance(module, nn.Conv2d) else 1
        k = module.weight[0].numel()
        self._rows_per_image = -(-max(ROWS_PER_LAYER, ROWS_PER_INPUT * k) // images)
        self._rows = 0
        self._products = torch.zeros(self._groups, k, k, dtype=torch.float64, device=module.weight.device)
        self._sums = torch.zeros(self._groups, k, dtype=torch.float64, device=module.weight.device)

    def add(self, x: Tensor) -> None:
        rows = gemm_input_rows(self.module, x, self._positions(x))
        self._rows += rows.shape[1]
        self._products += rows.transpose(1, 2) @ rows
        self._sums += rows.sum(dim=1, dtype=torch.float64)

    def _positions(self, x: Tensor) -> Tensor:
        """``(images, taken)``: evenly spaced, all of them where there are few."""
        available = _position_count(self.module, x)
        taken = min(self._rows_per_image, available)
        index = torch.arange(self.first_image, self.first_image + len(x), dtype=torch.float64, device=x.device)
        start = (index * GOLDEN).remainder(1)[:, None]
        steps = torch.arange(taken, dtype=torch.float64, device=x.device)
        return ((steps + start) * available / taken).long().clamp(max=available - 1)

    def result(self, name: str) -> InputMoments:
        """Means over the rows."""
        if not self._rows:
            raise PolicyError(f"layer {name}: did not run on the calibration images, so its input cannot be measured")
        return InputMoments(self._products / self._rows, self._sums / self._rows)


def _position_count(module: nn.Conv2d | nn.Linear, x: Tensor) -> int:
    if isinstance(module, nn.Linear):
        return x[0].numel() // x.shape[-1]
    # a view of one image's windows costs nothing but its padding
    return int(_windows(module, x[:1])[0, 0, :, :, 0, 0].numel())


def _observe(taken: _Sums, _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    taken.add(inputs[0].detach())


def _module(model: nn.Module, name: str) -> nn.Conv2d | nn.Linear:
    modules = dict(model.named_modules())
    if name not in modules:
        close = difflib.get_close_matches(name, modules, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise PolicyError(f"layer {name!r}: is not in the model{hint}")
    module = modules[name]
    if not isinstance(module, (nn.Conv2d, nn.Linear)):
        raise PolicyError(f"layer {name}: is a {type(module).__name__}; allowed: Conv2d, Linear")
    return module
