"""The reference engine's rates, what bounds them, a whole ResNet-18, and Verilator and STONNE beside it."""

from __future__ import annotations

import cProfile
import csv
import pstats
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accel_sim import Workload, gemm, load_hardware, simulate
from accel_sim.hardware.schema import Hardware
from accel_sim.reference import layer as reference_layer
from accel_sim.workload import GemmLayer
from compress.load import DataRequest, load_workload
from tests.benchmarks.measure import Times, time_calls
from tests.benchmarks.report import Check, Section, markdown_table, spread, time_checks
from tests.rtl.verilator import rate
from tests.shared_files import shared_root

__all__ = ["run"]

BIG, SMALL = "dense_int8_128x128", "dense_int8_16x16"
RATE_TARGET, VERILATOR_TARGET, STONNE_TARGET = 5e9, 100, 1000
NETWORK, NETWORK_MACHINE, NETWORK_LIMIT_S = "torchvision:resnet18", "dense_int8_32x32", 5.0
IMAGE = "fake:10x3x224x224"
REPEATS, STONNE_REPEATS = 3, 20
LARGE, MIDDLE, LITTLE = (4096, 512, 1024), (512, 512, 512), (256, 256, 256)
# (M, N, K) for each machine: the fast kinds run for about half a second, the slow ones for a few.
ARRAYS: tuple[tuple[str, str, tuple[int, int, int]], ...] = (
    ("ws", "parallel", LARGE),
    ("is", "parallel", (512, 4096, 1024)),
    ("ws", "serial_act", MIDDLE),
    ("ws", "serial_weight", MIDDLE),
    ("ws", "serial_both", LITTLE),
    ("os", "parallel", LITTLE),
    ("os", "serial_act", LITTLE),
    ("ws", "term_serial_act", LITTLE),
    ("ws", "term_serial_weight", LITTLE),
    ("ws", "term_serial_both", LITTLE),
    ("os", "term_serial_act", LITTLE),
)
VERILATOR_ROWS, VERILATOR_STEPS = 16, 4096
TEXT = f"""\
`simulate(..., engine="reference")`: every PE in every cycle, 8-bit operands drawn at random, with planning of the folds
and all counts; the best of {REPEATS} calls after one that compiles. The rate is rows · cols · cycles over seconds.

Where beats are constant, ws and is arrays march in step and a row's PEs are the lanes of vector instructions
(`accel_sim/reference/rigid_kernel.py`); all others are stepped PE by PE, with their FIFOs and their pieces of operands.
Below the rates: the share of the time that functions take by themselves. The vector kernel is bound by its loads and
stores (per vector: weights, sums twice) and multiply-adds, the others by the branches of one PE's cycle.

*ResNet-18*: `{NETWORK}`, one image of noise, 224×224, on `{NETWORK_MACHINE}`; its outputs are compared with the
integer matrix products, layer by layer, in a run that is not timed."""
VERILATOR_TEXT = (
    "Verilator 5 compiles an array of 16×16 in under a minute and one of 32×32 not in ten; not inlined, it compiles"
    " both, and runs them equally fast per PE, at half the rate here. So its best rate stands beside the reference"
    " engine's on 128×128, and beside that on 16×16, where a row fills half a block of vectors."
)


@dataclass(frozen=True)
class _Rate:
    """One array's run."""

    dataflow: str
    arithmetic: str
    pe_cycles: int
    times: Times
    busiest: str

    @property
    def per_second(self) -> float:
        return self.pe_cycles / min(self.times.wall_s)

    @property
    def per_cpu_second(self) -> float:
        return self.pe_cycles / min(self.times.cpu_s)

    @property
    def cells(self) -> tuple[str, ...]:
        rates = (f"{self.per_second:.2e}", f"{self.per_cpu_second:.2e}")
        return f"{self.dataflow} {self.arithmetic}", f"{self.pe_cycles:.2e}", *rates, self.busiest


def run() -> Section:
    """All rates, then the network, then the peers."""
    rates = [_rate(BIG, dataflow, arithmetic, shape) for dataflow, arithmetic, shape in ARRAYS]
    network, network_table = _network()
    verilator_table, verilator_checks = _verilator(rates[0])
    stonne_table, stonne_checks = _stonne()
    header = ("128×128", "PE-cycles", "per second", "per CPU second", "time by itself")
    tables = [markdown_table(header, [one.cells for one in rates]), network_table, verilator_table, stonne_table]
    first = rates[0].per_second
    target = Check(
        "reference engine, ws 128×128 int8, PE-cycles per second",
        f"≥ {RATE_TARGET:.0e}",
        f"{first:.2e}",
        first >= RATE_TARGET,
    )
    checks = (target, *network, *verilator_checks, *stonne_checks)
    return Section("Reference engine", TEXT, "\n\n".join(table for table in tables if table), checks)


def _rate(name: str, dataflow: str, arithmetic: str, shape: tuple[int, int, int]) -> _Rate:
    hardware = load_hardware(name, {"array.dataflow": dataflow, "array.arithmetic": arithmetic})
    work = _drawn(shape)
    cycles = simulate(work, hardware, engine="reference").total.cycles.compute
    times = time_calls(lambda: simulate(work, hardware, engine="reference"), REPEATS)
    busiest = _busiest(lambda: simulate(work, hardware, engine="reference"))
    return _Rate(dataflow, arithmetic, cycles * hardware.array.rows * hardware.array.cols, times, busiest)


def _drawn(shape: tuple[int, int, int]) -> Workload:
    rng, (m, n, k) = np.random.default_rng(0), shape
    activations, weights = rng.integers(0, 256, (m, k)), rng.integers(-128, 128, (k, n))
    return gemm(m=m, n=n, k=k, activations=activations, weights=weights)


