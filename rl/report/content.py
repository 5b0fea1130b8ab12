"""Everything that the page shows, as one tree of plain lists and numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accel_sim import __version__
from accel_sim.labels import COMPONENT_LABELS
from accel_sim.plots.style import COMPONENT_COLOURS, COMPUTE_COLOUR, GREY, KIND_STYLES, STALL_COLOUR
from rl.report.axes import axis_columns
from rl.report.details import VECTOR_KIND, Network, point_layers, rounded
from rl.report.front import front
from rl.report.machines import machine_fields, text_of
from rl.report.metrics import Metric, metrics_of, value_of
from rl.report.points import PointFolder
from rl.sweeps.store import StoredPoint

__all__ = ["build_content", "compact_json"]

Progress = Callable[[int, int, str], object]

_DIGITS = 5
_FRONT_OF = ("latency_s", "energy_j", "area_mm2")
_BEST_BY = ("edp_js", "energy_j", "latency_s", "area_mm2", "tops_per_w", "tops")
_PATTERNS = {"fifos": "/", "sparsity_logic": "."}
_SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond"}
_FACTS = ("bitgrove", "engine", "hardware_hash", "seed", "operands")


@dataclass
class _Details:
    """Details of points while they are read: machines of all, layers of as many as could fit into ``room`` bytes."""

    room: int
    machines: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    facts: dict[int, dict[str, Any]] = field(default_factory=dict)
    layers: dict[int, dict[str, Any]] = field(default_factory=dict)
    networks: dict[Network, int] = field(default_factory=dict)

    def add(self, place: int, result: Mapping[str, Any], where: str) -> None:
        """Take a point's result in; its layers only while they fit."""
        self.machines[place] = result["hardware"]
        self.facts[place] = {key: result[key] for key in _FACTS if key in result}
        if self.room <= 0:
            return
        layers = point_layers(result, where)
        self.layers[place] = layers.to_dict(self.networks.setdefault(layers.network, len(self.networks)))
        self.room -= _entry_size(place, self.layers[place])

    def layers_within(self, room: int) -> dict[int, dict[str, Any]]:
        """Layers of the points that were added first, so many as take up to ``room`` bytes."""
        kept: dict[int, dict[str, Any]] = {}
        for place, tree in self.layers.items():
            room -= _entry_size(place, tree)
            if room < 0:
                break
            kept[place] = tree
        return kept


def build_content(folder: PointFolder, title: str, room: int, progress: Progress) -> dict[str, Any]:
    """Read all of ``folder``.

    Args:
        title: heading of the page.
        room: bytes of JSON that all of it may take; the layers of points that are worse are left out to keep to it.
        progress: called for each point whose full result was read.

    Raises:
        InputError: something in the folder is damaged.
    """
    stored = folder.points()
    points = [point for point in stored if point.done]
    metrics = metrics_of(points)
    values = {metric.key: [_rounded(value_of(point, metric.key)) for point in points] for metric in metrics}
    details = _Details(room)
    order = _by_worth(points)
    for done, place in enumerate(order, 1):
        result = folder.detail(points[place].number)
        if result is not None:
            details.add(place, result, f"point {points[place].number}")
        progress(done, len(order), "reading points")
    known = sorted(details.machines)
    machines = machine_fields([details.machines[place] for place in known])
    single_runs = [axis.name for axis in folder.axes] == ["file"]
    axes = axis_columns(folder.axes, points, machines if single_runs else None)
    versions = {str(facts["bitgrove"]) for facts in details.facts.values()}
    content = {
        "title": title,
        "bitgrove": __version__,
        "versions": sorted(versions),
        "axes": [axis.to_dict() for axis in axes],
        "metrics": [metric.to_dict() for metric in metrics],
        "numbers": [point.number for point in points],
        "models": [_model_of(point) for point in points],
        "machines": [str(point.metrics.get("hardware", "")) for point in points],
        "values": values,
        "failed": [_failure(point) for point in stored if not point.done],
        "best": _best(points, metrics),
        "styles": _styles(),
        "common": machines.common,
        "fields": machines.varying,
        "facts": details.facts,
        "resolved": {place: [_text(value) for value in row] for place, row in zip(known, machines.rows, strict=True)},
        "networks": [network.to_dict() for network in details.networks],
        "layers": {},
    }
    return {**content, "layers": details.layers_within(room - len(compact_json(content)))}


def compact_json(tree: Any) -> str:
    """``tree`` without blanks, of ASCII alone, and safe between the tags of a script."""
    text = json.dumps(tree, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def _entry_size(place: int, tree: Any) -> int:
    return len(compact_json({place: tree}))


def _rounded(value: float | None) -> float | None:
    return rounded(value, _DIGITS) if isinstance(value, float) else value


def _text(value: Any) -> str | None:
    return None if value is None else text_of(value)


def _failure(point: StoredPoint) -> dict[str, Any]:
    axes = {name: text_of(value) for name, value in point.axes.items()}
    return {"number": point.number, "axes": axes, "message": point.message or point.status}


def _models(points: Sequence[StoredPoint]) -> list[tuple[str, list[int]]]:
    """Each model, in the order of the points, and their places."""
    models = [_model_of(point) for point in points]
    return [(model, [place for place, other in enumerate(models) if other == model]) for model in dict.fromkeys(models)]


def _model_of(point: StoredPoint) -> str:
    """The model as the sweep calls it, with what tells it from the same network read otherwise."""
    return text_of(point.axes.get("model", point.metrics.get("model", "")))


def _by_worth(points: Sequence[StoredPoint]) -> list[int]:
    """Places of all points: those on the front of any model first, each part by energy-delay product."""
    on_front: set[int] = set()
    for _, places in _models(points):
        measured = [place for place in places if all(value_of(points[place], key) is not None for key in _FRONT_OF)]
        rows = [[value_of(points[place], key) or 0.0 for key in _FRONT_OF] for place in measured]
        on_front |= {measured[row] for row in front(rows)}
    products = [value_of(point, "edp_js") for point in points]
    least = {place: min(products[other] or 0.0 for other in group) for _, group in _models(points) for place in group}

    def worth(place: int) -> tuple[bool, float, int]:
        product = products[place]
        relative = float("inf") if product is None else product / (least[place] or 1.0)
        return place not in on_front, relative, place

    return sorted(range(len(points)), key=worth)


def _best(points: Sequence[StoredPoint], metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    """For each model, the point that is best by each of the usual criteria."""
    by_key = {metric.key: metric for metric in metrics}
    found: list[dict[str, Any]] = []
    for model, places in _models(points):
        best: dict[str, int] = {}
        for key in (key for key in _BEST_BY if key in by_key):
            known = [(value, place) for place in places if (value := value_of(points[place], key)) is not None]
            if known:
                best[key] = min(known, key=lambda pair: (-by_key[key].better * pair[0], pair[1]))[1]
        found.append({"model": model, "points": len(places), "best": best})
    return found


def _styles() -> dict[str, Any]:
    """Colours and marks, the same as in the pictures of ``simulate --plot``."""
    return {
        "components": [
            {"key": name, "label": label, "colour": COMPONENT_COLOURS[name], "pattern": _PATTERNS.get(name, "")}
            for name, label in COMPONENT_LABELS.items()
        ],
        "kinds": {
            **{kind: {"symbol": _SYMBOLS[mark], "colour": colour} for kind, (mark, colour) in KIND_STYLES.items()},
            VECTOR_KIND: {"symbol": "x", "colour": GREY},
        },
        "compute": COMPUTE_COLOUR,
        "stall": STALL_COLOUR,
    }
