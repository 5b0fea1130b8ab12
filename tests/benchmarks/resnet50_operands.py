"""ResNet-50 with its operands: term-serial with real activations, and every built-in machine."""

from __future__ import annotations

import tarfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from accel_sim import load_hardware, simulate
from accel_sim.array.beats import counts_depend_on_data
from accel_sim.hardware.load import list_builtins
from accel_sim.hardware.schema import Hardware, NmSparsity
from accel_sim.workload import GemmLayer, Workload
from compress.load import DataRequest, load_workload
from tests.benchmarks.measure import Times, time_calls
from tests.benchmarks.report import Check, Section, markdown_table, milliseconds, spread, time_checks
from tests.shared_files import shared_root

__all__ = ["run"]

MODEL = "torchvision:resnet50"
MACHINE, TERM_SERIAL = "dense_int8_32x32", {"array.arithmetic": "term_serial_act", "dram.model": "bandwidth"}
PHOTOGRAPHS = "data/imagenet-compat/nips17-dev-256.tar"
NOISE = "fake:10x3x224x224"
REPEATS, BUILTIN_REPEATS = 9, 3
LIMIT_S, RATIO_LIMIT, BUILTIN_LIMIT_S = 0.25, 8.0, 5.0
TEXT = """\
`simulate` of all layers of `torchvision:resnet50` (initial weights), batch 1, 8 bits, in one process, the model already
read and run on {images}, the mapping remembered. Times in ms, median (lowest to highest).

*Term-serial* is `dense_int8_32x32` with `array.arithmetic: term_serial_act` and the bandwidth model of the DRAM: every
activation of every im2col matrix decides how long a beat lasts. *NumPy* sums the same layers' im2col operands (M·K and
K·N bytes) once, in one thread; the ratio is that of CPU times, so both cores' work counts for ours.

Below, every built-in machine. N:M machines draw their weights (the initial ones do not fit the pattern); where operands
do not decide, closed forms do."""


@dataclass(frozen=True)
class _Row:
    """One machine's time; ``operands`` says what it was given."""

    name: str
    operands: str
    times: Times


def run() -> Section:
    """Time the term-serial machine against NumPy, then all built-in machines."""
    drawn = load_workload(MODEL)
    with ExitStack() as stack:
        spec = _photographs(stack)
        given = load_workload(MODEL, data=DataRequest(spec))
    term_serial = _time(given, load_hardware(MACHINE, TERM_SERIAL), REPEATS)
    summing = _time_sums(given)
    ratio = term_serial.cpu_median_s / summing.cpu_median_s
    rows = [_time_builtin(name, given, drawn) for name in list_builtins()]
    slowest = max(rows, key=lambda row: row.times.cpu_median_s)
    first = markdown_table(
        ("", "runs", "wall ms", "CPU ms"),
        [
            ("term-serial", REPEATS, spread(term_serial.wall_s), spread(term_serial.cpu_s)),
            ("NumPy", REPEATS, spread(summing.wall_s), spread(summing.cpu_s)),
            ("ratio", "", "", f"{ratio:.1f}"),
        ],
    )
    second = markdown_table(
        ("machine", "operands", "wall ms", "CPU ms"),
        [(row.name, row.operands, spread(row.times.wall_s), spread(row.times.cpu_s)) for row in rows],
    )
    seconds = slowest.times.cpu_median_s
    checks = (
        *time_checks("ResNet-50, term-serial with real activations", LIMIT_S, term_serial),
        Check(
            "ResNet-50, term-serial, CPU time over NumPy's sum of the operands",
            f"≤ {RATIO_LIMIT:.0f}×",
            f"{ratio:.1f}×",
            ratio <= RATIO_LIMIT,
        ),
        Check(
            f"ResNet-50 on the slowest built-in machine ({slowest.name}), CPU time",
            f"≤ {milliseconds(BUILTIN_LIMIT_S)} ms",
            f"{milliseconds(seconds)} ms",
            seconds <= BUILTIN_LIMIT_S,
        ),
    )
    images = "uniform noise" if spec == NOISE else "a photograph"
    return Section("ResNet-50 with operands", TEXT.format(images=images), f"{first}\n\n{second}", checks)


def _photographs(stack: ExitStack) -> str:
    """A data set of one photograph, if the shared ones are here; else noise."""
    archive = shared_root() / PHOTOGRAPHS
    if not archive.exists():
        return NOISE
    root = Path(stack.enter_context(TemporaryDirectory()))
    with tarfile.open(archive) as tar:
        first = next(member for member in tar if member.name.endswith(".jpg"))
        tar.extract(first, root / "photographs", filter="data")
    return f"imagefolder:{root}"


def _time(work: Workload, hardware: Hardware, repeats: int) -> Times:
    simulate(work, hardware)
    return time_calls(lambda: simulate(work, hardware), repeats)


def _time_builtin(name: str, given: Workload, drawn: Workload) -> _Row:
    hardware = load_hardware(name)
    if not counts_depend_on_data(hardware.array):
        return _Row(name, "do not decide", _time(drawn, hardware, BUILTIN_REPEATS))
    if isinstance(hardware.array.weight_sparsity, NmSparsity):
        return _Row(name, "drawn", _time(drawn, hardware, BUILTIN_REPEATS))
    return _Row(name, "real", _time(given, hardware, BUILTIN_REPEATS))


def _time_sums(work: Workload) -> Times:
    """Sum as many bytes as the im2col matrix and the weights of each layer have."""
    operands = [
        np.ones(layer.groups * size, np.uint8)
        for layer in work.layers
        if isinstance(layer, GemmLayer)
        for size in (layer.m * layer.k, layer.k * layer.n)
    ]
    return time_calls(lambda: [matrix.sum() for matrix in operands], REPEATS)
