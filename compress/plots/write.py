"""The pictures of one compressed network as files."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from accel_sim.plots.write import write_figures
from compress.compressed import CompressedModel
from compress.plots.changes import changes
from compress.plots.patterns import patterns
from compress.plots.weights import weights

__all__ = ["write_compression_plots"]


def write_compression_plots(model: nn.Module, compressed: CompressedModel, directory: Path) -> list[Path]:
    """``changes``, ``weights`` and ``patterns`` as ``.svg`` and ``.png`` in ``directory``.

    Args:
        model: before compression.
        compressed: after it.

    Raises:
        InputError: ``directory`` cannot be created or written.
    """
    return write_figures(
        {
            "changes": lambda: changes(compressed),
            "weights": lambda: weights(model, compressed),
            "patterns": lambda: patterns(compressed),
        },
        directory,
    )
