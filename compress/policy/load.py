"""Policies from YAML files and back, and the check that one fits a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from accel_sim.errors import PolicyError
from accel_sim.hardware.diagnose import Problem, fail, suggestion, validate
from accel_sim.hardware.document import Document, FieldPath, FileKind, read_document
from compress.policy.schema import LayerPolicy, Policy

__all__ = ["AlgorithmForm", "PolicyFile", "check_policy", "policy_yaml", "read_policy"]

POLICY_FILE = FileKind(max_bytes=1 << 20, max_values=50_000, error=PolicyError)
"""A network of a thousand layers has some 10,000 names and values."""


@dataclass(frozen=True)
class PolicyFile:
    """A policy and where each of its fields stands."""

    policy: Policy
    document: Document


@dataclass(frozen=True)
class AlgorithmForm:
    """What a pruning algorithm is told beside the layer.

    Attributes:
        pattern: the field that it needs, ``n_m`` or ``block``; ``None``: neither.
        takes_ratio: whether the share to remove is the ratio (else the pattern says it).
    """

    pattern: str | None = None
    takes_ratio: bool = True


def read_policy(path: Path) -> PolicyFile:
    """Read a policy file; whether it fits a network is :func:`check_policy`'s business.

    Raises:
        PolicyError: the file cannot be read, is no YAML mapping, or has unknown or wrong fields; one line for each.
    """
    document = read_document(path, kind=POLICY_FILE)
    return PolicyFile(validate(Policy, document), document)


def policy_yaml(policy: Policy) -> str:
    """The policy as a YAML file that :func:`read_policy` reads back to an equal policy."""
    # what a layer leaves out is inherited, so it stays left out
    tree = {"schema": 1, **policy.model_dump(by_alias=True, exclude_none=True, exclude_unset=True)}
    text = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(tree, text)
    return text.getvalue()


def check_policy(
    policy: Policy,
    layers: Mapping[str, object],
    algorithms: Mapping[str, AlgorithmForm],
    document: Document | None = None,
) -> None:
    """Make sure that a policy can be applied to a network.

    Args:
        layers: the network's prunable layers by name.
        algorithms: what can be asked for.
        document: the file that it was read from, for messages that say where.

    Raises:
        PolicyError: unknown layers or algorithms (with the nearest that is known), a ratio without an algorithm, an
            algorithm without what it needs; one line for each, all at once.
    """
    problems = [
        Problem(("layers", name), f"is no layer of the network; {_hint(name, layers)}", at_key=True)
        for name in policy.layers
        if name not in layers
    ]
    for path, entry in _entries(policy):
        problems += _entry_problems(path, entry, algorithms)
    if problems:
        fail(document or Document("policy", {}, kind=POLICY_FILE), problems)


def _hint(name: str, layers: Mapping[str, object]) -> str:
    shown = list(layers)[:3]
    return suggestion(name, layers) or f"{len(layers)} are known, e.g. {', '.join(shown)}"


def _entries(policy: Policy) -> Iterator[tuple[FieldPath, LayerPolicy]]:
    yield ("defaults",), policy.defaults
    for name, entry in policy.layers.items():
        yield ("layers", name), entry


def _entry_problems(path: FieldPath, entry: LayerPolicy, algorithms: Mapping[str, AlgorithmForm]) -> Iterator[Problem]:
    if entry.algorithm == "none":
        form = AlgorithmForm(takes_ratio=False)
    elif entry.algorithm in algorithms:
        form = algorithms[entry.algorithm]
    else:
        hint = suggestion(entry.algorithm, algorithms)
        allowed = f"allowed: none, {', '.join(algorithms)}"
        yield Problem((*path, "algorithm"), f"holds {entry.algorithm!r}; {hint + '; ' if hint else ''}{allowed}")
        return
    if entry.ratio and not form.takes_ratio:
        reason = "has a pattern, not a ratio" if form.pattern else "removes nothing"
        yield Problem((*path, "ratio"), f"holds {entry.ratio}, but algorithm {entry.algorithm!r} {reason}; allowed: 0")
    for pattern in ("n_m", "block"):
        given = getattr(entry, pattern) is not None
        if given and form.pattern != pattern:
            yield Problem((*path, pattern), f"has no meaning for algorithm {entry.algorithm!r}", at_key=True)
        if not given and form.pattern == pattern:
            yield Problem((*path, pattern), f"is missing; algorithm {entry.algorithm!r} needs it", at_key=True)
    if entry.n_m is not None and entry.n_m.keep >= entry.n_m.of:
        yield Problem((*path, "n_m", "keep"), f"holds {entry.n_m.keep}; allowed: less than of, {entry.n_m.of}")
