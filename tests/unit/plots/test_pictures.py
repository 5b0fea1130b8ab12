"""Every picture of every kind of result: drawn without a warning, nothing cut off, no two labels on each other."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from accel_sim.errors import InputError
from accel_sim.plots import (
    Roofs,
    compare,
    cycles,
    energy_breakdown,
    paper_style,
    roofline,
    traffic,
    utilization,
    write_comparison,
    write_plots,
)
from accel_sim.plots.bars import layer_bars
from accel_sim.plots.energy import components_in_use
from accel_sim.plots.style import COMPONENT_COLOURS, freeze_layout
from accel_sim.result import EnergyBreakdown, Result
from accel_sim.traffic_bound import TrafficBound
from tests.unit.plots import synthetic

ROOFS = Roofs(peak_macs_per_cycle=1024, dram_bytes_per_cycle=synthetic.DRAM_BYTES_PER_CYCLE)
RESULTS: dict[str, Callable[[], Result]] = {
    "resnet50": synthetic.resnet50,
    "mobilenet_v2": synthetic.mobilenet_v2,
    "densenet201": synthetic.densenet201,
    "one_gemm": synthetic.one_gemm,
    "zero_energy": synthetic.zero_energy,
    "odd_names": synthetic.odd_names,
    "vector_only": synthetic.vector_only,
}
FIGURES: dict[str, Callable[[Result], Figure]] = {
    "energy_breakdown": energy_breakdown,
    "cycles": cycles,
    "utilization": utilization,
    "roofline": lambda result: roofline(result, ROOFS),
    "roofline_of_an_ideal_memory": lambda result: roofline(result, replace(ROOFS, dram_bytes_per_cycle=math.inf)),
    "compare": lambda result: compare([result] * 3),
    "traffic": lambda result: traffic(result, bounds_of(result)),
}


def bounds_of(result: Result) -> dict[str, TrafficBound]:
    """Some bounds for each layer."""
    return {
        layer.name: TrafficBound(1 + layer.dram.read_bytes // 2, index) for index, layer in enumerate(result.layers)
    }


def texts(fig: Figure) -> Iterator[tuple[str, Bbox]]:
    """Every visible text with its box in pixels, shrunk by a pixel so that touching is not overlapping."""
    renderer = freeze_layout(fig).get_renderer()
    hidden = {id(label) for axis in fig.findobj(Axis) for label in _out_of_view(axis)}
    for text in fig.findobj(Text):
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden:
            yield text.get_text(), Text.get_window_extent(text, renderer).padded(-1)


def _out_of_view(axis: Axis) -> Iterator[Text]:
    """Labels of ticks beyond the axis' limits exist but are never drawn."""
    low, high = sorted(axis.get_view_interval())
    for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
        if not low <= tick.get_loc() <= high:
            yield from (tick.label1, tick.label2)


def overlap(first: Bbox, second: Bbox) -> bool:
    return first.x0 < second.x1 and second.x0 < first.x1 and first.y0 < second.y1 and second.y0 < first.y1


FEWER = {"roofline_of_an_ideal_memory": ("resnet50", "one_gemm"), "compare": ("resnet50", "zero_energy", "odd_names")}
CASES = [(result, figure) for figure in FIGURES for result in FEWER.get(figure, tuple(RESULTS))]


@pytest.mark.parametrize(("result", "figure"), CASES)
def test_labels_neither_overlap_nor_leave_the_page(result: str, figure: str) -> None:
    with paper_style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        fig = FIGURES[figure](RESULTS[result]())
        boxes = list(texts(fig))
    page = fig.bbox.padded(1)
    for text, box in boxes:
        assert page.x0 <= box.x0, text
        assert box.x1 <= page.x1, text
        assert page.y0 <= box.y0, text
        assert box.y1 <= page.y1, text
    for i, (text, box) in enumerate(boxes):
        for other, other_box in boxes[i + 1 :]:
            # A text rotated along a roof has a box much larger than its ink.
            if not (text.startswith("DRAM ") or other.startswith("DRAM ")):
                assert not overlap(box, other_box), (text, other)


def test_every_component_has_a_colour_and_bars_keep_the_sum() -> None:
    assert list(COMPONENT_COLOURS) == list(EnergyBreakdown().to_dict())[:-1]
    result = synthetic.resnet50()
    bars = layer_bars(result.layers)
    assert len(bars) == sum(layer.groups > 0 for layer in result.layers)
    assert sum(bar.energy_pj.total for bar in bars) == pytest.approx(result.total.energy_pj.total)
    assert sum(bar.cycles.total for bar in bars) == result.total.cycles.total


def test_vector_operations_join_the_array_layer_before_them() -> None:
    vector = synthetic.vector_layer("relu", "relu", 1000)
    conv1, conv2 = (synthetic.array_layer(name, 8, 8, 8) for name in ("conv1", "conv2"))
    bars = layer_bars([replace(vector, name="resize"), conv1, vector, conv2])
    assert [bar.name for bar in bars] == ["conv1", "conv2"]
    assert bars[0].energy_pj.vector_unit == 2 * vector.energy_pj.vector_unit
    assert [bar.name for bar in layer_bars([vector])] == ["relu"]


def test_only_used_components_are_listed() -> None:
    used = components_in_use([EnergyBreakdown(dram=1.0), EnergyBreakdown(multiply=1.0)])
    assert used == ["multiply", "dram"]


def test_roofline_marks_the_balance_and_places_layers() -> None:
    layer = synthetic.array_layer("gemm", 512, 512, 512, op="gemm")
    with paper_style():
        fig = roofline(synthetic.result_of("one", [layer]), ROOFS)
    ax = fig.axes[0]
    assert ROOFS.balance_macs_per_byte == 40
    assert "Machine balance 40 MAC/byte" in [text.get_text() for text in ax.texts]
    ((x, y),) = ax.collections[0].get_offsets()
    assert x == pytest.approx(layer.macs.total / (layer.dram.read_bytes + layer.dram.write_bytes))
    assert y == pytest.approx(layer.macs.total / layer.cycles.total)


def test_comparison_is_relative_to_the_first() -> None:
    results = [synthetic.resnet50(16, "small"), synthetic.resnet50(32, "large")]
    with paper_style():
        fig = compare(results)
    edp = fig.axes[2]
    widths = [bar.get_width() for bar in edp.patches]
    assert widths == pytest.approx([1, results[1].total.edp_js / results[0].total.edp_js])


@pytest.mark.parametrize("result", ["one_gemm", "odd_names"])
def test_files_are_complete_and_reproducible(result: str, tmp_path: Path) -> None:
    first = write_plots(RESULTS[result](), tmp_path / "a", ROOFS)
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": None, "figure.facecolor": "red"}):
        second = write_plots(RESULTS[result](), tmp_path / "b", ROOFS)
    assert [path.name for path in first] == [
        f"{name}.{ending}"
        for name in ("energy_breakdown", "cycles", "roofline", "utilization", "area")
        for ending in ("svg", "png")
    ]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(path.name for path in first)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    assert b"<dc:date>" not in first[0].read_bytes()
    assert first[1].read_bytes().startswith(b"\x89PNG")


def test_style_is_undone(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    write_comparison([synthetic.one_gemm(), synthetic.one_gemm()], tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(InputError, match="taken: cannot be used as a folder"):
        write_comparison([synthetic.one_gemm(), synthetic.one_gemm()], tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_pyplot_is_never_imported() -> None:
    code = "import sys, accel_sim.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
