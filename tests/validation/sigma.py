"""What zeros in the resting operand save: STONNE's SIGMA, which packs them away, beside our systolic arrays.

SIGMA is not systolic: a crossbar gives every multiplier its own operand and an adder tree sums any runs of them, so it
packs the non-zero resting values of a product densely. A systolic array keeps rows of k and columns of n: it can drop a
row whose weights are all zero (``skip_rows``) or share a row between k that never meet (``pack_columns``). Cycles do
not compare; each machine's speed-up over itself without zeros does.

SIGMA's file gives no values, only the drawn share of zeros: ours are drawn at the same share, with a fixed seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accel_sim.reference import ArraySpec, run_reference

__all__ = ["SCHEMES", "Gain", "Speedups", "sigma_gains", "speedups"]

SCHEMES = ("skip_rows", "pack_columns")
ROWS, COLS = 8, 8  # 64 multipliers, as SIGMA's smaller array
SEED = 0


@dataclass(frozen=True)
class Gain:
    """One row of the file: zeros of the resting operand and the speed-up over the same row without zeros."""

    case: str
    zeros: float
    gain: float
    macs_skipped: float


@dataclass(frozen=True)
class Speedups:
    """Our array on one product: speed-up by scheme at a share of zeros."""

    zeros: float
    gain: dict[str, float]


def sigma_gains(rows: tuple[dict[str, str], ...]) -> list[Gain]:
    """SIGMA's speed-ups with zeros in the resting operand alone, 64 multipliers, narrow network."""
    mine = [row for row in rows if (row["num_ms"], row["dn_bw"]) == ("64", "16") and _streaming_zeros(row) == 0]
    dense = {(row["case"], row["dataflow"]): int(row["cycles"]) for row in mine if _resting_zeros(row) == 0}
    return [
        Gain(
            case=row["case"],
            zeros=_resting_zeros(row) / 100,
            gain=dense[row["case"], row["dataflow"]] / int(row["cycles"]),
            macs_skipped=1 - int(row["n_mult"]) / int(row["macs_dense"]),
        )
        for row in mine
        if _resting_zeros(row)
    ]


def _resting_zeros(row: dict[str, str]) -> int:
    """Percent of zeros asked for in the operand that rests in the multipliers."""
    return int(row["mk_sparsity_req" if row["dataflow"] == "MK_STA_KN_STR" else "kn_sparsity_req"])


def _streaming_zeros(row: dict[str, str]) -> int:
    return int(row["kn_sparsity_req" if row["dataflow"] == "MK_STA_KN_STR" else "mk_sparsity_req"])


def speedups(m: int, n: int, k: int, shares: tuple[float, ...]) -> list[Speedups]:
    """Our weight-stationary array on one product with zeros at the given shares of the weights."""
    generator = np.random.default_rng(SEED)
    activations = generator.integers(1, 256, (m, k))
    dense = generator.integers(1, 128, (k, n))
    order = generator.permutation(dense.size)
    results = []
    for share in shares:
        weights = dense.copy()
        weights.flat[order[: round(share * dense.size)]] = 0
        cycles = {scheme: _cycles(activations, weights, scheme) for scheme in ("none", *SCHEMES)}
        results.append(Speedups(share, {scheme: cycles["none"] / cycles[scheme] for scheme in SCHEMES}))
    return results


def _cycles(activations: np.ndarray, weights: np.ndarray, scheme: str) -> int:
    spec = ArraySpec(rows=ROWS, cols=COLS, fold_overlap="full", edge_folds="used", weight_sparsity=scheme)
    return run_reference(activations, weights, spec).cycles
