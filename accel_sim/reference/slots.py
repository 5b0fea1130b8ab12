"""Which k a PE row multiplies once zeros are squeezed out: the slots of one column block.

A *slot* is the place of one multiplication per column and step: ``step_lanes`` consecutive slots are a PE row of ws and
is, or a time step of os. Without compaction slot s is k = s. With it, a slot has several *candidates*, the k whose
operands the edge carries for it, and every column multiplies one of them.

Decisions
---------
* ``skip_rows`` and ``none``: one candidate, itself.
* ``n_m``: a group of ``of`` consecutive k gives ``min(keep, size)`` slots, which follow one another without gaps, so
  ``K' = Σ min(keep, size)``. Where a group at the end of a kernel position is short, a PE may so take lanes of two
  groups and its edge carries the candidates of both. A column with fewer non-zero weights than slots fills up with
  its lowest zero k, which are multiplied like any value. A tile's border along k cuts a group in two.
* ``pack_columns``: every k is packed, all-zero ones last, as the page says; with several lanes, each lane of a PE row
  is a slot of its own. A column that is zero in the whole slot multiplies the slot's first k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.operand_checks import n_m_groups
from accel_sim.reference.spec import ArraySpec

__all__ = ["Slots", "column_slots"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Slots:
    """Slots of one column block of ``c`` columns.

    Attributes:
        candidates: ``(slots, width)``, k of each candidate, -1 where a slot has fewer.
        chosen: ``(slots, c)``, the k that each column multiplies.
        decodes_once: indices that the edge decodes once per fold (``skip_rows``).
        decodes_per_step: whether each multiplication decodes an index (``n_m``, ``pack_columns``).
        index_bits: width of the index that travels and rests beside a weight.

    """

    candidates: Ints
    chosen: Ints
    decodes_once: int = 0
    decodes_per_step: bool = False
    index_bits: int = 0

    @property
    def count(self) -> int:
        """Number of slots."""
        return len(self.candidates)


def column_slots(weights: Ints, spec: ArraySpec, segment: int, first_k: int = 0) -> Slots:
    """Slots of the columns of ``weights`` (k, c), whose first k is the layer's ``first_k``; k below count from there.

    For ``is``, whose columns are not those of the weights, ``weights`` are all columns and ``chosen`` has one.
    """
    if spec.weight_sparsity == "n_m":
        return _n_m_slots(weights, spec.nm_keep, spec.nm_of, segment, first_k)
    if spec.weight_sparsity == "pack_columns":
        return _packed_slots(weights, spec.pack_limit)
    k = np.arange(len(weights))
    skips = spec.weight_sparsity == "skip_rows"
    if skips:
        k = k[(weights != 0).any(axis=1)]
    columns = 1 if spec.dataflow == "is" else weights.shape[1]
    return Slots(k[:, None], np.repeat(k[:, None], columns, axis=1), decodes_once=len(k) if skips else 0)


def _n_m_slots(weights: Ints, keep: int, of: int, segment: int, first_k: int) -> Slots:
    candidates, chosen = [], []
    for start, stop in n_m_groups(first_k, first_k + len(weights), of, segment):
        first, last = start - first_k, stop - first_k
        size = last - first
        slots = min(keep, size)
        # Non-zero k first, then zero ones, each in ascending order; the chosen ones ascend too.
        order = np.argsort(weights[first:last] == 0, axis=0, kind="stable")[:slots]
        chosen.append(first + np.sort(order, axis=0))
        row = np.full(of, -1)
        row[:size] = np.arange(first, last)
        candidates.append(np.repeat(row[None], slots, axis=0))
    return Slots(np.concatenate(candidates), np.concatenate(chosen), 0, True, (of - 1).bit_length())


def _packed_slots(weights: Ints, limit: int) -> Slots:
    """Column combining without pruning: densest k first, ties by lower k, each into the first row that fits."""
    nonzero = weights != 0
    order = np.argsort(-nonzero.sum(axis=1), kind="stable")
    members: list[list[int]] = []
    taken: list[NDArray[np.bool_]] = []
    for k in order:
        for slot, row in enumerate(taken):
            if len(members[slot]) < limit and not (row & nonzero[k]).any():
                members[slot].append(int(k))
                taken[slot] = row | nonzero[k]
                break
        else:
            members.append([int(k)])
            taken.append(nonzero[k])
    candidates = np.full((len(members), max(map(len, members))), -1)
    chosen = np.empty((len(members), weights.shape[1]), np.int64)
    for slot, ks in enumerate(members):
        candidates[slot, : len(ks)] = ks
        chosen[slot] = np.asarray(ks)[np.argmax(nonzero[ks], axis=0)]
    return Slots(candidates, chosen, 0, True, (limit - 1).bit_length())
