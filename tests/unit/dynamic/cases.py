"""Random small layers on random machines under random tilings, awkward shapes included.

A case is drawn from its seed alone. Half of the layers are one tile on one array, so that a difference is easy to
follow; the others are cut along m, n, k and groups and dealt to several arrays. SRAM ports are narrow in every other
case, so that beats, loads and drains stretch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.hardware.schema import Hardware
from accel_sim.mapping.tiling import LOOP_ORDERS, Tiling
from accel_sim.workload import ConvGeometry, GemmLayer
from tests.machines import buffers, machine

__all__ = ["Case", "random_array", "random_case"]

DIGITS = ("parallel", "serial_act", "serial_weight", "serial_both")
ONE_SIDED_TERMS = ("term_serial_act", "term_serial_weight")
CONSTANT = (*DIGITS, "fused")
ARITHMETIC = (*CONSTANT, *ONE_SIDED_TERMS, "term_serial_both")
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
SIZES = (1, 1, 2, 3, 4, 5, 7, 8, 11, 14)


@dataclass(frozen=True)
class Case:
    """A layer with its integers, a machine and a tiling."""

    hardware: Hardware
    layer: GemmLayer
    tiling: Tiling

    def __str__(self) -> str:
        layer, array = self.layer, self.hardware.array.model_dump()
        shape = f"groups={layer.groups} m={layer.m} n={layer.n} k={layer.k} conv={layer.conv}"
        bits = f"a{layer.a_bits}{'s' if layer.a_signed else 'u'} w{layer.w_bits}{'s' if layer.w_signed else 'u'}"
        return f"{shape} {bits}\n{array}\n{self.hardware.buffers}\n{self.tiling}"


class _Draw:
    """Choices from one generator."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def pick(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)


def random_case(seed: int, *, constant: bool = False, **fixed: Any) -> Case:
    """The case of ``seed``; ``constant``: nothing depends on the operands' values; ``fixed``: fields of the array."""
    draw = _Draw(seed)
    array = _array(draw, constant) | fixed
    many = draw.chance(0.5)
    array["arrays"] = draw.pick(1, 2, 3, 4) if many else 1
    narrow = draw.chance(0.5)
    memory = buffers(64, 64, 64) | {"unlimited_ports": not narrow}
    if narrow:
        for name in ("activations", "weights", "outputs"):
            memory[name] |= {"banks": draw.pick(1, 1, 2), "word_bits": draw.pick(8, 16, 40)}
            memory[name] |= {"ports": draw.pick("1rw", "1r1w", "2rw")}
    layer = _layer(draw, array)
    tiling = _tiling(draw, layer) if many else Tiling(layer.m, layer.n, layer.k, layer.groups)
    return Case(machine(array=array, buffers=memory), layer, tiling)


def random_array(seed: int) -> dict[str, Any]:
    """Fields of a small array of any kind."""
    return _array(_Draw(seed), constant=False)


def _array(draw: _Draw, constant: bool) -> dict[str, Any]:
    pick = draw.pick
    dataflow, arithmetic = pick("ws", "is", "os"), pick(*(CONSTANT if constant else ARITHMETIC))
    sparsity = "none" if constant else pick(*WEIGHT_SPARSITY[dataflow])
    lanes = pick(1, 1, 2, 3)
    if sparsity == "n_m":
        keep = pick(1, 2, 3)
        lanes = keep * pick(1, 2)
        sparsity = {"kind": "n_m", "keep": keep, "of": keep + pick(0, 1, 2)}
    return {
        "rows": pick(1, 2, 3, 4, 5),
        "cols": pick(1, 2, 3, 5),
        "lanes": lanes,
        "dataflow": dataflow,
        "arithmetic": arithmetic,
        "precision": pick("layer", "dynamic") if arithmetic in DIGITS and not constant else "layer",
        "native_bits": pick(8, 4, 2, 1),
        "digit_bits": pick(1, 1, 2, 3),
        "bricks": pick(1, 4, 16, 24),
        "encoding": pick("bits", "csd"),
        "term_window": pick(None, 0, 1, 2, 4) if arithmetic in ONE_SIDED_TERMS else None,
        "sync_rows": pick(1, 1, 2, 3, 8),
        "sync_cols": pick(1, 1, 2, 3, 8),
        "fifo_depth": pick(1, 1, 2, 3, 50),
        "fold_overlap": pick("none", "preload", "full"),
        "edge_folds": pick("full", "used"),
        "os_drain": pick(True, True, True, False),
        "acc_bits": pick(20, 32, 48),
        "pack_limit": pick(1, 2, 8),
        "weight_sparsity": sparsity,
        "activation_sparsity": "none" if constant else pick(*ACTIVATION_SPARSITY[dataflow]),
    }


