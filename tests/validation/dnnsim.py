"""DNNsim's compute cycles from this project's beats: what its tile organisation makes of them.

DNNsim (isakedo/DNNsim) is not systolic. A tile of 16 filters × 16 windows takes 16 channels of one kernel position
per step; all its PEs begin a step together, so a step lasts as long as the slowest of the 256 dot products, and the
steps of a layer follow one another::

    S = ceil(windows/16) · ceil(filters/16) · kernel positions · ceil(channels/16)

An output-stationary array of 16 × 16 PEs with 16 lanes whose rows are one sync group (``sync_rows: 16``) has the same
steps with the same beats: rows are windows, columns filters. So the beats come from the reference engine's detectors
through an ordinary :class:`ArraySpec`, and only their combination is DNNsim's:

* convolutions: the sum of the steps' beats;
* with run-ahead registers (``column_registers: R``): each window's column keeps its own beat and may be up to R steps
  ahead of the slowest column;
* fully connected layers: one window only, so the 16 columns take the 16-channel steps in turn, one starting per cycle,
  each busy for its step's beat.

Its windows run along the first spatial axis fastest. Channels that do not fill 16 lanes are zeros, per kernel position.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from accel_sim.reference import ArraySpec, plan_layer
from accel_sim.reference.beats import fold_piece_counts
from tests.shared_files import shared_path

__all__ = [
    "LEFT_OUT",
    "TILE",
    "Operands",
    "booth_like_terms",
    "compute_cycles",
    "machine_operands",
    "operands",
    "reason_to_leave_out",
    "specs",
    "step_beats",
]

Ints = NDArray[np.int64]
Row = dict[str, str]

TILE = 16
"""Windows (columns), filters (rows) and channels (lanes) of a tile."""

LEFT_OUT = {
    "tactical": "Bit-Tactical moves weights forward in time and across lanes before it runs; no machine here does",
    "SCNN": "SCNN multiplies all non-zero pairs of a tile and scatters the products through a crossbar: no dot product",
}
"""What DNNsim can do and no machine of this project is organised for."""


@dataclass(frozen=True)
class Operands:
    """One layer as a product: ``activations`` (m, k), ``weights`` (k, n), k in whole steps of 16 lanes."""

    activations: Ints
    weights: Ints
    linear: bool


def reason_to_leave_out(row: Row) -> str | None:
    """Why a row says nothing about the beats, or ``None``."""
    if row["note"]:
        return f"flagged in the source: {row['note']}"
    if row["base_arch"] == "SCNN":
        return LEFT_OUT["SCNN"]
    return LEFT_OUT["tactical"] if "tactical: true" in row["params"] else None


def operands(row: Row) -> Operands:
    """The operands of a row's layer, from the trace that DNNsim read."""
    activations, weights = _trace(row["trace"], row["layer"])
    if activations.ndim == 1:
        return Operands(_whole_steps(activations[None], 1), _whole_steps(weights, 1).T.copy(), linear=True)
    # Windows count along the first spatial axis fastest: with that axis last, they count along rows as usual.
    activations, weights = activations.transpose(0, 2, 1), weights.transpose(0, 1, 3, 2)
    filters, _, kernel_h, kernel_w = weights.shape
    stride = _stride(row, activations.shape, weights.shape)
    patches = np.lib.stride_tricks.sliding_window_view(activations, (kernel_h, kernel_w), axis=(1, 2))
    patches = patches[:, ::stride, ::stride].transpose(1, 2, 3, 4, 0).reshape(-1, kernel_h * kernel_w, len(activations))
    kernels = weights.transpose(0, 2, 3, 1).reshape(filters, kernel_h * kernel_w, -1)
    return Operands(_whole_steps(patches, 2), _whole_steps(kernels, 2).T.copy(), linear=False)


@cache
def _trace(name: str, layer: str) -> tuple[Ints, Ints]:
    with np.load(shared_path(f"golden/dnnsim_traces/{name}.npz")) as trace:
        return trace[f"act_{layer}"][0].astype(np.int64), trace[f"wgt_{layer}"].astype(np.int64)


