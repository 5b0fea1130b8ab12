"""What every layer reads while a float network runs on calibration images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from accel_sim.errors import WorkloadError
from compress.quantization.ranges import Histogram

__all__ = ["BATCH", "input_hooks", "observe_inputs"]

BATCH = 64
"""Images at a time; bounds the memory that observing needs."""


@contextmanager
def input_hooks(model: nn.Module, names: Sequence[str], see: Callable[[str, Tensor], None]) -> Iterator[None]:
    """While open, ``see(name, input)`` is called whenever one of the named modules runs."""

    def hook_of(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, args: tuple[Any, ...]) -> None:
            see(name, args[0])

        return hook

    hooks = [model.get_submodule(name).register_forward_pre_hook(hook_of(name)) for name in names]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def observe_inputs(model: nn.Module, names: Sequence[str], images: Tensor) -> dict[str, Histogram]:
    """Histogram of what each named layer reads; layers that do not run are left out.

    Args:
        model: in evaluation mode.
        images: ``(images, channels, height, width)``, as the model wants them.

    Raises:
        WorkloadError: a layer reads a value that is not finite (names the layer).
    """
    seen: dict[str, Histogram] = defaultdict(Histogram)

    def see(name: str, values: Tensor) -> None:
        try:
            seen[name].add(values)
        except ValueError as error:
            raise WorkloadError(f"layer {name}: reads {error} on the calibration images") from error

    with input_hooks(model, names, see):
        for batch in torch.split(images, BATCH):
            model(batch)
    return dict(seen)