def _busiest(call: Callable[[], object]) -> str:
    """The two functions that take most of the main thread's time by themselves."""
    profile = cProfile.Profile()
    profile.runcall(call)
    entries: Mapping[tuple[str, int, str], tuple[int, int, float, float, object]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    total = sum(entry[2] for entry in entries.values())
    most = sorted(entries.items(), key=lambda item: item[1][2], reverse=True)[:2]
    return ", ".join(f"{_name(*where)} {entry[2] / total:.0%}" for where, entry in most)


def _name(path: str, _line: int, function: str) -> str:
    return f"`{Path(path).stem}.{function}`" if path.endswith(".py") else "waiting for threads"


def _network() -> tuple[tuple[Check, ...], str]:
    work = load_workload(NETWORK, data=DataRequest(IMAGE))
    hardware = load_hardware(NETWORK_MACHINE)
    products = _check_outputs(work, hardware)
    times = time_calls(lambda: simulate(work, hardware, engine="reference"), REPEATS)
    row = (NETWORK, f"{products} of {products}", spread(times.wall_s), spread(times.cpu_s))
    table = markdown_table(("network", "products that are exact", "wall ms", "CPU ms"), [row])
    return time_checks("ResNet-18, reference engine, 32×32", NETWORK_LIMIT_S, times), table


def _check_outputs(work: Workload, hardware: Hardware) -> int:
    """Runs all products and returns how many there are.

    Raises:
        RuntimeError: an output differs from the matrix product.
    """
    seen: list[NDArray[np.int64]] = []
    plain = reference_layer.run_layer

    def noting(*given: object) -> reference_layer.ReferenceLayer:
        found = plain(*given)  # type: ignore[arg-type]
        machine_work, operands = given[1], given[4]
        layer: GemmLayer = machine_work.layer  # type: ignore[attr-defined]
        for group in range(layer.groups):
            a, w = operands.activations(group), operands.weights(group)  # type: ignore[attr-defined]
            if not np.array_equal(found.outputs[group], (a.astype(float) @ w.astype(float)).astype(np.int64)):
                raise RuntimeError(f"layer {layer.name}: the reference engine's outputs are not the matrix product")
        seen.append(found.outputs)
        return found

    reference_layer.run_layer = noting
    try:
        simulate(work, hardware, engine="reference")
    finally:
        reference_layer.run_layer = plain
    return len(seen)


def _verilator(ours: _Rate) -> tuple[str, tuple[Check, ...]]:
    if shutil.which("verilator") is None:
        return "Verilator is not installed here (`tests/rtl/install.sh`), so its rate is missing.", ()
    theirs = rate(VERILATOR_ROWS, VERILATOR_STEPS)
    small = _rate(SMALL, "ws", "parallel", (VERILATOR_STEPS, 256, 256))
    table = markdown_table(
        ("ws parallel int8", "PE-cycles per second", "ratio"),
        [
            (f"Verilator, {VERILATOR_ROWS}×{VERILATOR_ROWS}", f"{theirs:.2e}", ""),
            ("reference engine, 16×16", f"{small.per_second:.2e}", f"{small.per_second / theirs:.0f}"),
            ("reference engine, 128×128", f"{ours.per_second:.2e}", f"{ours.per_second / theirs:.0f}"),
        ],
    )
    ratio = ours.per_second / theirs
    check = Check(
        "reference engine over Verilator, PE-cycles per second",
        f"≥ {VERILATOR_TARGET}×",
        f"{ratio:.0f}×",
        ratio >= VERILATOR_TARGET,
    )
    return f"{VERILATOR_TEXT}\n\n{table}", (check,)


def _stonne() -> tuple[str, tuple[Check, ...]]:
    """STONNE's CPU times as recorded in the golden file; ours on the same products and meshes, measured now."""
    path = shared_root() / "golden" / "stonne_layers_timing.csv"
    if not path.exists():
        return "STONNE's times are not here, so they are missing.", ()
    with path.open() as file:
        recorded = [row for row in csv.DictReader(file) if row["mode"] == "TPU_OS_DENSE"]
    rows, ratios = [], []
    for row in recorded:
        m, n, k, height = (int(row[key]) for key in ("M", "N", "K", "array_rows"))
        overrides = {
            "preset": "scalesim",
            "array.dataflow": "os",
            "array.edge_folds": "used",
            "array.rows": height,
            "array.cols": height,
        }
        hardware, work = load_hardware(SMALL, overrides), _drawn((m, n, k))
        simulate(work, hardware)
        fast = time_calls(lambda: simulate(work, hardware), STONNE_REPEATS)  # noqa: B023
        simulate(work, hardware, engine="reference")
        slow = time_calls(lambda: simulate(work, hardware, engine="reference"), 1)  # noqa: B023
        theirs = float(row["cpu_s"])
        ratios.append(theirs / fast.cpu_median_s)
        ours = (f"{1e3 * fast.cpu_median_s:.2f}", f"{ratios[-1]:,.0f}", f"{theirs / slow.cpu_median_s:.1f}")
        rows.append((f"{row['case']} {m}×{n}×{k}, os {height}×{height}", f"{1e3 * theirs:,.0f}", *ours))
    table = markdown_table(
        ("product, mesh", "STONNE, CPU ms", "fast engine, CPU ms", "ratio", "ratio of the reference engine"), rows
    )
    worst = min(ratios)
    check = Check(
        "STONNE over fast engine, CPU time, worst product",
        f"≥ {STONNE_TARGET:,}×",
        f"{worst:,.0f}×",
        worst >= STONNE_TARGET,
    )
    return table, (check,)