def _stride(row: Row, activations: tuple[int, ...], weights: tuple[int, ...]) -> int:
    """The convolution's stride, which the file does not name: it follows from the number of scheduled PEs."""
    filters, channels, kernel_h, kernel_w = weights
    windows = int(row["scheduled_PEs"]) // (filters * kernel_h * kernel_w * -(-channels // TILE))
    for stride in range(1, max(activations)):
        if (
            prod((size - kernel) // stride + 1 for size, kernel in zip(activations[1:], weights[2:], strict=True))
            == windows
        ):
            return stride
    raise ValueError(f"{row['trace']} {row['layer']}: no stride gives {windows} windows")


def _whole_steps(values: Ints, axis: int) -> Ints:
    """Zeros up to whole steps of lanes along the channels, then all axes but the first flattened."""
    pad = [(0, 0)] * values.ndim
    pad[axis] = (0, -values.shape[axis] % TILE)
    return np.ascontiguousarray(np.pad(values, pad).reshape(len(values), -1))


def specs(row: Row) -> tuple[ArraySpec, ...]:
    """The array whose beats a row is made of; two whose beats multiply where the two operands differ in kind."""
    options = dict(re.findall(r"(\w+): (\S+)", row["params"]))
    base = ArraySpec(
        rows=TILE,
        cols=TILE,
        lanes=TILE,
        dataflow="os",
        sync_rows=1 if "column_registers" in options else TILE,
        sync_cols=TILE,
        fold_overlap="full",
        os_drain=False,
        a_bits=int(row["act_prec"]),
        w_bits=int(row["wgt_prec"]),
        # Term-serial machines of DNNsim hold magnitudes; signs travel apart.
        w_signed=row["base_arch"] != "Laconic",
    )
    match row["base_arch"]:
        case "DaDianNao":
            return (replace(base, arithmetic="parallel", native_bits=16),)
        case "Stripes":
            return (replace(base, arithmetic="serial_act"),)
        case "ShapeShifter":
            return (replace(base, arithmetic="serial_act", precision="dynamic"),)
        case "Loom":
            digits = int(options["pe_serial_bits"])
            weights = "dynamic" if options.get("dynamic_weights") == "true" else "layer"
            return (
                replace(base, arithmetic="serial_act", precision="dynamic", digit_bits=digits),
                replace(base, arithmetic="serial_weight", precision=weights),
            )
        case "BitPragmatic":
            return (replace(base, arithmetic="term_serial_act", term_window=int(options["bits_first_stage"])),)
        case "Laconic":
            return (replace(base, arithmetic="term_serial_both"),)
    raise ValueError(f"no machine is stated for {row['base_arch']}")


def step_beats(layer: Operands, spec: ArraySpec) -> Ints:
    """Cycles of each step and column (window), ``(S, 16)``, 0 where a column has no window.

    Steps are in DNNsim's order: windows outermost, then filters, then the steps along k.
    """
    plan = plan_layer(layer.activations[None], layer.weights[None], spec)
    folds = sorted(plan.folds, key=lambda fold: (fold.rows[0], fold.cols[0]))
    beats = []
    for fold in folds:
        own, other = fold_piece_counts(fold, plan.moving, spec)
        used = (own.astype(np.int64) * other)[:, : len(fold.rows)]
        beats.append(np.pad(used, ((0, 0), (0, TILE - used.shape[1]))))
    return np.concatenate(beats)


def machine_operands(row: Row) -> Operands:
    """The operands as the row's machine holds them: magnitudes and recoded terms where it works on those."""
    layer = operands(row)
    recode = booth_like_terms if "booth_encoding: true" in row["params"] else abs
    if row["base_arch"] == "BitPragmatic":
        return replace(layer, activations=recode(layer.activations))
    if row["base_arch"] == "Laconic":
        return replace(layer, activations=recode(layer.activations), weights=recode(layer.weights))
    return layer


def compute_cycles(row: Row) -> int:
    """What DNNsim's organisation makes of the beats of ``row``'s operands."""
    layer = machine_operands(row)
    beats = np.prod([step_beats(layer, spec) for spec in specs(row)], axis=0)
    if layer.linear:
        return _staggered(beats.max(axis=1))
    registers = re.search(r"column_registers: (\d+)", row["params"])
    return _run_ahead(beats, int(registers[1])) if registers else int(beats.max(axis=1).sum())


def _staggered(beats: Ints) -> int:
    """Steps taken by the columns in turn: one starts per cycle, unless its column is still busy.

    DNNsim lays the steps of one filter set out from column 0; it reads them as meant only if they are a multiple of 16.
    """
    free_at = np.zeros(TILE, np.int64)
    cycle = 0
    for step, beat in enumerate(beats):
        column = step % TILE
        cycle = max(cycle, free_at[column])
        free_at[column] = cycle + beat
        cycle += 1
    return int(free_at.max())


def _run_ahead(beats: Ints, registers: int) -> int:
    """A column starts step s once it is free and all columns have ended step s - 1 - registers."""
    ends = np.zeros((len(beats) + 1 + registers, TILE), np.int64)
    for step, beat in enumerate(beats):
        now = step + 1 + registers
        ends[now] = np.maximum(ends[now - 1], ends[step].max()) + beat
    return int(ends[-1].max())


def booth_like_terms(values: Ints) -> Ints:
    """The positions of DNNsim's Booth-like digits as set bits: its recoding is not the canonical one.

    Going down from the top bit, three ones in a row open a run: a digit above it, then one at every zero inside, and
    one at the run's last 1, which is followed by two zeros. Outside runs the bits stay. Unlike canonical signed digits
    it keeps a pair of ones, so 27 = 11011 has four terms where the canonical form has three (32 − 4 − 1).

    >>> [f"{int(v):b}" for v in booth_like_terms(np.array([7, 27, -119]))]
    ['1001', '11011', '10001001']
    """
    table = np.array([_booth_like(magnitude) for magnitude in range(int(abs(values).max()) + 1)])
    return np.asarray(table[abs(values)], np.int64)


def _booth_like(magnitude: int) -> int:
    terms, in_run = 0, False
    for position in range(magnitude.bit_length(), -1, -1):
        here = magnitude >> position & 1
        below = (magnitude << 2) >> position & 3
        if not in_run and here and below == 3:
            terms |= 2 << position
            in_run = True
        elif in_run and here and below == 0:
            terms |= 1 << position
            in_run = False
        elif here != in_run:
            terms |= 1 << position
    return terms