def _layer(draw: _Draw, array: dict[str, Any]) -> GemmLayer:
    bits = {name: int(draw.pick(1, 2, 3, 4, 5, 8, 8, 11, 16)) for name in ("a", "w")}
    signed = {name: draw.pick(False, True) for name in ("a", "w")}
    groups = draw.pick(1, 1, 2, 3)
    conv = _geometry(draw) if draw.chance(0.25) else None
    if conv is None:
        m, n, k = (draw.pick(*SIZES) for _ in range(3))
        shape: tuple[int, ...] = (groups, m, k)
    else:
        m, n, k = conv.batch * conv.out_h * conv.out_w, draw.pick(1, 2, 5), conv.kernel_h * conv.kernel_w
        k *= conv.in_channels
        shape = (conv.batch, groups * conv.in_channels, conv.in_h, conv.in_w)
    activations = _operand(draw, shape, bits["a"], signed["a"])
    weights = _operand(draw, (groups, k, n), bits["w"], signed["w"])
    sparsity = array["weight_sparsity"]
    if isinstance(sparsity, dict):
        weights = _prune(draw, weights, sparsity["keep"], sparsity["of"], conv.in_channels if conv else k)
    elif signed["w"] and bits["w"] == 1 and sparsity in {"none", "gate"}:
        weights = np.where(weights == 0, 1, weights)  # a signed bit has no zero; pruned weights may be missing
    return GemmLayer(
        name="layer",
        op="conv2d" if conv else "gemm",
        groups=groups,
        m=m,
        n=n,
        k=k,
        a_bits=bits["a"],
        w_bits=bits["w"],
        a_signed=signed["a"],
        w_signed=signed["w"],
        conv=conv,
        activations=activations,
        weights=weights,
    )


def _geometry(draw: _Draw) -> ConvGeometry:
    kernel_h, kernel_w = draw.pick(1, 2, 3), draw.pick(1, 3)
    stride_h, stride_w, dilation = draw.pick(1, 2), draw.pick(1, 2), draw.pick(1, 1, 2)
    in_h, in_w, pad = draw.pick(3, 5), draw.pick(3, 4), draw.pick(0, 1)
    out_h = (in_h + 2 * pad - dilation * (kernel_h - 1) - 1) // stride_h + 1
    out_w = (in_w + 2 * pad - dilation * (kernel_w - 1) - 1) // stride_w + 1
    if out_h < 1 or out_w < 1:
        return _geometry(draw)
    return ConvGeometry(
        batch=draw.pick(1, 2),
        in_h=in_h,
        in_w=in_w,
        in_channels=draw.pick(1, 2, 3, 5),
        kernel_h=kernel_h,
        kernel_w=kernel_w,
        out_h=out_h,
        out_w=out_w,
        stride_h=stride_h,
        stride_w=stride_w,
        pad_top=pad,
        pad_left=pad,
        dilation_h=dilation,
        dilation_w=dilation,
    )


def _operand(draw: _Draw, shape: tuple[int, ...], bits: int, signed: bool) -> NDArray[np.int64]:
    """Values of the whole range, or small ones; dense, sparse, or nothing but zeros; whole planes missing."""
    rng = draw.rng
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    values = rng.choice([-1, 1], shape) if signed and bits == 1 else rng.integers(low, high + 1, shape)
    if draw.chance(0.3):
        values = np.clip(values, -2, 3)
    values = values * (rng.random(shape) < draw.pick(0, 0.2, 0.6, 1, 1))
    if draw.chance(0.4):
        values = values * (rng.random((*shape[:-1], 1)) < 0.6)
    kept: NDArray[np.int64] = values
    return kept


def _prune(draw: _Draw, weights: NDArray[np.int64], keep: int, of: int, segment: int) -> NDArray[np.int64]:
    """At most ``keep`` random weights of each group of the pattern stay."""
    pruned = weights.copy()
    for start in range(0, weights.shape[1], segment):
        for first in range(start, start + segment, of):
            last = min(first + of, start + segment)
            rank = draw.rng.random((weights.shape[0], last - first, weights.shape[2])).argsort(axis=1).argsort(axis=1)
            pruned[:, first:last][rank >= keep] = 0
    return pruned


def _tiling(draw: _Draw, layer: GemmLayer) -> Tiling:
    def size(extent: int) -> int:
        return extent if draw.chance(0.3) else int(draw.rng.integers(1, extent + 1))

    tile_m, tile_n, tile_k = (max(size(extent), -(-extent // 6)) for extent in (layer.m, layer.n, layer.k))
    whole = (tile_m, tile_n, tile_k) == (layer.m, layer.n, layer.k)
    groups = draw.pick(1, 2, layer.groups) if whole else 1
    return Tiling(tile_m, tile_n, tile_k, min(groups, layer.groups), draw.pick(*LOOP_ORDERS), draw.pick("n", "m"))
