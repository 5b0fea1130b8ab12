"""What a search found, as plain values and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from accel_sim import __version__
from rl.env.sensitivity import SensitivityTable
from rl.runs.final import FinalMeasurement, Finals, Winner
from rl.runs.request import Prepared
from rl.searchers.moves import best_of
from rl.searchers.protocol import Outcome

__all__ = ["WORST_LOSS_POINTS", "front", "history_rows", "hypervolume", "summary"]

WORST_LOSS_POINTS = 10.0
"""Loss at which the hypervolume ends."""


def front(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes that no other beats in both loss and energy, by rising loss; a loss below 0 counts as 0."""
    kept: list[Outcome] = []
    for outcome in sorted(outcomes, key=lambda one: (max(0.0, one.loss_points), -one.saved)):
        if not kept or outcome.saved > kept[-1].saved:
            kept.append(outcome)
    return kept


def hypervolume(outcomes: Sequence[Outcome]) -> float:
    """Share of the rectangle (0 to 10 points lost, 0 to all energy saved) that the outcomes' front covers, 0..1."""
    area, best = 0.0, 0.0
    left = [one for one in front(outcomes) if one.loss_points < WORST_LOSS_POINTS]
    if not left:
        return 0.0
    ends = [max(0.0, one.loss_points) for one in left[1:]] + [WORST_LOSS_POINTS]
    for outcome, end in zip(left, ends, strict=True):
        best = max(best, outcome.saved)
        area += best * (end - max(0.0, outcome.loss_points))
    return area / WORST_LOSS_POINTS


def history_rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row per tried policy, with the best so far."""
    rows = []
    for number, outcome in enumerate(outcomes, start=1):
        best = best_of(outcomes[:number])
        rows.append(
            {
                "episode": number,
                "reward": outcome.reward,
                "saved_percent": 100 * outcome.saved,
                "loss_points": outcome.loss_points,
                "within_bound": outcome.feasible,
                "top1_percent": outcome.evaluation.top1_percent,
                "cross_entropy_nats": outcome.evaluation.loss,
                "energy_pj": outcome.evaluation.energy_pj,
                "cycles": outcome.evaluation.cycles,
                "seconds": outcome.evaluation.seconds,
                "best_reward": best.reward,
                "best_saved_percent": 100 * best.saved,
                "best_within_bound": best.feasible,
            }
        )
    return rows


def summary(
    prepared: Prepared,
    table: SensitivityTable,
    outcomes: Sequence[Outcome],
    finals: Finals,
    winner: Winner,
    measured: Sequence[tuple[Outcome, FinalMeasurement]],
) -> dict[str, Any]:
    """Everything that ``summary.json`` holds. Percentages are 0..100; losses are against the float network."""
    request = prepared.request
    return {
        "schema": 1,
        "bitgrove": __version__,
        "model": request.model,
        "hardware": prepared.hardware.name,
        "hardware_hash": prepared.hardware.content_hash(),
        "data": request.data.partition(":")[0],
        "agent": request.agent,
        "seed": request.seed,
        "episodes": len(outcomes),
        "max_loss_points": request.max_loss_points,
        "margin": request.margin,
        "images": {
            "per_policy": prepared.inner.size,
            "search": prepared.search.size,
            "report": prepared.report.size,
            "calibration": prepared.calibration.size,
        },
        "sensitivity": {"probes": table.probes, "images": table.images},
        "float": {
            "search_top1_percent": finals.float_search_percent,
            "report_top1_percent": finals.float_report_percent,
        },
        "dense_8_bit": {
            "energy_pj": finals.reference.energy_pj,
            "cycles": finals.reference.cycles,
            "search_top1_percent": finals.reference.top1_percent,
            "report_top1_percent": finals.reference_report_percent,
        },
        "dense_16_bit": {"energy_pj": finals.energy_16_bits_pj},
        "best": _best(finals, winner),
        "finalists": [{"tried": _tried(outcome), **asdict(final)} for outcome, final in measured],
        "within_bound": sum(outcome.feasible for outcome in outcomes),
        "hypervolume": hypervolume(outcomes),
        "seconds": {
            "evaluations": sum(outcome.evaluation.seconds for outcome in outcomes),
            "simulations": sum(outcome.evaluation.simulation_seconds for outcome in outcomes),
        },
    }


def _best(finals: Finals, winner: Winner) -> dict[str, Any]:
    final = winner.final
    return {
        "within_bound": final.feasible,
        "energy_pj": final.energy_pj,
        "cycles": final.cycles,
        "latency_s": final.latency_s,
        "saved_percent": 100 * final.saved,
        "saved_percent_of_16_bit": 100 * (1 - final.energy_pj / finals.energy_16_bits_pj),
        "search_top1_percent": final.top1_percent,
        "search_loss_points": final.loss_points,
        "search_standard_error_points": final.standard_error_points,
        "report_top1_percent": winner.report_top1_percent,
        "report_loss_points": finals.float_report_percent - winner.report_top1_percent,
        "tried": _tried(winner.outcome),
    }


def _tried(outcome: Outcome) -> dict[str, Any]:
    return {
        "top1_percent": outcome.evaluation.top1_percent,
        "energy_pj": outcome.evaluation.energy_pj,
        "reward": outcome.reward,
        "loss_points": outcome.loss_points,
    }
