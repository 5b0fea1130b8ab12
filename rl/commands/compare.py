"""``bitgrove compare``: one model on several machines, side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel_sim.errors import InputError
from rl.option_help import DATA_KINDS, UNCERTAINTY, WEIGHTS
from rl.outputs import check_destinations, csv_text, is_stdout, write_text
from rl.progress import progress_bar
from rl.requests import Request, load_machine, load_model, operands_decide

if TYPE_CHECKING:
    from accel_sim.hardware.schema import Hardware
    from accel_sim.result import Result
    from accel_sim.uncertain_comparison import UncertainComparison

__all__ = ["compare", "show_comparison", "simulate_all"]

SCHEMA = 1
_FEWEST_MACHINES = 2


def compare(
    names: Annotated[
        list[str],
        typer.Argument(metavar="HW HW [HW ...] MODEL", help="Two or more machines, then the model; as for simulate."),
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Override a field of every machine; repeatable."),
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
        str | None, typer.Option("--json", metavar="FILE", help="Write all results as JSON; - prints it, and it alone.")
    ] = None,
    csv_: Annotated[
        str | None, typer.Option("--csv", metavar="FILE", help="Write one row per machine and layer as CSV.")
    ] = None,
    uncertainty: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=2,
            max=1_000_000,
            help=UNCERTAINTY,
        ),
    ] = None,
    iso: Annotated[
        str | None,
        typer.Option(
            metavar="area",
            help="area: scale the arrays of all machines but the first until each is as large as the first.",
        ),
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="DIR", help="Draw the comparison into DIR.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table and no progress bar.")] = False,
) -> None:
    """Simulate MODEL on several machines and show how they differ, and why.

    Example: bitgrove compare dense_int8_16x16 dense_int8_32x32 torchvision:resnet18 --plot pictures
    """
    check_destinations([("--json", json_), ("--csv", csv_)], ("--plot", plot))
    if is_stdout(json_) and is_stdout(csv_):
        raise InputError("--json -, --csv -: only one of them can be standard output")
    *sources, model = names
    if len(sources) < _FEWEST_MACHINES:
        raise InputError(
            f"compare: got {len(sources)} machine(s) and a model; allowed: two or more machines, then a model"
        )
    if iso not in (None, "area"):
        raise InputError(f"--iso: holds {iso!r}; allowed: area")
    machines = [load_machine(source, set_ or []) for source in sources]
    if iso == "area":
        machines = _of_equal_area(machines)
    request = Request(model, weights, a_bits, w_bits, batch, input_shape, data, images, seed, policy)
    results = simulate_all(machines, request, quiet=quiet)
    sure = _judge(results, machines, uncertainty, seed)
    pictures = _draw(results, sure, plot) if plot is not None else []
    if json_ is not None:
        write_text(json_, _json_text(results, sure))
    if csv_ is not None:
        write_text(csv_, csv_text(_rows(results)))
    if not quiet and not is_stdout(json_) and not is_stdout(csv_):
        show_comparison(results, pictures, sure)


def _of_equal_area(machines: Sequence[Hardware]) -> list[Hardware]:
    """The machines, all but the first with arrays scaled to its area; their names say what became of them."""
    from accel_sim.energy.area import area_breakdown
    from accel_sim.iso_area import at_area

    area_mm2 = area_breakdown(machines[0]).total
    scaled = [at_area(machine, area_mm2) for machine in machines[1:]]
    named = [
        one.model_copy(update={"name": f"{one.name} {one.array.rows}×{one.array.cols}"})
        if (one.array.rows, one.array.cols) != (before.array.rows, before.array.cols)
        else one
        for one, before in zip(scaled, machines[1:], strict=True)
    ]
    return [machines[0], *named]


def _judge(
    results: Sequence[Result], machines: Sequence[Hardware], samples: int | None, seed: int
) -> UncertainComparison | None:
    if samples is None:
        return None
    from accel_sim.uncertain_comparison import compare_uncertain

    return compare_uncertain(results, machines, samples, seed)


def simulate_all(machines: Sequence[Hardware], request: Request, *, quiet: bool) -> list[Result]:
    """Read the model once and simulate it on every machine, in order."""
    from accel_sim import simulate

    with progress_bar(quiet=quiet) as bar:
        bar.phase(f"reading {request.model}")
        workload = load_model(request, needs_operands=operands_decide(machines))
        results = []
        for machine in machines:
            bar.phase(machine.name)
            results.append(simulate(workload, machine, seed=request.seed, progress=bar.step))
    return results


def show_comparison(
    results: Sequence[Result], pictures: Sequence[Path], sure: UncertainComparison | None = None
) -> None:
    """Print the comparison's tables, and where its pictures are."""
    from rich.console import Console

    from accel_sim.comparison_tables import comparison_view
    from accel_sim.tables import TABLE_WIDTH

    console = Console()
    if not console.is_terminal:
        console = Console(width=TABLE_WIDTH)
    console.print(comparison_view(results))
    if sure is not None:
        from accel_sim.uncertainty_tables import verdicts_table

        console.print(verdicts_table(results, sure))
    for path in pictures:
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)


def _draw(results: Sequence[Result], sure: UncertainComparison | None, directory: Path) -> list[Path]:
    from accel_sim.plots import write_comparison

    return write_comparison(results, directory, sure)


def _json_text(results: Sequence[Result], sure: UncertainComparison | None) -> str:
    from accel_sim.comparison_tables import ratios

    tree: dict[str, Any] = {
        "schema": SCHEMA,
        "model": results[0].model,
        "results": [result.to_dict() for result in results],
        "ratios_to_first": ratios(results),
    }
    if sure is not None:
        tree["uncertainty"] = sure.to_dict()
    return json.dumps(tree, indent=2) + "\n"


def _rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    return [{"hardware": result.hardware["name"], **row} for result in results for row in result.to_rows()]
