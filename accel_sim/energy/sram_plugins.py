"""Estimators of SRAMs that a user brings: a Python function in place of the shipped CACTI table.

``energy.sram_estimator`` holds ``MODULE:CALLABLE``, or the name of an entry point in the group
``bitgrove.sram_estimators`` of an installed package. The function is called with keywords ``kib, word_bits, banks,
node_nm, cell, ports, temperature_k`` and returns a mapping (or an object with these attributes) of ``read_pj``,
``write_pj``, ``leakage_mw``, ``area_mm2`` and ``access_ns``: energies per access of one bank's word, leakage and area
of all banks. That is also the way to McPAT or a memory compiler. ``hwcomponents`` is shipped
(:mod:`accel_sim.energy.hwcomponents_sram`).
"""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any

from accel_sim.energy.hwcomponents_sram import check_installed, hwcomponents_sram
from accel_sim.energy.sram import SramEstimate, sram_estimate
from accel_sim.errors import HardwareError
from accel_sim.hardware.diagnose import suggestion

__all__ = ["GROUP", "estimate_sram", "estimator_file", "find_estimator"]

GROUP = "bitgrove.sram_estimators"
HWCOMPONENTS = "hwcomponents"
Estimator = Callable[..., Any]


@lru_cache(maxsize=32)
def find_estimator(name: str) -> Estimator:
    """The function that ``energy.sram_estimator`` names.

    Raises:
        HardwareError: there is none, or its module does not import.
    """
    module, colon, attribute = name.partition(":")
    if name == HWCOMPONENTS:
        return _called(name, _hwcomponents)
    if not colon:
        known = {point.name: point for point in entry_points(group=GROUP)}
        if name not in known:
            hint = (
                suggestion(name, [HWCOMPONENTS, *known])
                or f"allowed: MODULE:CALLABLE, or one of {', '.join([HWCOMPONENTS, *known])}"
            )
            raise HardwareError(f"holds {name!r}; {hint}")
        return _called(name, lambda: known[name].load())
    return _called(name, lambda: getattr(importlib.import_module(module), attribute))


def _hwcomponents() -> Estimator:
    check_installed()
    return hwcomponents_sram


def estimator_file(name: str) -> str:
    """Path of the source that the function of ``energy.sram_estimator`` stands in; its name where there is none."""
    try:
        return inspect.getsourcefile(inspect.unwrap(find_estimator(name))) or name
    except TypeError:
        return name


def _called(name: str, load: Callable[[], Any]) -> Estimator:
    try:
        found = load()
    except (ImportError, AttributeError, ValueError) as error:
        raise HardwareError(f"holds {name!r}; {error}") from error
    if not callable(found):
        raise HardwareError(f"holds {name!r}, which is no function")
    estimator: Estimator = found
    return estimator


@lru_cache(maxsize=4096)
def estimate_sram(
    name: str | None,
    kib: float,
    word_bits: int,
    banks: int,
    node_nm: float,
    cell: str,
    ports: str,
    temperature_k: float,
    voltage_v: float | None = None,
) -> SramEstimate:
    """One SRAM by the estimator ``name``, or by the shipped table (``voltage_v``: other than CACTI's supply).

    Raises:
        HardwareError: the user's function fails, or returns something else.
    """
    if name is None:
        return sram_estimate(kib, word_bits, banks, node_nm, cell, ports, temperature_k, voltage_v)
    try:
        found = find_estimator(name)(
            kib=kib,
            word_bits=word_bits,
            banks=banks,
            node_nm=node_nm,
            cell=cell,
            ports=ports,
            temperature_k=temperature_k,
        )
    except HardwareError:
        raise
    except Exception as error:
        raise HardwareError(
            f"energy.sram_estimator: {name} fails for {kib:g} KiB, {banks} banks of {word_bits} bits:"
            f" {type(error).__name__}: {error}"
        ) from error
    return SramEstimate(**{field.name: _figure(name, found, field.name) for field in fields(SramEstimate)})


def _figure(name: str, found: Any, figure: str) -> float:
    value = found.get(figure) if isinstance(found, Mapping) else getattr(found, figure, None)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise HardwareError(
            f"energy.sram_estimator: {name} returns {figure} = {value!r}; allowed: a finite number of at least 0"
        )
    return float(value)
