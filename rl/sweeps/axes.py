"""From axes to points: the grid, axes that vary together, points that are drawn."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accel_sim.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rl.sweeps.spec import Sample

__all__ = ["MOST_POINTS", "Axis", "Point", "expand", "groups_of"]

MOST_POINTS = 1_000_000
_DRAWS_PER_POINT = 64
Point = dict[str, Any]
"""Axis name -> value."""


@dataclass(frozen=True)
class Axis:
    """What varies, and its values in order."""

    name: str
    values: tuple[Any, ...]


Group = tuple[tuple[Any, ...], ...]
"""Values of one or several axes that vary together, one tuple per step."""


def groups_of(axes: Sequence[Axis], together: Sequence[Sequence[str]]) -> list[tuple[tuple[str, ...], Group]]:
    """Axes in the order of the specification, those that vary together as one; names and steps of each."""
    by_name = {axis.name: axis for axis in axes}
    leader = {names[0]: tuple(names) for names in (sorted(g, key=list(by_name).index) for g in together)}
    followers = {name for names in leader.values() for name in names[1:]}
    groups = []
    for axis in axes:
        if axis.name not in followers:
            names = leader.get(axis.name, (axis.name,))
            groups.append((names, tuple(zip(*(by_name[name].values for name in names), strict=True))))
    return groups


def expand(
    axes: Sequence[Axis],
    together: Sequence[Sequence[str]],
    meets: Callable[[Mapping[str, Any]], bool],
    sample: Sample | None = None,
) -> list[Point]:
    """All points that meet the conditions, the first axis outermost; or as many as ``sample`` asks for.

    Raises:
        InputError: there are none, or too many.
    """
    groups = groups_of(axes, together)
    size = math.prod(len(steps) for _, steps in groups)
    if sample is not None and size > sample.n:
        points = list(itertools.islice(filter(meets, _drawn(groups, sample)), sample.n))
        if len(points) < sample.n and size <= MOST_POINTS:  # few points meet the conditions: draw from them
            points = _some(list(filter(meets, _grid(groups))), sample)
    else:
        if size > MOST_POINTS:
            raise InputError(f"axes: give {size:,} points; allowed: up to {MOST_POINTS:,}, or a sample")
        points = list(filter(meets, _grid(groups)))
    if not points:
        raise InputError("when: no point meets the conditions")
    order = [axis.name for axis in axes]
    return [{name: point[name] for name in order} for point in points]


def _grid(groups: Sequence[tuple[tuple[str, ...], Group]]) -> Iterator[Point]:
    indices = itertools.product(*(range(len(steps)) for _, steps in groups))
    return (_point(groups, index) for index in indices)


def _some(points: list[Point], sample: Sample) -> list[Point]:
    """As many as are asked for, in their order; all if there are no more."""
    if len(points) <= sample.n:
        return points
    chosen = random.Random(sample.seed).sample(range(len(points)), sample.n)
    return [points[index] for index in sorted(chosen)]


def _point(groups: Sequence[tuple[tuple[str, ...], Group]], index: Sequence[int]) -> Point:
    point: Point = {}
    for (names, steps), place in zip(groups, index, strict=True):
        point.update(zip(names, steps[place], strict=True))
    return point


def _drawn(groups: Sequence[tuple[tuple[str, ...], Group]], sample: Sample) -> Iterator[Point]:
    """Different points, as many as a bounded number of draws gives."""
    sizes = [len(steps) for _, steps in groups]
    seen: set[tuple[int, ...]] = set()
    for draw in _draws(len(sizes), sample):
        for row in draw:
            index = tuple(min(int(u * size), size - 1) for u, size in zip(row, sizes, strict=True))
            if index not in seen:
                seen.add(index)
                yield _point(groups, index)


def _draws(dimensions: int, sample: Sample) -> Iterator[NDArray[np.float64]]:
    """Blocks of uniform numbers ``(block, dimensions)``."""
    block = 1 << max(4, math.ceil(math.log2(sample.n)))
    if sample.kind == "random":
        import numpy

        generator = numpy.random.default_rng(sample.seed)
        for _ in range(_DRAWS_PER_POINT):
            yield generator.random((block, dimensions))
        return
    try:
        from scipy.stats import qmc
    except ImportError as error:
        raise InputError("sample.kind: sobol needs SciPy; pip install 'bitgrove[sweep]', or take random") from error
    sequence = qmc.Sobol(dimensions, seed=sample.seed)
    for _ in range(_DRAWS_PER_POINT):
        yield sequence.random(block)
