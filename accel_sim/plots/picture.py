"""Pictures where they are looked at: a figure in the house style that a notebook shows by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

from matplotlib.figure import Figure

from accel_sim.errors import InputError
from accel_sim.files import write_atomically
from accel_sim.plots.style import freeze_layout, paper_style, render_png, render_svg

__all__ = ["Picture", "picture"]

_Arguments = ParamSpec("_Arguments")


@dataclass(frozen=True)
class Picture:
    """A drawn figure. As the last value of a notebook's cell it is shown."""

    svg: bytes
    png: bytes

    def save(self, path: str | Path) -> None:
        """Write it as ``.svg`` or ``.png``.

        Raises:
            InputError: another ending, or a file that cannot be written.
        """
        target = Path(path)
        content = {".svg": self.svg, ".png": self.png}.get(target.suffix)
        if content is None:
            raise InputError(f"{path}: ends with {target.suffix!r}; allowed: .svg, .png")
        write_atomically(target, content)

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return f"Picture({len(self.png):,} bytes of PNG)"


def picture(draw: Callable[_Arguments, Figure], *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Picture:
    """What a function draws, e.g. ``picture(energy_breakdown, result)``, in the house style.

    Args:
        draw: a function of this package, or any other that returns a matplotlib figure; ``args`` and ``kwargs`` are
            passed on.
    """
    with paper_style():
        fig = draw(*args, **kwargs)
        freeze_layout(fig)
        return Picture(render_svg(fig), render_png(fig))
