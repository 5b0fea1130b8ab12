"""Tables of results: complete, right, and within a hundred columns."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from accel_sim.comparison_tables import comparison_view, ratios
from accel_sim.result import Result
from accel_sim.tables import result_view
from tests.unit.plots import synthetic


def rendered(view: object, width: int = 100) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(view)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    "result",
    [
        synthetic.resnet50,
        synthetic.mobilenet_v2,
        synthetic.densenet201,
        synthetic.one_gemm,
        synthetic.zero_energy,
        synthetic.vector_only,
    ],
)
def test_fits_a_hundred_columns_without_losing_a_digit(result: Callable[[], Result]) -> None:
    lines = rendered(result_view(result()))
    assert max(map(len, lines)) <= 100
    cells = [word for line in lines for word in line.split()]
    assert not [word for word in cells if word.endswith("…")]


def test_lists_every_array_layer_and_one_line_for_the_vector_unit() -> None:
    result = synthetic.resnet50()
    text = "\n".join(rendered(result_view(result)))
    names = [layer.name for layer in result.layers if layer.groups]
    assert all(name in text for name in names)
    assert "18 vector ops" in text
    assert "maxpool" not in text
    assert "maxpool" in "\n".join(rendered(result_view(result, all_layers=True)))


def test_total_line_and_summary_agree_with_the_result() -> None:
    result = synthetic.resnet50()
    lines = rendered(result_view(result))
    (total,) = [line.split() for line in lines if line.startswith(" total")]
    assert f"{result.total.cycles.total:,}" in total
    assert total[-1] == "100.0"
    summary = "\n".join(lines)
    share = 100 * result.total.energy_pj.dram / result.total.energy_pj.total
    assert f"{share:.1f} %" in summary
    assert "5.98 mJ" in summary


def test_names_are_shown_as_they_are() -> None:
    text = "\n".join(rendered(result_view(synthetic.odd_names())))
    assert "[bold]b[/bold]" in text
    assert "mo[red]del $y$" in text


def test_groups_have_a_column_only_where_there_are_groups() -> None:
    assert " G " in "\n".join(rendered(result_view(synthetic.mobilenet_v2())))
    assert " G " not in "\n".join(rendered(result_view(synthetic.resnet50())))


def test_comparison_names_the_causes() -> None:
    results = [synthetic.resnet50(16, "small"), synthetic.resnet50(32, "large")]
    lines = rendered(comparison_view(results))
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    assert "(0.294×)" in text
    assert "−484 µJ Output SRAM" in text
    assert "layer4.0.conv2" in text


def test_ratios_to_a_machine_without_energy_are_unknown() -> None:
    free, paid = synthetic.zero_energy(), synthetic.one_gemm()
    assert ratios([free, paid])[1]["energy_j"] is None
    assert ratios([paid, free])[1]["energy_j"] == 0
