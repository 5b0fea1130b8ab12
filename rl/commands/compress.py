"""``bitgrove compress``: a policy applied to a network, written out with what it changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from accel_sim.errors import InputError
from rl.option_help import DATA_KINDS, WEIGHTS
from rl.outputs import check_destinations, csv_text, is_stdout, warn, write_text
from rl.progress import ProgressBar, progress_bar
from rl.requests import parse_input_shape

if TYPE_CHECKING:
    from compress.policy_request import Compression, PolicyRequest

__all__ = ["compress"]

REPORT_IMAGES = 1000


def compress(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="torchvision:NAME or MODULE:CALLABLE.")],
    policy: Annotated[Path, typer.Option(metavar="FILE", help="What to do to each layer, as YAML.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the compressed network goes.")],
    data: Annotated[
        str,
        typer.Option(
            metavar="DATA",
            help=f"Images: {DATA_KINDS}. Calibration and report use different ones.",
        ),
    ],
    weights: Annotated[Path | None, typer.Option(metavar="FILE", help=WEIGHTS)] = None,
    images: Annotated[int | None, typer.Option(metavar="N", min=1, help="Calibration images; 256 if left out.")] = None,
    report_images: Annotated[
        int, typer.Option(metavar="N", min=0, help="Images that the accuracies are measured on; 0: none.")
    ] = REPORT_IMAGES,
    integer: Annotated[
        bool,
        typer.Option("--integer", help="Measure the accuracy in integer arithmetic too, as the machine computes."),
    ] = False,
    input_shape: Annotated[
        str | None, typer.Option(metavar="C,H,W", help="Shape of one input, where the model does not tell.")
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="For what is drawn: images, algorithms that draw, initial weights.")
    ] = 0,
    json_: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write the report there too; - prints it, and it alone."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="DIR", help="Draw pictures into DIR, as PNG and SVG.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table and no progress bar.")] = False,
) -> None:
    """Prune and quantise MODEL as a policy says, without training, and report what changed.

    DIR gets model.safetensors, policy.yaml (every layer spelled out), model.onnx, layers.csv and report.json.

    Example: bitgrove compress compress.models:digits_cnn --policy policy.yaml --data digits --out small
    """
    check_destinations([("--json", json_)], ("--out", out))
    check_destinations([], ("--plot", plot))
    from compress.policy_request import PolicyRequest

    shape = parse_input_shape(input_shape) if input_shape else None
    if integer and not report_images:
        raise InputError("--integer: needs --report-images above 0, images that the accuracy is measured on")
    request = PolicyRequest(model, policy, data, weights, images, shape, seed)
    with progress_bar(quiet=quiet) as bar:
        found, report = _run(request, out, _Report(report_images, integer), bar)
        pictures = _draw(found, plot, bar) if plot is not None else []
    for line in found.compressed.warnings:
        warn(line)
    if json_ is not None:
        write_text(json_, _json_text(report))
    if not quiet and not is_stdout(json_):
        _show(found, report, [*sorted(out.iterdir()), *pictures])


class _Report(NamedTuple):
    """Images that accuracies are measured on, and whether in integer arithmetic too."""

    images: int
    integer: bool


def _run(request: PolicyRequest, out: Path, wanted: _Report, bar: ProgressBar) -> tuple[Compression, dict[str, Any]]:
    from accel_sim.files import write_atomically
    from compress.compressed_files import save_compressed
    from compress.onnx_export import onnx_bytes
    from compress.policy_request import apply_policy

    bar.phase(f"compressing {request.model}")
    found = apply_policy(request)
    report = _report(request, found, wanted, bar)
    bar.phase("writing")
    exported = onnx_bytes(found.compressed.model, found.images[:1])  # before anything is written: it may refuse
    save_compressed(found.compressed, out)
    write_atomically(out / "model.onnx", exported)
    write_text(str(out / "layers.csv"), csv_text([layer.row() for layer in found.compressed.layers]))
    write_text(str(out / "report.json"), _json_text(report))
    return found, report


def _report(request: PolicyRequest, found: Compression, wanted: _Report, bar: ProgressBar) -> dict[str, Any]:
    """What changed, as plain values."""
    from accel_sim import __version__

    layers = found.compressed.layers
    totals = ("weights_before", "weights_after", "nonzero_after", "bytes_before", "bytes_after")
    return {
        "schema": 1,
        "bitgrove": __version__,
        "model": request.model,
        "data": request.data.partition(":")[0],
        "seed": request.seed,
        "calibration_images": len(found.images),
        "accuracy": _accuracies(request, found, wanted, bar) if wanted.images else None,
        "warnings": list(found.compressed.warnings),
        "total": {name: sum(getattr(layer, name) for layer in layers) for name in totals},
        "layers": [layer.row() for layer in layers],
    }


def _accuracies(request: PolicyRequest, found: Compression, wanted: _Report, bar: ProgressBar) -> dict[str, Any]:
    """Accuracy before and after on images that nothing was tuned on."""
    from compress.accuracy import evaluate
    from compress.data import open_labelled

    images = open_labelled(request.data, "report")
    images = images.stratified(min(wanted.images, images.size), request.seed)
    shape = tuple(found.images.shape[1:])
    result: dict[str, Any] = {"images": images.size, "split": "report"}
    networks = {"float": found.model, "compressed": found.compressed.model}
    if wanted.integer:
        from compress.integer import integer_network

        networks["integer"] = integer_network(found.compressed, found.images)
    for name, network in networks.items():
        bar.phase(f"classifying {images.size} images, {name}")
        accuracy = evaluate(network, images, input_shape=shape)
        result[name] = {"top1_percent": accuracy.top1_percent, "top5_percent": accuracy.top5_percent}
    return result


def _draw(found: Compression, directory: Path, bar: ProgressBar) -> list[Path]:
    from compress.plots import write_compression_plots

    bar.phase("drawing")
    return write_compression_plots(found.model, found.compressed, directory)


def _json_text(report: dict[str, Any]) -> str:
    return json.dumps(report, indent=1) + "\n"


def _show(found: Compression, report: dict[str, Any], files: list[Path]) -> None:
    from rich.console import Console

    from compress.layer_table import compression_view

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    console.print(compression_view(found.compressed, report["accuracy"]))
    for path in files:
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)
