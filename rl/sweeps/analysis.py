"""What a sweep shows: the best points, the Pareto front, and how much each axis matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import InputError
from accel_sim.hardware.diagnose import suggestion
from rl.sweeps.expressions import parse_expression
from rl.sweeps.store import DONE, StoredPoint, canonical_json

__all__ = ["MAXIMISED", "Sensitivity", "best_points", "check_metrics", "pareto_front", "sensitivity", "where"]

MAXIMISED = frozenset({"tops", "tops_per_w", "tops_per_mm2", "utilization", "macs.skipped"})
"""Metrics of which more is better; of all others less is."""
_LEAST_FOR_FOREST = 24
_TREES, _REPEATS = 60, 5


@dataclass(frozen=True)
class Sensitivity:
    """How much of a metric each axis decides.

    Attributes:
        method: ``permutation importance``, or ``variance explained``.
        shares: axis -> 0..1: of the permutation importances their part in the sum, else of the variance of the
            metric's logarithm what the means per value explain.
    """

    metric: str
    method: str
    shares: Mapping[str, float]


def check_metrics(points: Sequence[StoredPoint], names: Sequence[str]) -> None:
    """Refuse names that are no numeric metric of the points.

    Raises:
        InputError: names the metric.
    """
    known = sorted(
        {name for point in points for name, value in point.metrics.items() if isinstance(value, int | float)}
    )
    for name in names:
        if known and name not in known:
            guess = suggestion(name, known) or f"metrics: {', '.join(known)}"
            raise InputError(f"metric {name!r}: is not known; {guess}")


def where(points: Sequence[StoredPoint], text: str | None) -> list[StoredPoint]:
    """The computed points that meet a condition on metrics and axes.

    Raises:
        InputError: a wrong condition.
    """
    done = [point for point in points if point.status == DONE]
    if text is None:
        return done
    try:
        condition = parse_expression(text)
        return [point for point in done if condition.holds({**point.metrics, **point.axes})]
    except InputError as error:
        raise InputError(f"--where {error}") from None


def _cost(point: StoredPoint, metric: str) -> float:
    value = float(point.metrics[metric])
    return -value if metric in MAXIMISED else value


def best_points(points: Sequence[StoredPoint], metric: str, count: int) -> list[StoredPoint]:
    """The ``count`` best, the best first; of equals the one that comes first in the specification."""
    return sorted(points, key=lambda point: (_cost(point, metric), point.number))[:count]


def pareto_front(points: Sequence[StoredPoint], metrics: Sequence[str]) -> list[StoredPoint]:
    """Points that no other beats in one metric without losing in another, by the first metric.

    Of points that are equal in all metrics the first one stands.
    """
    ordered = sorted(points, key=lambda point: (*(_cost(point, name) for name in metrics), point.number))
    costs = np.array([[_cost(point, name) for name in metrics] for point in ordered]).reshape(-1, len(metrics))
    front: list[int] = []
    for index in range(len(ordered)):  # whatever beats a point stands before it
        kept = costs[front]
        if not len(front) or not np.any(np.all(kept <= costs[index], axis=1)):
            front.append(index)
    return [ordered[index] for index in front]


def sensitivity(points: Sequence[StoredPoint], metric: str) -> Sensitivity | None:
    """How much each axis that varies decides a metric; ``None`` where there is too little to say anything."""
    names = [name for name in (points[0].axes if points else {}) if len(_values(points, name)) > 1]
    values = np.array([float(point.metrics[metric]) for point in points])
    if not names or len(points) < 2 or np.ptp(values) == 0:
        return None
    target = np.log(values) if np.all(values > 0) else values
    columns = np.stack([_column(points, name) for name in names], axis=1)
    if len(points) >= _LEAST_FOR_FOREST:
        importances = _permutation_importances(columns, target)
        if importances is not None:
            return Sensitivity(metric, "permutation importance", dict(zip(names, importances, strict=True)))
    explained = [_variance_explained(columns[:, index], target) for index in range(len(names))]
    return Sensitivity(metric, "variance explained", dict(zip(names, explained, strict=True)))


def _values(points: Sequence[StoredPoint], name: str) -> set[str]:
    return {canonical_json(point.axes[name]) for point in points}


def _column(points: Sequence[StoredPoint], name: str) -> NDArray[np.float64]:
    """An axis as numbers: its own, or the places of its values in order of appearance."""
    values: list[Any] = [point.axes[name] for point in points]
    if all(isinstance(value, int | float) for value in values):
        return np.array(values, np.float64)
    places: dict[str, int] = {}
    return np.array([places.setdefault(canonical_json(value), len(places)) for value in values], np.float64)


def _permutation_importances(columns: NDArray[np.float64], target: NDArray[np.float64]) -> list[float] | None:
    """Parts of the loss of R² when one column is shuffled; ``None`` without scikit-learn."""
    try:
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.inspection import permutation_importance
    except ImportError:
        return None
    forest = RandomForestRegressor(_TREES, random_state=0).fit(columns, target)
    found = permutation_importance(forest, columns, target, n_repeats=_REPEATS, random_state=0)
    losses = np.maximum(found.importances_mean, 0)
    total = float(losses.sum())
    return [float(loss) / total if total else 0.0 for loss in losses]


def _variance_explained(column: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Variance of the means per value over the variance of all."""
    _, group = np.unique(column, return_inverse=True)
    sizes = np.bincount(group)
    means = np.bincount(group, weights=target) / sizes
    between = float(np.sum(sizes * (means - target.mean()) ** 2))
    return between / float(np.sum((target - target.mean()) ** 2))
