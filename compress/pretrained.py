"""torchvision's pretrained weights: ``--weights torchvision``, fetched on first use and kept in PyTorch's cache."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from accel_sim.errors import WorkloadError
from compress.fetch import fetching

__all__ = ["is_pretrained", "prepare_for_pretrained", "pretrained_tensors"]

KEYWORD = "torchvision"
OLD_DENSENET_NAME = re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""DenseNet's files are older than its modules' names: ``norm.1.weight`` is now ``norm1.weight``."""


def is_pretrained(weights: Path) -> bool:
    """Whether the word ``torchvision`` stands in place of a file of weights."""
    return str(weights) == KEYWORD


def pretrained_tensors(spec: str) -> dict[str, Tensor]:
    """The weights that torchvision recommends for a network (its ``DEFAULT``), as a state dict.

    A file is in the cache only once it is whole and its checksum is right.

    Args:
        spec: ``torchvision:NAME``, a model that :func:`compress.model_sources.load_model` has built.

    Raises:
        WorkloadError: another kind of model.
        RunError: they are not in the cache and cannot be fetched.
    """
    kind, _, name = spec.partition(":")
    if kind != KEYWORD:
        raise WorkloadError(f"{spec}: weights {KEYWORD!r} are for models torchvision:NAME; allowed here: a file")
    from torchvision import models

    published: Any = models.get_model_weights(name)
    url: str = published.DEFAULT.url
    advice = "fetch it on a connected machine and give --weights FILE"
    with fetching(spec, url.rpartition("/")[2], url, advice):
        tensors = published.DEFAULT.get_state_dict(check_hash=True, weights_only=True, map_location="cpu")
    return {OLD_DENSENET_NAME.sub(r"\1\2", key): tensor for key, tensor in tensors.items()}


def prepare_for_pretrained(model: nn.Module) -> None:
    """Let GoogLeNet and Inception v3 rescale their input, as their published weights want it."""
    if hasattr(model, "transform_input"):
        setattr(model, "transform_input", True)  # noqa: B010 (to a type checker, modules hold tensors only)
