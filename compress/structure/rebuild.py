"""Convolutions, linear layers and batch normalisation with fewer channels, parameters copied."""

from __future__ import annotations

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from accel_sim.errors import WorkloadError

__all__ = ["smaller_batch_norm", "smaller_layer"]


def smaller_layer(module: nn.Module, rows: NDArray, inputs: NDArray, groups: NDArray | None) -> nn.Module:  # type: ignore[type-arg]
    """A convolution or linear layer with some of its filters and input channels.

    Args:
        rows: filters that stay.
        inputs: input channels that stay (of a convolution with one group, or a linear layer).
        groups: groups that stay, with all of their inputs, of a grouped convolution.

    Raises:
        WorkloadError: neither ``nn.Conv2d`` nor ``nn.Linear``.
    """
    kept = torch.from_numpy(rows)
    new: nn.Module
    if type(module) is nn.Conv2d:
        weight = module.weight.detach()[kept]
        weight = weight[:, torch.from_numpy(inputs)] if groups is None else weight
        new = nn.Conv2d(
            len(inputs),
            len(rows),
            (module.kernel_size[0], module.kernel_size[1]),
            module.stride,  # type: ignore[arg-type]
            module.padding,  # type: ignore[arg-type]
            module.dilation,  # type: ignore[arg-type]
            1 if groups is None else len(groups),
            module.bias is not None,
            module.padding_mode,
            device="meta",
        )
    elif type(module) is nn.Linear:
        weight = module.weight.detach()[kept][:, torch.from_numpy(inputs)]
        new = nn.Linear(len(inputs), len(rows), module.bias is not None, device="meta")
    else:
        raise WorkloadError(f"a layer of class {type(module).__name__} cannot be made smaller; allowed: Conv2d, Linear")
    new.weight = _parameter(weight, module.weight)
    if module.bias is not None:
        new.bias = _parameter(module.bias.detach()[kept], module.bias)
    return new.train(module.training)


def smaller_batch_norm(module: nn.Module, kept: NDArray) -> nn.Module:  # type: ignore[type-arg]
    """Batch normalisation of some of the channels.

    Raises:
        WorkloadError: neither ``nn.BatchNorm1d`` nor ``nn.BatchNorm2d``.
    """
    if type(module) not in (nn.BatchNorm1d, nn.BatchNorm2d):
        raise WorkloadError(f"{type(module).__name__} cannot be made smaller; allowed: BatchNorm1d, BatchNorm2d")
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    index = torch.from_numpy(kept)
    new = type(module)(len(kept), module.eps, module.momentum, module.affine, module.track_running_stats, device="meta")
    for name, parameter in module.named_parameters():
        setattr(new, name, _parameter(parameter.detach()[index], parameter))
    for name, buffer in module.named_buffers():
        setattr(new, name, buffer[index].clone() if buffer.ndim else buffer.clone())
    return new.train(module.training)


def _parameter(values: Tensor, like: Tensor) -> nn.Parameter:
    return nn.Parameter(values.clone(), requires_grad=like.requires_grad)
