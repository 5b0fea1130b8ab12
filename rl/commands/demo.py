"""``bitgrove demo``: the whole way from training to pictures, on data that ships with scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accel_sim.errors import InputError
from rl.outputs import check_destinations
from rl.progress import progress_bar

if TYPE_CHECKING:
    from accel_sim.workload import Workload

__all__ = ["demo"]

MACHINES = ("dense_int8_8x8", "dense_int8_16x16")
"""Four times the PEs: faster, but the small layers leave most of the larger array idle."""


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the pictures go.")] = Path("bitgrove-demo"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Train a small CNN on handwritten digits, simulate it on two accelerators, compare them and draw pictures.

    Takes seconds and downloads nothing. Example: bitgrove demo --out pictures
    """
    from accel_sim import load_hardware, simulate
    from accel_sim.plots import write_comparison, write_plots
    from accel_sim.plots.roofs import roofs_of
    from rl.commands.compare import show_comparison

    check_destinations([], ("--out", out))
    machines = [load_hardware(name) for name in MACHINES]
    with progress_bar(quiet=quiet) as bar:
        bar.phase("training a CNN on the digits")
        workload, accuracy = _trained_digits()
        bar.phase("simulating")
        results = [simulate(workload, machine, progress=bar.step) for machine in machines]
        bar.phase("drawing")
        pictures = write_comparison(results, out)
        for machine, result in zip(machines, results, strict=True):
            pictures += write_plots(result, out / machine.name, roofs_of(machine, result.layers))
    typer.echo(f"Trained a CNN on scikit-learn's digits: {100 * accuracy:.1f} % of the test images are right.")
    show_comparison(results, [])
    typer.echo(f"Pictures ({len(pictures)} files, PNG and SVG) are in {out.resolve()}")


def _trained_digits() -> tuple[Workload, float]:
    """The trained network as a workload with its integer weights, and its accuracy on the test images, 0..1."""
    try:
        from compress.graph.lower import workload_from_graph
        from compress.graph.trace import layer_graph
        from compress.models.digits_cnn import DigitsCnn, train_digits
    except ModuleNotFoundError as error:
        raise InputError(f"demo: needs {error.name}; install it with: pip install 'bitgrove[demo]'") from error
    model, accuracy = train_digits()
    graph = layer_graph(model, DigitsCnn.input_shape)
    weights = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    return workload_from_graph(graph, "digits CNN", weights=weights), accuracy
