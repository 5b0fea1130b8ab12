"""Second-order N:M pruning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from accel_sim.operand_checks import n_m_groups
from compress.pruning.criterion import Need, PrunableLayer
from compress.pruning.gemm_order import from_gemm_rows
from compress.pruning.n_m.criterion import NmCriterion
from compress.pruning.n_m.n_m_magnitude import largest_of_groups
from compress.pruning.second_order.greedy import traces
from compress.pruning.second_order.hessian import EXACT_WORK, problem_of
from compress.pruning.second_order.reconstruct import reconstructed
from compress.pruning.second_order.sweep import sweep

__all__ = ["NmObs"]


@dataclass(frozen=True)
class NmObs(NmCriterion):
    """In each output, weights go in the order of least cost; a group that has lost its share loses no more.

    Exact greedy (Optimal Brain Compression) while n·k³/6 multiply-adds a group of the layer are affordable, else group
    by group along k (SparseGPT). Weights that stay are moved to make up for those that go.
    """

    name = "n_m_obs"
    needs = frozenset({Need.INPUT_MOMENTS})
    source = "Frantar and Alistarh, Optimal Brain Compression, 2022, and SparseGPT, 2023"

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:  # noqa: ARG002 the pattern says how many
        """What the greedy order leaves."""
        rows, hessian = problem_of(layer)
        groups, n, k = rows.shape
        pattern = [slice(*ends) for ends in n_m_groups(0, k, self.of, segment=layer.weight.shape[1])]
        choose = self._by_exact_greed if groups * n * k**3 / 6 <= EXACT_WORK else self._by_columns
        kept = torch.stack([choose(w, h, pattern) for w, h in zip(rows, hessian, strict=True)])
        return from_gemm_rows(kept, layer.weight.shape).to(layer.weight.device).contiguous()

    def update(self, layer: PrunableLayer, mask: Tensor) -> Tensor:
        """See :func:`~compress.pruning.second_order.reconstruct.reconstructed`."""
        return reconstructed(layer, mask)

    def _by_exact_greed(self, rows: Tensor, hessian: Tensor, pattern: Sequence[slice]) -> Tensor:
        quotas = [(torch.arange(group.start, group.stop), self._surplus(group)) for group in pattern]
        order = traces(rows[:, :, None], hessian, quotas=quotas).order
        return torch.ones_like(rows, dtype=torch.bool).scatter(1, order, value=False)

    def _by_columns(self, rows: Tensor, hessian: Tensor, pattern: Sequence[slice]) -> Tensor:
        kept = torch.ones_like(rows, dtype=torch.bool)

        def choose(columns: slice, costs: Tensor) -> Tensor:
            kept[:, columns] = largest_of_groups(costs, self.keep, self.of)
            return kept[:, columns]

        sweep(rows, hessian, pattern, choose)
        return kept

    def _surplus(self, group: slice) -> int:
        return int(max(0, group.stop - group.start - self.keep))
