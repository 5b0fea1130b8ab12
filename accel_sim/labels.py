"""Names and units as people read them: components of the energy, SI prefixes, shortened layer names."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["AREA_LABELS", "COMPONENT_LABELS", "Scale", "format_si", "shorten", "si_scale"]

COMPONENT_LABELS = {
    "multiply": "Multipliers",
    "accumulate": "Accumulators",
    "registers": "PE registers",
    "fifos": "FIFOs",
    "sparsity_logic": "Sparsity logic",
    "activations_sram": "Activation SRAM",
    "weights_sram": "Weight SRAM",
    "outputs_sram": "Output SRAM",
    "dram": "DRAM",
    "vector_unit": "Vector unit",
    "leakage": "Leakage",
}
"""Component of :class:`accel_sim.result.EnergyBreakdown` -> its name in tables and pictures, in stacking order."""

AREA_LABELS = {
    "pe_arithmetic": "PE arithmetic",
    "pe_registers": "PE registers",
    "pe_fifos": "FIFOs",
    "pe_sparsity": "Sparsity in PEs",
    "edge_logic": "Edge logic",
    "activations_sram": "Activation SRAM",
    "weights_sram": "Weight SRAM",
    "outputs_sram": "Output SRAM",
    "vector_unit": "Vector unit",
}
"""Component of :class:`accel_sim.energy.area.AreaBreakdown` -> its name."""

_PREFIXES = (
    *((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")),
    *((1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"), (1e-18, "a")),
)


@dataclass(frozen=True)
class Scale:
    """A unit with its prefix: ``shown = value / divisor``, labelled ``unit``."""

    divisor: float
    unit: str


def si_scale(value: float, unit: str) -> Scale:
    """Find the prefix under which ``value`` (in ``unit``) reads as 1 to 999; no prefix for 0.

    >>> si_scale(0.0042, "J")
    Scale(divisor=0.001, unit='mJ')
    """
    if value == 0:
        return Scale(1.0, unit)
    for divisor, prefix in _PREFIXES:
        # 0.9995 rounds to 1.00 with three digits: '1.00 mJ' reads better than '1000 µJ'.
        if abs(value) >= 0.9995 * divisor:
            return Scale(divisor, prefix + unit)
    return Scale(_PREFIXES[-1][0], _PREFIXES[-1][1] + unit)


def format_si(value: float, unit: str = "", digits: int = 3) -> str:
    """``value`` with a prefix and ``digits`` significant digits.

    >>> format_si(0.0042, "J"), format_si(118_000_000), format_si(0, "J")
    ('4.20 mJ', '118 M', '0 J')
    """
    scale = si_scale(value, unit)
    if value == 0:
        return f"0 {scale.unit}".rstrip()
    # The decimals follow from the rounded value: 9.996 reads 10.0, not 10.00.
    shown = float(f"{value / scale.divisor:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(shown))))
    return f"{shown:.{decimals}f} {scale.unit}".rstrip()


def shorten(name: str, width: int) -> str:
    """``name`` in at most ``width`` characters: leading parts of a module path shrink to initial and number, then
    the front is cut; the end of a path is what tells layers apart.

    >>> shorten("features.denseblock3.denselayer12.conv1", 30)
    'f.d3.denselayer12.conv1'
    >>> shorten("encoder.layer1.attention.query", 12)
    'e.l1.a.query'
    """
    parts = name.split(".")
    for i, part in enumerate(parts[:-1]):
        if len(".".join(parts)) <= width:
            break
        stem = part.rstrip("0123456789")
        parts[i] = stem[:1] + part[len(stem) :]
    short = ".".join(parts)
    return short if len(short) <= width else "…" + short[len(short) - width + 1 :]
