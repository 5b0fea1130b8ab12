"""All pruning algorithms by name: every concrete :class:`Criterion` in the modules of :data:`FAMILIES`, and a user's.

A new algorithm of the package is one new file in one of these packages; its class says its own name. A user's own class
is made known by :func:`register_criterion`, for this process.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import MappingProxyType, ModuleType
from typing import TypeVar

from accel_sim.errors import PolicyError
from compress.policy.schema import LayerPolicy
from compress.pruning.block.criterion import BlockCriterion
from compress.pruning.check import check_criterion
from compress.pruning.criterion import Criterion, Registry
from compress.pruning.n_m.criterion import NmCriterion

__all__ = ["FAMILIES", "criteria", "make_criterion", "register_criterion"]

_Class = TypeVar("_Class", bound=type[Criterion])

FAMILIES = (
    "compress.pruning.element",
    "compress.pruning.n_m",
    "compress.pruning.block",
    "compress.pruning.structured",
)
"""Packages whose modules hold the algorithms."""


_registered: dict[str, type[Criterion]] = {}


def criteria() -> Registry:
    """Name of an algorithm, as policies spell it -> its class; a user's own ones come last.

    >>> sorted(name for name in criteria() if name.startswith("n_m"))
    ['n_m_magnitude', 'n_m_obs']
    """
    return MappingProxyType({**_shipped(), **_registered})


def register_criterion(criterion: _Class) -> _Class:
    """Make a class known under its name, so that policies of this process can ask for it; a decorator.

    A class of the same name that was registered before is replaced, as when a notebook's cell runs again; the shipped
    algorithms stay what they are. Worker processes know only what the modules that they import register.

    Raises:
        PolicyError: the name is that of a shipped algorithm, or :func:`~compress.pruning.check.check_criterion` finds
            fault with the class.
    """
    check_criterion(criterion)
    if criterion.name in _shipped():
        raise PolicyError(f"criterion {criterion.__name__}: the name {criterion.name!r} is that of a shipped algorithm")
    _registered[criterion.name] = criterion
    return criterion


@cache
def _shipped() -> Registry:
    found = [criterion for family in FAMILIES for module in _modules(family) for criterion in _defined_in(module)]
    return MappingProxyType({criterion.name: criterion for criterion in found})


def make_criterion(entry: LayerPolicy) -> Criterion:
    """The algorithm of one layer's policy with its options.

    Raises:
        PolicyError: an algorithm that is not known; a pattern or block shape that the algorithm has no use for, that
            it needs and is not there, or that removes nothing; a ratio beside an N:M pattern.
    """
    criterion = _known(entry.algorithm)
    patterned, blocked = issubclass(criterion, NmCriterion), issubclass(criterion, BlockCriterion)
    for option, given, wanted in (("n_m", entry.n_m, patterned), ("block", entry.block, blocked)):
        if given is not None and not wanted:
            raise PolicyError(f"algorithm {entry.algorithm}: {option} is given; allowed: no {option} here")
        if given is None and wanted:
            raise PolicyError(f"algorithm {entry.algorithm}: {option} is missing; allowed: {_FORMS[option]}")
    if issubclass(criterion, NmCriterion) and entry.n_m is not None:
        if entry.ratio:
            raise PolicyError(f"algorithm {entry.algorithm}: ratio is {entry.ratio}; allowed: none, n_m says it all")
        return criterion(entry.n_m.keep, entry.n_m.of)
    if issubclass(criterion, BlockCriterion) and entry.block is not None:
        return criterion(entry.block.rows, entry.block.cols)
    return criterion()


_FORMS = {"n_m": "e.g. {keep: 2, of: 4}", "block": "e.g. {rows: 4, cols: 4}"}


def _known(name: str) -> type[Criterion]:
    known = criteria()
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise PolicyError(f"algorithm {name!r}: is not known{hint}; allowed: {', '.join(sorted(known))}")


def _modules(family: str) -> Iterator[ModuleType]:
    package = importlib.import_module(family)
    for entry in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{family}.{entry.name}")


def _defined_in(module: ModuleType) -> Iterator[type[Criterion]]:
    for value in vars(module).values():
        if (
            inspect.isclass(value)
            and issubclass(value, Criterion)
            and value.__module__ == module.__name__
            and not inspect.isabstract(value)
        ):
            yield value
