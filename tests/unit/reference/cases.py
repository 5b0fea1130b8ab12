"""Random small machines and layers, awkward shapes included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.reference import ArraySpec, Pace

ARITHMETIC = (
    "parallel",
    "serial_act",
    "serial_weight",
    "serial_both",
    "fused",
    "term_serial_act",
    "term_serial_weight",
    "term_serial_both",
)
WEIGHT_SPARSITY = {
    "ws": ("none", "gate", "skip_rows", "n_m", "pack_columns"),
    "is": ("none", "gate", "skip_rows"),
    "os": ("none", "gate", "skip_rows", "n_m"),
}
ACTIVATION_SPARSITY = {
    "ws": ("none", "gate", "skip_waves"),
    "is": ("none", "gate"),
    "os": ("none", "gate", "skip_waves"),
}


BIDIRECTIONAL = {
    "dataflow": "os",
    "arithmetic": "term_serial_weight",
    "encoding": "bidirectional",
    "term_window": 0,
    "weight_sparsity": "none",
}


@dataclass(frozen=True)
class Case:
    """One layer on one machine."""

    spec: ArraySpec
    pace: Pace
    activations: NDArray[np.int64]
    weights: NDArray[np.int64]
    segment: int


def random_case(seed: int, **fixed: object) -> Case:
    """The case of a seed; ``fixed`` fields of the spec keep their value."""
    rng = np.random.default_rng(seed)
    pick = lambda *options: options[rng.integers(len(options))]  # noqa: E731
    dataflow = str(fixed.get("dataflow", pick("ws", "is", "os")))
    arithmetic = str(fixed.get("arithmetic", pick(*ARITHMETIC)))
    digital = arithmetic in ("parallel", "serial_act", "serial_weight", "serial_both")
    one_term = arithmetic in ("term_serial_act", "term_serial_weight")
    keep = pick(1, 2, 3)
    values = {
        "rows": pick(1, 2, 3, 4, 7),
        "cols": pick(1, 2, 3, 5),
        "lanes": pick(1, 1, 2, 4),
        "dataflow": dataflow,
        "arithmetic": arithmetic,
        "native_bits": pick(1, 2, 4, 8),
        "digit_bits": pick(1, 1, 2, 3),
        "bricks": pick(1, 4, 16, 24),
        "precision": pick("layer", "dynamic") if digital else "layer",
        "encoding": pick("bits", "csd"),
        "term_window": pick(None, 0, 1, 2) if one_term else None,
        "sync_rows": pick(1, 1, 2, 3, 100),
        "sync_cols": pick(1, 1, 2, 3, 100),
        "fifo_depth": pick(1, 1, 2, 3, 4, 1024),
        "fold_overlap": pick("none", "preload", "full"),
        "edge_folds": pick("full", "used"),
        "os_drain": pick(True, True, False),
        "acc_bits": pick(24, 32),
        "pack_limit": pick(1, 2, 8),
        "weight_sparsity": pick(*WEIGHT_SPARSITY[dataflow]),
        "nm_keep": keep,
        "nm_of": keep + pick(0, 1, 2),
        "activation_sparsity": pick(*ACTIVATION_SPARSITY[dataflow]),
        "a_bits": int(rng.integers(1, 9)),
        "w_bits": int(rng.integers(1, 9)),
        "a_signed": pick(False, True),
        "w_signed": pick(False, True),
    } | fixed
    if values["weight_sparsity"] == "n_m":
        values["lanes"] = keep * pick(1, 2)
    spec = ArraySpec(**values)
    groups, m, n, k = pick(1, 1, 1, 2, 3), *(int(rng.integers(1, 13)) for _ in range(3))
    segment = pick(k, max(1, k // 2), 3)
    a = _operand(rng, (groups, m, k), spec.a_bits, spec.a_signed, may_pad=True)
    w = _operand(rng, (groups, k, n), spec.w_bits, spec.w_signed, may_pad=False)
    if spec.weight_sparsity == "n_m":
        w = _prune_n_m(rng, w, spec, segment)
    pace = Pace() if rng.random() < 0.6 else Pace(*(int(x) for x in rng.integers(1, 5, 4)))
    return Case(spec, pace, a, w, segment)


def _operand(rng, shape, bits, signed, *, may_pad):
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if signed and bits == 1:
        values = rng.choice([-1, 1], shape)
        return values * (rng.random(shape) < 0.8) if may_pad else values
    values = rng.integers(low, high + 1, shape)
    if rng.random() < 0.3:  # small values: short widths and few terms
        values = np.clip(values, max(low, -2), min(high, 3))
    values = values * (rng.random(shape) < rng.choice([0.0, 0.2, 0.6, 1.0, 1.0]))
    if rng.random() < 0.4:  # whole zero rows and columns
        values = values * (rng.random((shape[0], 1, shape[2])) < 0.6) * (rng.random((shape[0], shape[1], 1)) < 0.6)
    return values


def _prune_n_m(rng, w, spec, segment):
    w = w.copy()
    for start in range(0, w.shape[1], segment):
        for first in range(start, min(start + segment, w.shape[1]), spec.nm_of):
            last = min(first + spec.nm_of, start + segment, w.shape[1])
            for g in range(w.shape[0]):
                for n in range(w.shape[2]):
                    w[g, first + rng.permutation(last - first)[spec.nm_keep :], n] = 0
    return w
