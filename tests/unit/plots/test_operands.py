"""The picture and the table of operand statistics."""

from __future__ import annotations

import warnings

import pytest
from rich.console import Console

from accel_sim.operand_statistics import operand_statistics
from accel_sim.operand_tables import operand_table
from accel_sim.plots import operands, paper_style
from accel_sim.workload import ConvGeometry, GemmLayer, Workload
from tests.unit.plots.test_pictures import overlap, texts


def network(layers: int) -> Workload:
    """Convolutions with padding and long names."""
    conv = ConvGeometry(1, 8, 8, 4, 3, 3, 8, 8, pad_top=1, pad_left=1)
    names = [f"features.block{i}.convolution" for i in range(layers)]
    return Workload("net", tuple(GemmLayer(name, "conv2d", 1, 64, 4, 36, conv=conv) for name in names))


@pytest.mark.parametrize("layers", [1, 20, 120])
def test_labels_neither_overlap_nor_leave_the_page(layers: int) -> None:
    with paper_style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        fig = operands(operand_statistics(network(layers)))
        boxes = list(texts(fig))
    page = fig.bbox.padded(1)
    for i, (text, box) in enumerate(boxes):
        assert page.x0 <= box.x0, text
        assert box.x1 <= page.x1, text
        assert page.y0 <= box.y0, text
        assert box.y1 <= page.y1, text
        assert not any(overlap(box, other) for _, other in boxes[i + 1 :]), text
    assert any("of it padding" in text for text, _ in boxes)


def test_the_table_fits_a_hundred_columns() -> None:
    console = Console(width=100, record=True)
    console.print(operand_table(operand_statistics(network(3))))
    text = console.export_text()
    assert "…" not in text
    assert "Operands: drawn uniformly, seed 0" in text
    assert text.count("convolution") == 3
