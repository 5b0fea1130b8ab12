"""Interpolation between CACTI's SRAM macros (``hwconfigs/tables/sram_cacti.csv``), exact at the macros themselves.

CACTI picks the organisation of every macro anew, so its results jump by tens of per cent between neighbouring sizes.
Each quantity's logarithm is split into a trend (quadratic in the logarithms of size, width and banks, fitted per
node) and a rest; the rest is kriged from the 32 nearest macros of all nodes, as organisations are alike across nodes.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accel_sim.energy import TABLES_DIR

__all__ = ["QUANTITIES", "SramGrid", "macro_variants", "read_macros", "shipped_grid"]

QUANTITIES = ("read_pj", "write_pj", "sub_mw", "gate_mw", "area_mm2", "access_ns")
GEOMETRY = ("size_bytes", "width_bits", "banks", "node_nm")
NEIGHBOURS = 32
CORRELATION_LENGTH = 3.0  # in doublings of size, width, banks or node
NUGGET = 1e-9  # keeps the equations solvable; the error at a macro stays below 1e-6
Floats = NDArray[np.float64]


def read_macros(path: Path) -> tuple[Floats, dict[str, Floats]]:
    """Geometry ``(macros, 4)`` and per variant (``lop_1rw``, ...) the quantities ``(macros, 6)`` of a macro table."""
    with path.open(newline="") as stream:
        rows = list(csv.reader(line for line in stream if not line.startswith("#")))
    columns = {name: i for i, name in enumerate(rows[0])}
    table = np.array(rows[1:], dtype=np.float64)
    variants = sorted({name.removesuffix("_read_pj") for name in columns if name.endswith("_read_pj")})
    geometry = table[:, [columns[name] for name in GEOMETRY]]
    return geometry, {v: table[:, [columns[f"{v}_{q}"] for q in QUANTITIES]] for v in variants}


def macro_variants(measured: dict[str, Floats]) -> dict[str, Floats]:
    """All nine combinations of transistor and ports.

    CACTI ran every port count for lstp only; where a combination is missing, the 1rw macro of that transistor is
    multiplied by lstp's ratio of that port count to 1rw, macro by macro.
    """
    derived = {}
    for cell in ("lop", "lstp", "hp"):
        for ports in ("1rw", "1r1w", "2rw"):
            ratio = measured[f"lstp_{ports}"] / measured["lstp_1rw"]
            derived[f"{cell}_{ports}"] = measured.get(f"{cell}_{ports}", measured[f"{cell}_1rw"] * ratio)
    return derived


@dataclass(frozen=True)
class SramGrid:
    """Macros of all variants, ready for interpolation.

    Attributes:
        points: log2 of size, width, banks, node; ``(macros, 4)``.
        nodes: the nodes in nm, ascending.
        trends: per node the coefficients ``(10, variants·6)`` of the quadratic trend of the natural logarithms.
        rests: what the trend leaves, ``(macros, variants·6)``.
        variants: names in the order of the columns.

    """

    points: Floats
    nodes: tuple[int, ...]
    trends: dict[int, Floats]
    rests: Floats
    variants: tuple[str, ...]

    @classmethod
    def build(cls, geometry: Floats, measured: dict[str, Floats]) -> SramGrid:
        """From the macros of :func:`read_macros`, all of them or a part."""
        variants = macro_variants(measured)
        points = np.log2(geometry)
        values = np.log(np.concatenate(list(variants.values()), axis=1))
        basis = _trend_basis(points)
        rests = np.empty_like(values)
        trends = {}
        for node in sorted({int(n) for n in geometry[:, 3]}):
            rows = geometry[:, 3] == node
            trends[node] = _least_squares(basis[rows], values[rows])
            rests[rows] = values[rows] - basis[rows] @ trends[node]
        return cls(points, tuple(trends), trends, rests, tuple(variants))

    def at_node(self, size_bytes: float, width_bits: float, banks: float, node_nm: int, variant: str) -> Floats:
        """Interpolate the six quantities of one macro at one of the table's nodes; leakages are per bank."""
        target = np.log2(np.array([size_bytes, width_bits, banks, node_nm], dtype=np.float64))
        column = len(QUANTITIES) * self.variants.index(variant)
        wanted = slice(column, column + len(QUANTITIES))
        squares = ((self.points - target) ** 2).sum(axis=1)
        near = np.argsort(squares, kind="stable")[:NEIGHBOURS]
        between = self.points[near][:, None, :] - self.points[near][None, :, :]
        covariance = _matern32(np.sqrt((between**2).sum(axis=2))) + NUGGET * np.eye(len(near))
        weights = np.linalg.solve(covariance, _matern32(np.sqrt(squares[near])))
        trend = _trend_basis(target[None])[0] @ self.trends[node_nm][:, wanted]
        result: Floats = np.exp(trend + weights @ self.rests[near, wanted])
        return result


def _least_squares(basis: Floats, values: Floats) -> Floats:
    """Solve ``basis · x ≈ values`` for a basis of full rank.

    By QR: LAPACK's SVD (``lstsq``) wakes the BLAS threads for a matrix this small, 0.1 s of CPU time at every start.
    """
    q, r = np.linalg.qr(basis)
    return np.linalg.solve(r, np.einsum("pi,pj->ij", q, values))


def _trend_basis(points: Floats) -> Floats:
    """1, the three logarithms about the middle of the table, and their products; ``(n, 10)``."""
    x = (points[:, :3] - (17.0, 7.0, 2.0)) / (4.0, 1.5, 2.0)
    products = [x[:, i] * x[:, j] for i in range(3) for j in range(i, 3)]
    return np.stack([np.ones(len(x)), *x.T, *products], axis=1)


def _matern32(distance: Floats) -> Floats:
    scaled = np.sqrt(3.0) * distance / CORRELATION_LENGTH
    result: Floats = (1.0 + scaled) * np.exp(-scaled)
    return result


@lru_cache(maxsize=1)
def shipped_grid() -> SramGrid:
    """Return the grid of the shipped table, built once."""
    return SramGrid.build(*read_macros(TABLES_DIR / "sram_cacti.csv"))
