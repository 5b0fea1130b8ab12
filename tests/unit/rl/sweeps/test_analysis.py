"""Best points, fronts and sensitivities on metrics that are known."""

from __future__ import annotations

import itertools
import random

import pytest

from accel_sim.errors import InputError
from rl.sweeps import analysis
from rl.sweeps.analysis import best_points, check_metrics, pareto_front, sensitivity, where
from rl.sweeps.store import StoredPoint


def point(number: int, axes: dict[str, object], **metrics: float) -> StoredPoint:
    return StoredPoint(number, str(number), axes, "done", "", metrics)


def grid() -> list[StoredPoint]:
    """A latency that ``a`` decides and ``b`` a little; ``c`` does nothing."""
    axes = itertools.product([1, 2, 4, 8], ["x", "y"], [1, 2, 3, 4])
    return [
        point(n, {"a": a, "b": b, "c": c}, latency_s=a * (1.1 if b == "x" else 1.0), tops=1 / a)
        for n, (a, b, c) in enumerate(axes)
    ]


def test_a_front_is_what_nothing_beats() -> None:
    draw = random.Random(0)
    points = [point(n, {}, x=draw.randint(0, 20), tops=draw.randint(0, 20), z=draw.random()) for n in range(200)]
    for metrics in (("x", "tops"), ("x", "tops", "z")):
        costs = {p.number: tuple(-p.metrics[m] if m == "tops" else p.metrics[m] for m in metrics) for p in points}
        beaten = {
            n
            for n, own in costs.items()
            for m, other in costs.items()
            if all(o <= s for o, s in zip(other, own, strict=True)) and (other != own or m < n)
        }
        front = [p.number for p in pareto_front(points, metrics)]
        assert set(front) == set(costs) - beaten
        assert [costs[n] for n in front] == sorted(costs[n] for n in front)


def test_best_is_least_or_most() -> None:
    points = grid()
    assert [p.axes["a"] for p in best_points(points, "latency_s", 4)] == [1, 1, 1, 1]
    assert best_points(points, "tops", 1)[0].number == 0


@pytest.mark.parametrize("with_forest", [True, False])
def test_sensitivity_names_the_axis_that_matters(with_forest: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if with_forest:
        pytest.importorskip("sklearn")
    else:
        monkeypatch.setattr(analysis, "_permutation_importances", lambda *_: None)
    found = sensitivity(grid(), "latency_s")
    assert found is not None
    assert found.method == ("permutation importance" if with_forest else "variance explained")
    assert found.shares["a"] > 0.95 > 0.05 > found.shares["b"] > found.shares["c"] >= 0
    assert sum(found.shares.values()) == pytest.approx(1)
    assert sensitivity(grid()[:1], "latency_s") is None


def test_where_and_metrics() -> None:
    points = [*grid(), StoredPoint(99, "k", {"a": 1}, "failed", "why")]
    assert len(where(points, None)) == 32
    assert {p.axes["a"] for p in where(points, "latency_s < 3 and b == 'y'")} == {1, 2}
    with pytest.raises(InputError, match="--where 'latency < 3': unknown name 'latency'; did you mean 'latency_s'"):
        where(points, "latency < 3")
    with pytest.raises(InputError, match="metric 'latency': is not known; did you mean 'latency_s'"):
        check_metrics(points, ["latency"])
