"""A specification as points, each with its machine, its model and the key of its result."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from accel_sim import __version__
from accel_sim.energy.sram_plugins import estimator_file
from accel_sim.errors import InputError
from accel_sim.hardware.diagnose import Problem, fail
from accel_sim.hardware.document import Document
from accel_sim.hardware.load import resolve_hardware
from accel_sim.hardware.schema import Hardware
from rl.requests import Request, operands_decide
from rl.sweeps.axes import Axis, expand
from rl.sweeps.bases import Bases, check_bases
from rl.sweeps.spec import MODEL_AXES, ModelEntry, SweepSpec, read_spec
from rl.sweeps.store import canonical_json
from rl.sweeps.workloads import read_workload

__all__ = ["Job", "Plan", "make_plan", "plan_of"]

_WEIGHTS_BY_NAME = "torchvision"
Phase = Callable[[str], object]


@dataclass(frozen=True)
class Job:
    """What one point takes: all that a worker needs to know.

    Attributes:
        hardware, request: the machine and the model; ``None`` where they are wrong.
        needs_operands: whether the model must run on its data.
        workload: hash of the workload that the request must give.
        problem: why this point cannot be computed, one line; else empty.
    """

    number: int
    hardware: Hardware | None
    request: Request | None
    needs_operands: bool
    workload: str
    problem: str = ""


@dataclass(frozen=True)
class Plan:
    """A sweep, ready to run; ``keys``, ``points`` and ``jobs`` by number."""

    title: str
    engine: str
    seed: int
    details: bool
    axes: tuple[Axis, ...]
    points: tuple[Mapping[str, Any], ...]
    keys: tuple[str, ...]
    jobs: tuple[Job, ...]


def make_plan(path: Path, phase: Phase) -> Plan:
    """Read a specification, expand it, and read its models.

    Args:
        path: of the YAML file; relative paths in it begin at its folder.
        phase: told what is being read.

    Raises:
        InputError: as :func:`plan_of`.
    """
    spec, document = read_spec(path)
    return plan_of(spec, document, path.parent, path.stem, phase)


def plan_of(spec: SweepSpec, document: Document, folder: Path, name: str, phase: Phase) -> Plan:
    """Expand a specification, and read its models.

    Args:
        document: what it was read from, for messages.
        folder: where its relative paths begin.
        name: title where the specification has none.
        phase: told what is being read.

    Raises:
        InputError: whatever is wrong for the sweep as a whole. What is wrong with single points is in their jobs.
    """
    bases = check_bases(spec, document, folder)
    try:
        points = expand(bases.axes, spec.zip, lambda point: _meets(bases, spec, document, point), spec.sample)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(document.label) else f"{document.label}: {text}") from None
    jobs, keys = _jobs(spec, document, bases, folder, points, phase)
    first: dict[str, int] = {}  # of points with the same result the first one stands
    for number, key in enumerate(keys):
        first.setdefault(key, number)
    kept = list(first.values())
    return Plan(
        title=spec.title or name,
        engine=spec.engine,
        seed=spec.seed,
        details=spec.details,
        axes=bases.axes,
        points=tuple(points[old] for old in kept),
        keys=tuple(keys[old] for old in kept),
        jobs=tuple(replace(jobs[old], number=new) for new, old in enumerate(kept)),
    )


def _meets(bases: Bases, spec: SweepSpec, document: Document, point: Mapping[str, Any]) -> bool:
    if not bases.conditions:
        return True
    values = bases.values(spec, point)
    for index, condition in enumerate(bases.conditions):
        try:
            if not condition.holds(values):
                return False
        except InputError as error:
            fail(document, [Problem(("when", str(index)), str(error))])
    return True


def _jobs(
    spec: SweepSpec,
    document: Document,
    bases: Bases,
    folder: Path,
    points: Sequence[Mapping[str, Any]],
    phase: Phase,
) -> tuple[list[Job], list[str]]:
    jobs, keys = [], []
    models = _Models(phase)
    for number, point in enumerate(points):
        label = point.get("model", next(iter(bases.models)))
        source = point.get("hardware", next(iter(bases.hardware)))
        overrides = {**spec.set, **{name: value for name, value in point.items() if name not in MODEL_AXES}}
        request = _request(bases.models[label], point, folder, spec.seed)
        try:
            hardware = resolve_hardware(bases.hardware[source], overrides)
            needs = request.data is not None and operands_decide([hardware], spec.engine)
            workload = models.hash_of(label, request, needs)
        except InputError as error:
            problem = " ".join(str(error).splitlines())
            job = Job(number, None, None, needs_operands=False, workload="", problem=problem)
            content: dict[str, Any] = {"hardware": source, "overrides": overrides, "request": repr(request)}
            content["problem"] = problem
        else:
            job = Job(number, hardware, request, needs, workload)
            content = {"hardware": hardware.resolved(), "files": _files(hardware), "workload": workload}
        content |= {"engine": spec.engine, "seed": spec.seed, "bitgrove": __version__}
        jobs.append(job)
        keys.append(hashlib.sha256(canonical_json(content).encode()).hexdigest()[:32])
    models.check(document, bases.places)
    return jobs, keys


class _Models:
    """Hashes of the workloads, each read once; remembers which models could never be read."""

    def __init__(self, phase: Phase) -> None:
        self._phase = phase
        self._known: dict[tuple[Request, bool], str | InputError] = {}
        self._failed: dict[str, InputError] = {}
        self._read: set[str] = set()

    def hash_of(self, label: str, request: Request, needs_operands: bool) -> str:
        """See :func:`read_workload`."""
        if (request, needs_operands) not in self._known:
            self._phase(f"reading {request.model}")
            try:
                self._known[request, needs_operands] = read_workload(request, needs_operands)[1]
            except InputError as error:
                self._known[request, needs_operands] = error
        found = self._known[request, needs_operands]
        if isinstance(found, InputError):
            self._failed.setdefault(label, found)
            raise found
        self._read.add(label)
        return found

    def check(self, document: Document, places: Mapping[str, tuple[str, ...]]) -> None:
        """Refuse models that no point could read."""
        wrong = {label: error for label, error in self._failed.items() if label not in self._read}
        if wrong:
            fail(document, [Problem(places[label], " ".join(str(e).splitlines())) for label, e in wrong.items()])


def _request(entry: ModelEntry, point: Mapping[str, Any], folder: Path, seed: int) -> Request:
    weights, policy = entry.weights, point.get("policy", entry.policy)
    is_file = Path(entry.model).suffix.lower() in (".onnx", ".csv")
    return Request(
        model=str(folder / entry.model) if is_file else entry.model,
        weights=None if weights is None else Path(weights) if weights == _WEIGHTS_BY_NAME else folder / weights,
        a_bits=point.get("a_bits", entry.a_bits),
        w_bits=point.get("w_bits", entry.w_bits),
        batch=point.get("batch", entry.batch),
        input_shape=entry.input_shape,
        data=entry.data,
        images=entry.images,
        seed=seed,
        policy=None if policy is None else folder / policy,
    )


def _files(hardware: Hardware) -> list[str]:
    """Contents of the files that a machine names; what ships with the package is known by its version."""
    estimator = hardware.energy.sram_estimator
    names = [hardware.dram.part, hardware.energy.table, *([estimator_file(estimator)] if estimator else [])]
    return [_content(name) for name in names]


@lru_cache
def _content(name: str) -> str:
    path = Path(name)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else name
