"""Pictures in notebooks: the bytes that the files would hold, and shown by themselves."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from accel_sim import gemm, load_hardware, simulate
from accel_sim.errors import InputError
from accel_sim.plots import energy_breakdown, figure, picture, write_plots
from accel_sim.plots.roofs import roofs_of


def test_a_picture_is_what_the_file_holds(tmp_path: Path) -> None:
    machine = load_hardware("dense_int8_8x8")
    result = simulate(gemm(8, 8, 8), machine)
    write_plots(result, tmp_path, roofs_of(machine, result.layers))
    shown = picture(energy_breakdown, result)
    assert shown.png == (tmp_path / "energy_breakdown.png").read_bytes() == shown._repr_png_()
    for suffix, content in ((".png", shown.png), (".svg", shown.svg)):
        shown.save(tmp_path / f"own{suffix}")
        assert (tmp_path / f"own{suffix}").read_bytes() == content
    with pytest.raises(InputError, match=r"ends with '.jpg'; allowed: .svg, .png"):
        shown.save(tmp_path / "own.jpg")


def test_any_function_that_returns_a_figure_is_drawn_in_the_house_style() -> None:
    def own(title: str, *, values: list[float]) -> Figure:
        fig = figure(3, 2)
        fig.subplots().plot(values)
        fig.suptitle(title)
        assert matplotlib.rcParams["font.size"] == 8
        return fig

    size = matplotlib.rcParams["font.size"]
    shown = picture(own, "title", values=[1.0, 2.0])
    assert shown.png.startswith(b"\x89PNG")
    assert repr(shown).startswith("Picture(")
    assert matplotlib.rcParams["font.size"] == size
