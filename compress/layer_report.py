"""What compression changed, layer by layer: weights that went, widths, sizes, rounding errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import log10
from typing import Any

import torch
from torch import Tensor, nn

from compress.accuracy import batch_workers
from compress.policy.schema import Policy

__all__ = ["LayerReport", "report_layers"]

FLOAT_BITS = 32


@dataclass(frozen=True)
class LayerReport:
    """One layer before and after.

    Attributes:
        name: in the layer graph.
        algorithm, ratio: what the policy asked for.
        weights_before, weights_after: elements of the weight tensor; those of filters and channels that went are gone.
        nonzero_after: of these, how many are not zero.
        filters_before, filters_after: output channels.
        channels_before, channels_after: input channels of a group.
        w_bits, a_bits: widths of weights and input; ``None`` in a network that was not quantised.
        bytes_before: weights as 32-bit floats.
        bytes_after: weights in their width, zeros included (no sparse format).
        rounding_sqnr_db: ``10·log10(Σw² / Σ(w - ŵ)²)`` of the pruned weights w and their values ŵ on the machine, a
            batch normalisation's gain taken out; ``None`` where nothing was rounded, or nothing lost.
    """

    name: str
    algorithm: str
    ratio: float
    weights_before: int
    weights_after: int
    nonzero_after: int
    filters_before: int
    filters_after: int
    channels_before: int
    channels_after: int
    w_bits: int | None
    a_bits: int | None
    bytes_before: int
    bytes_after: int
    rounding_sqnr_db: float | None

    @property
    def sparsity(self) -> float:
        """Share of the original weights that are gone or zero."""
        return 1 - self.nonzero_after / self.weights_before

    def row(self) -> dict[str, Any]:
        """All fields and the sparsity, for tables."""
        return {**asdict(self), "sparsity": self.sparsity}


def report_layers(
    before: Mapping[str, nn.Conv2d | nn.Linear],
    after: Mapping[str, nn.Conv2d | nn.Linear],
    quantised: nn.Module,
    policy: Policy,
) -> tuple[LayerReport, ...]:
    """Compare the layers of the original network with those of the pruned one and of the quantised one.

    Args:
        before, after: float layers by name; layers that vanished with their channels are left out.
        quantised: the network that runs.
        policy: that was applied.
    """
    with batch_workers(torch.device("cpu")) as workers:
        return tuple(workers.map(lambda name: _report(name, before[name], after[name], quantised, policy), after))


def _report(
    name: str, before: nn.Conv2d | nn.Linear, after: nn.Conv2d | nn.Linear, quantised: nn.Module, policy: Policy
) -> LayerReport:
    entry, old, new = policy.of(name), before.weight.detach(), after.weight.detach()
    final = quantised.get_submodule(name)
    integers = getattr(final, "weight_integers", None)
    bits = entry.w_bits if integers is not None else None
    last: Tensor = integers if integers is not None else new
    return LayerReport(
        name=name,
        algorithm=entry.algorithm,
        ratio=entry.ratio,
        weights_before=old.numel(),
        weights_after=new.numel(),
        nonzero_after=int((last != 0).sum()),
        filters_before=old.shape[0],
        filters_after=new.shape[0],
        channels_before=old.shape[1],
        channels_after=new.shape[1],
        w_bits=bits,
        a_bits=entry.a_bits if integers is not None else None,
        bytes_before=old.numel() * FLOAT_BITS // 8,
        bytes_after=-(-new.numel() * (bits or FLOAT_BITS) // 8),
        rounding_sqnr_db=None if integers is None else _sqnr_db(new, final.weight.detach()),  # type: ignore[operator]
    )


def _sqnr_db(wanted: Tensor, got: Tensor) -> float | None:
    """Signal to noise of rows that may differ by one factor each (a batch normalisation's gain)."""
    rows, found = wanted.flatten(1).double(), got.flatten(1).double()
    gain = (rows * found).sum(1, keepdim=True) / rows.square().sum(1, keepdim=True).clamp_min(1e-300)
    signal = (rows * gain).square().sum().item()
    noise = (rows * gain - found).square().sum().item()
    return 10 * log10(signal / noise) if signal > 0 and noise > 0 else None
