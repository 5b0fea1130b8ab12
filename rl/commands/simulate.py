"""``bitgrove simulate``: one model on one machine."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel_sim.errors import InputError
from rl.option_help import DATA_KINDS, UNCERTAINTY, WEIGHTS
from rl.outputs import check_destinations, csv_text, is_stdout, write_text
from rl.progress import progress_bar
from rl.requests import Request, load_machine, load_model, operands_decide

if TYPE_CHECKING:
    from accel_sim.energy.uncertainty import UncertainEnergy
    from accel_sim.hardware.schema import Hardware
    from accel_sim.network_run import NetworkRun
    from accel_sim.operand_statistics import WorkloadStatistics
    from accel_sim.result import Result
    from accel_sim.workload import Workload

__all__ = ["simulate"]

_LONG_RUN_STEPS = 10**9
"""PE steps that take the reference engine several seconds."""


@dataclass(frozen=True)
class _AddressTrace:
    """What ``--address-trace`` asks for: a folder, and the layers that are traced (none: all)."""

    directory: Path
    layers: tuple[str, ...]

    def check(self) -> None:
        """Refuse what cannot be written before time is spent on a run."""
        from accel_sim.address_trace.parquet import need_pyarrow

        if self.directory.exists() and not self.directory.is_dir():
            raise InputError(f"--address-trace {self.directory}: is a file; a folder is needed")
        need_pyarrow()

    def check_layers(self, workload: Workload) -> None:
        """Refuse layers that the model does not have."""
        from accel_sim.address_trace.write import check_layers

        check_layers(workload, self.layers)

    def write(self, run: NetworkRun) -> list[Path]:
        """Write the files; returns them."""
        from accel_sim.address_trace import write_address_trace

        return write_address_trace(self.directory, run, self.layers)


def simulate(
    hw: Annotated[str, typer.Argument(metavar="HW", help="A built-in machine (`bitgrove hw list`) or a YAML file.")],
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="torchvision:NAME, MODULE:CALLABLE, FILE.onnx, FILE.csv (a SCALE-Sim topology) or gemm:M,N,K.",
        ),
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Override a field of the machine; repeatable."),
    ] = None,
    weights: Annotated[Path | None, typer.Option(metavar="FILE", help=WEIGHTS)] = None,
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Prune and quantise the model first, as this YAML file says; needs --data."),
    ] = None,
    a_bits: Annotated[
        int | None, typer.Option(metavar="N", help="Width of the activations, 1 to 16 bits; 8 if left out.")
    ] = None,
    w_bits: Annotated[
        int | None, typer.Option(metavar="N", help="Width of the weights, 1 to 16 bits; 8 if left out.")
    ] = None,
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="Inputs per run.")] = 1,
    input_shape: Annotated[
        str | None, typer.Option(metavar="C,H,W", help="Shape of one input, where the model does not tell.")
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="How to count: fast, or reference (every PE, every cycle).")
    ] = "fast",
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help=f"Take the operands from images: {DATA_KINDS}. Else they are drawn uniformly.",
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Images of DATA that value ranges are taken from, at least and by default the batch.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="For what is drawn at random: operands, images of DATA, initial weights.")
    ] = 0,
    json_: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON; - prints it, and it alone.")
    ] = None,
    csv_: Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write one row per layer as CSV.")] = None,
    operands: Annotated[
        bool,
        typer.Option("--operands", help="Show zeros, effectual bits and widths of the operands; also in JSON and CSV."),
    ] = False,
    uncertainty: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=2,
            max=1_000_000,
            help=UNCERTAINTY,
        ),
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="DIR", help="Draw pictures into DIR, as PNG and SVG.")] = None,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the time line of all tiles as JSON for ui.perfetto.dev."),
    ] = None,
    address_trace: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write every access of the SRAMs and of DRAM with its cycle into DIR, as Parquet; large.",
        ),
    ] = None,
    address_trace_layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only of this layer; repeatable. All layers if left out."),
    ] = None,
    all_layers: Annotated[bool, typer.Option("--all-layers", help="List every vector-unit operation.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table and no progress bar.")] = False,
) -> None:
    """Simulate MODEL on HW: cycles, traffic, energy and area, per layer and in total.

    Example: bitgrove simulate dense_int8_32x32 torchvision:resnet50 --set dram.channels=2 --plot pictures
    """
    files = [("--json", json_), ("--csv", csv_), ("--trace", None if trace is None else str(trace))]
    check_destinations(files, ("--plot", plot))
    if is_stdout(json_) and is_stdout(csv_):
        raise InputError("--json -, --csv -: only one of them can be standard output")
    folder = None if address_trace is None else _AddressTrace(address_trace, tuple(address_trace_layer or ()))
    if folder is None and address_trace_layer:
        raise InputError("--address-trace-layer: needs --address-trace DIR")
    request = Request(model, weights, a_bits, w_bits, batch, input_shape, data, images, seed, policy)
    machine = load_machine(hw, set_ or [])
    if folder is not None:
        folder.check()
    decide = operands_decide([machine], engine)
    wants_statistics = operands or (plot is not None and (decide or data is not None))
    runs: list[NetworkRun] = []
    workload, result, statistics = _run(machine, request, engine, quiet, decide, wants_statistics, folder, runs)
    if trace is not None:
        from accel_sim.timeline.perfetto import write_trace

        write_trace(trace, runs[0].timeline, f"{result.model} on {machine.name}")
    sure = _sample(result, machine, uncertainty, seed)
    written = folder.write(runs[0]) if folder is not None else []
    if plot is not None:
        written += _draw(workload, result, machine, plot, statistics, sure)
    if json_ is not None:
        write_text(json_, _json_text(result, statistics if operands else None, sure, seed))
    if csv_ is not None:
        write_text(csv_, csv_text(_rows(result, statistics if operands else None)))
    if not quiet and not is_stdout(json_) and not is_stdout(csv_):
        _show(result, all_layers, statistics if operands else None, written, sure)


def _sample(result: Result, machine: Hardware, samples: int | None, seed: int) -> UncertainEnergy | None:
    if samples is None:
        return None
    from accel_sim.energy.uncertainty import sample_energies

    return sample_energies([result], [machine], samples, seed)[0]


def _run(
    machine: Hardware,
    request: Request,
    engine: str,
    quiet: bool,
    decide: bool,
    wants_statistics: bool,
    folder: _AddressTrace | None,
    runs: list[NetworkRun],
) -> tuple[Workload, Result, WorkloadStatistics | None]:
    """Run the simulation; what it knows in the end is put into ``runs``."""
    from accel_sim import simulate as run
    from accel_sim.operand_statistics import operand_statistics

    with progress_bar(quiet=quiet) as bar:
        bar.phase(f"reading {request.model}")
        workload = load_model(request, needs_operands=decide or wants_statistics)
        if folder is not None:
            folder.check_layers(workload)
        if engine == "reference" and not quiet:
            _warn_of_long_run(workload, machine)
        result = run(workload, machine, engine=engine, seed=request.seed, progress=bar.step, network=runs.append)
        if not wants_statistics:
            return workload, result, None
        bar.phase("counting the operands' bits")
        return workload, result, operand_statistics(workload, request.seed, machine.array.weight_sparsity)


def _json_text(result: Result, statistics: WorkloadStatistics | None, sure: UncertainEnergy | None, seed: int) -> str:
    """The JSON contract, with what was asked for besides: ``operands`` of matrix products, ``uncertainty``."""
    tree = result.to_dict()
    if sure is not None:
        tree["uncertainty"] = {"samples": len(sure.components), "seed": seed, "energy_pj": sure.to_dict()}
    by_name = {layer.name: asdict(layer) for layer in statistics.layers} if statistics is not None else {}
    for layer in tree["layers"]:
        if layer["name"] in by_name:
            layer["operands"] = {key: by_name[layer["name"]][key] for key in ("activations", "weights")}
    return json.dumps(tree, indent=2) + "\n"


def _rows(result: Result, statistics: WorkloadStatistics | None) -> list[dict[str, Any]]:
    columns = statistics.rows() if statistics is not None else {}
    return [{**row, **columns.get(row["name"], {})} for row in result.to_rows()]


def _warn_of_long_run(workload: Workload, machine: Hardware) -> None:
    """Say on standard error what the reference engine is about to do, where that takes long."""
    steps = workload.macs // machine.array.lanes
    if steps < _LONG_RUN_STEPS:
        return
    text = f"reference engine: at least {steps:.2g} PE steps, one by one; --engine fast gives the same result at once"
    typer.echo(text, err=True)


def _draw(
    workload: Workload,
    result: Result,
    machine: Hardware,
    directory: Path,
    statistics: WorkloadStatistics | None,
    sure: UncertainEnergy | None,
) -> list[Path]:
    from accel_sim.plots import write_plots
    from accel_sim.plots.roofs import roofs_of
    from accel_sim.traffic_bound import traffic_bounds

    roofs, bounds = roofs_of(machine, result.layers), traffic_bounds(workload, machine)
    return write_plots(result, directory, roofs, statistics, bounds, sure)


def _show(
    result: Result,
    all_layers: bool,
    statistics: WorkloadStatistics | None,
    written: list[Path],
    sure: UncertainEnergy | None,
) -> None:
    from rich.console import Console

    from accel_sim.operand_tables import operand_table
    from accel_sim.tables import TABLE_WIDTH, result_view

    # Redirected output has no width of its own; the table needs its hundred columns.
    console = Console()
    if not console.is_terminal:
        console = Console(width=TABLE_WIDTH)
    if statistics is not None and statistics.layers:
        console.print(operand_table(statistics))
    console.print(result_view(result, all_layers=all_layers))
    if sure is not None:
        from accel_sim.uncertainty_tables import intervals_table

        console.print(intervals_table(result, sure))
    for path in written:
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)
