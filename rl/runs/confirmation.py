"""What looks like the best policy so far is measured in full before a search believes it.

A policy is tried on few images, and with repairs that save time. Whoever looks best there was lucky on those images and
with those repairs, and a search that believes it goes where the luck is. So a policy that seems to be within the bound
and to save more than all before is compressed with its full repairs and measured on all search images; its loss, and
the margin, is what the searcher is told. What such measurements found beyond the first impression is remembered: where
a policy must be expected to miss the bound by it, it is not measured, and the searcher is told the expectation.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median_low
from time import perf_counter

from rl.env.evaluator import Evaluation
from rl.env.reward import Reward
from rl.env.space import Candidate
from rl.runs.final import Finals, candidate_key
from rl.runs.store import SearchStore

__all__ = ["Confirmation"]

GAPS = "gaps"
DOUBT = 1
"""Measurements without a gap that are counted in: the first one alone does not decide. The lower median, not the mean:
a policy that falls apart in full says little about others."""


class Confirmation:
    """Called with a candidate and what it was worth when it was tried; returns what the searcher is told instead.

    Args:
        finals: measures in full.
        reward: of the few images.
        store: keeps the gaps, so that a search that goes on expects the same.
    """

    def __init__(self, finals: Finals, reward: Reward, store: SearchStore) -> None:
        self._finals, self._reward, self._store = finals, reward, store
        self._gaps: dict[str, float] = store.fact(GAPS) or {}

    def __call__(self, candidate: Candidate, evaluation: Evaluation) -> Evaluation:
        """See the class."""
        start, tried = perf_counter(), self._reward.loss_points(evaluation.top1_percent)
        expected = tried + median_low([*self._gaps.values(), *[0.0] * DOUBT])
        if expected > self._reward.max_loss_points:
            return self._told(evaluation, expected, evaluation.energy_pj, start)
        final = self._finals.measure(candidate)
        lost = self._finals.pessimistic_loss_points(final)
        self._gaps[candidate_key(candidate)] = lost - tried
        self._store.set_fact(GAPS, self._gaps)
        return self._told(evaluation, lost, (1 - final.saved) * self._reward.reference_energy_pj, start)

    def _told(self, evaluation: Evaluation, lost: float, energy_pj: float, start: float) -> Evaluation:
        return replace(
            evaluation,
            top1_percent=self._reward.reference_top1_percent - lost,
            energy_pj=energy_pj,
            seconds=evaluation.seconds + perf_counter() - start,
        )
