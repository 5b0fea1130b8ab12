"""``bitgrove sensitivity``: what each layer of a network can bear."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from accel_sim.errors import InputError
from rl.option_help import DATA_KINDS, WEIGHTS
from rl.outputs import check_destinations, is_stdout, write_text
from rl.progress import progress_bar
from rl.requests import parse_input_shape

if TYPE_CHECKING:
    from compress.sensitivity import Probes, SensitivityTable

__all__ = ["sensitivity"]

IMAGES = 256
_Number = TypeVar("_Number", int, float)


def sensitivity(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="torchvision:NAME or MODULE:CALLABLE.")],
    data: Annotated[
        str,
        typer.Option(
            metavar="DATA",
            help=f"Images: {DATA_KINDS}. Of the test images those with an even index are looked at.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the table and the pictures go.")],
    weights: Annotated[Path | None, typer.Option(metavar="FILE", help=WEIGHTS)] = None,
    algorithms: Annotated[
        str, typer.Option(metavar="A,A,...", help="Pruning algorithms that take a ratio; '' for none.")
    ] = "level,obs,l1_filter",
    ratios: Annotated[
        str, typer.Option(metavar="R,R,...", help="Shares to prune, above 0 and below 1.")
    ] = "0.2,0.4,0.6,0.8",
    bits: Annotated[
        str,
        typer.Option(metavar="N,N,...", help="Widths of the weights, and of the inputs, 1 to 16 bits; '' for none."),
    ] = "2,3,4,6,8",
    images: Annotated[
        int, typer.Option(metavar="N", min=1, help="Images that every changed network classifies.")
    ] = IMAGES,
    input_shape: Annotated[
        str | None, typer.Option(metavar="C,H,W", help="Shape of one input, where the model does not tell.")
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="For what is drawn: images, algorithms that draw, initial weights.")
    ] = 0,
    json_: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the table as JSON; - prints it, and it alone.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table and no progress bar.")] = False,
) -> None:
    """Prune or quantise one layer of MODEL at a time, without training, and measure what it costs.

    DIR gets sensitivity.csv (cross-entropy and top-1 of every change) and pictures, as PNG and SVG.

    Example: bitgrove sensitivity compress.models:digits_cnn --data digits --out sensitivity
    """
    check_destinations([("--json", json_)], ("--out", out))
    probes = _probes(algorithms, ratios, bits)
    shape = parse_input_shape(input_shape) if input_shape else None
    from compress.plots.sensitivity import write_sensitivity_plots
    from compress.sensitivity.request import SensitivityRequest, measure_request

    request = SensitivityRequest(model, data, probes, weights, images, shape, seed)
    with progress_bar(quiet=quiet) as bar:
        bar.phase(f"reading {model}")
        table = measure_request(request, bar.step)
        bar.phase("drawing")
        pictures = write_sensitivity_plots(table, out)
        write_text(str(out / "sensitivity.csv"), table.to_csv())
    if json_ is not None:
        write_text(json_, table.to_json() + "\n")
    if not quiet and not is_stdout(json_):
        _show(table, [out / "sensitivity.csv", *pictures])


def _probes(algorithms: str, ratios: str, bits: str) -> Probes:
    from compress.sensitivity import Probes

    names = tuple(dict.fromkeys(name.strip() for name in algorithms.split(",") if name.strip()))
    widths = _numbers("--bits", bits, int, "integers from 1 to 16, e.g. 2,4,8")
    shares = _numbers("--ratios", ratios, float, "numbers above 0 and below 1, e.g. 0.3,0.5")
    probes = Probes(names, shares, widths, widths)
    if not probes.per_layer:
        raise InputError("--algorithms, --bits: nothing is left to try; allowed: at least one of them")
    return probes


def _numbers(option: str, text: str, kind: Callable[[str], _Number], allowed: str) -> tuple[_Number, ...]:
    """A list of numbers in rising order, each once."""
    try:
        return tuple(sorted({kind(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        raise InputError(f"{option}: holds {text!r}; allowed: {allowed}") from None


def _show(table: SensitivityTable, files: list[Path]) -> None:
    from rich.console import Console

    from compress.sensitivity.view import sensitivity_view

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    console.print(sensitivity_view(table))
    for path in files:
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)
