"""``bitgrove report``: the points of a sweep, or of single runs, as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rl.outputs import check_destinations
from rl.progress import progress_bar

__all__ = ["report"]


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder of `bitgrove sweep`, or of JSON files of `bitgrove simulate --json`."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Where the page goes; DIR/report.html if left out.")
    ] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Heading; the sweep's title if left out.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Write one HTML page about the points in DIR; it needs no network and no other file.

    Example: bitgrove report sweeps/array_shape --out array_shape.html
    """
    from rl.report.html import write_report

    check_destinations([("--out", None if out is None else str(out))], ("", None))
    page = out or folder / "report.html"
    with progress_bar(quiet=quiet) as bar:
        points = write_report(folder, page, title, bar.step)
    if not quiet:
        typer.echo(f"{page}: {points} {'point' if points == 1 else 'points'}, {page.stat().st_size / 1e6:.1f} MB")
