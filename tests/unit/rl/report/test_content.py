"""What the page is told: points, fronts, machines, layers, and which layers are left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.errors import InputError
from rl.report.content import build_content, compact_json
from rl.report.details import point_layers, rounded
from rl.report.front import front
from rl.report.points import open_folder
from tests.unit.rl.report.folders import made_up_result, small_sweep, write_sweep

ROOMY = 10**7


def content_of(folder: Path, room: int = ROOMY) -> dict[str, Any]:
    content = build_content(open_folder(folder), "Title", room, lambda done, total, text: None)
    return json.loads(compact_json(content))  # type: ignore[no-any-return]  # as the page gets it


def test_points_metrics_and_failures(tmp_path: Path) -> None:
    content = content_of(small_sweep(tmp_path))
    assert content["numbers"] == [0, 1, 2]
    assert content["axes"] == [
        {"name": "array.rows", "label": "rows", "numeric": True, "names": True, "values": [8, 16, 32]}
    ]
    metrics = {metric["key"]: metric for metric in content["metrics"]}
    assert (metrics["latency_s"]["unit"], metrics["latency_s"]["better"]) == ("s", -1)
    assert metrics["tops"]["better"] == 1
    assert "energy_pj.fifos" not in metrics  # 0 in all points
    total = made_up_result(16, **{"array.rows": 16})["total"]
    assert content["values"]["latency_s"][1] == pytest.approx(total["latency_s"], rel=1e-4)
    assert content["values"]["cycles.total"][1] == total["cycles"]["total"]
    assert content["values"]["stall_share"][1] == pytest.approx(
        total["cycles"]["stall"] / total["cycles"]["total"], rel=1e-4
    )
    assert content["failed"] == [{"number": 3, "axes": {"array.rows": "64"}, "message": "layer 'conv': no tile fits"}]
    (best,) = content["best"]
    energies = content["values"]["energy_j"]
    assert best["best"]["energy_j"] == energies.index(min(energies))
    efficiencies = content["values"]["tops_per_w"]
    assert best["best"]["tops_per_w"] == efficiencies.index(max(efficiencies))


def test_machines_are_told_by_what_they_share_and_where_they_differ(tmp_path: Path) -> None:
    content = content_of(small_sweep(tmp_path))
    assert content["fields"] == ["array.rows"]
    assert content["resolved"] == {"0": ["8"], "1": ["16"], "2": ["32"]}
    assert content["common"]["array.cols"] == "16"
    assert content["common"]["dram.part"] == "lpddr4_3200"
    assert content["facts"]["1"]["engine"] == "fast"


def test_layers_keep_their_sums(tmp_path: Path) -> None:
    content = content_of(small_sweep(tmp_path))
    assert len(content["networks"]) == 1
    network = content["networks"][0]
    assert network["names"] == ["stage0.conv0", "stage0.conv1", "stage0.conv2"]
    assert network["joined"] == [1, 1, 1]
    layers, total = content["layers"]["0"], made_up_result(8)["total"]
    assert layers["roofs"] == [8 * 16, pytest.approx(24, rel=0.2)]  # rows times columns; of two LPDDR4 channels
    for name in ("dram", "vector_unit", "leakage"):
        assert sum(layers[f"energy.{name}"]) == pytest.approx(total["energy_pj"][name], rel=1e-3)
    assert sum(layers["compute"]) + sum(layers["stall"]) == total["cycles"]["total"]
    assert layers["tiles"][0] == "448,16,147,mnk"
    assert sum(layers["gated"]) == total["macs"]["gated"]
    assert "skipped" not in layers


def test_statistics_of_operands_come_along_where_a_result_has_them() -> None:
    result = made_up_result()
    assert "activations.zeros" not in point_layers(result, "here").columns
    part = {"zeros": 0.25, "effectual_bits": 2.5, "width_bits": 5.0}
    result["layers"][0]["operands"] = {"activations": part, "weights": part}
    columns = point_layers(result, "here").columns
    assert columns["activations.zeros"] == [0.25, None, None]
    assert columns["weights.width_bits"] == [5, None, None]


def test_points_on_a_front_keep_their_layers_when_room_is_short(tmp_path: Path) -> None:
    points = [({"n": n}, made_up_result(n, layers=20)) for n in range(12)]
    folder = write_sweep(tmp_path, points)
    whole = content_of(folder)
    assert len(whole["layers"]) == 12
    costs = zip(*(whole["values"][key] for key in ("latency_s", "energy_j", "area_mm2")), strict=True)
    best = {str(place) for place in front(list(costs))}
    size = len(compact_json(whole))
    short = content_of(folder, room=size // 2)
    assert 0 < len(short["layers"]) < 12
    assert len(compact_json(short)) <= size // 2
    kept = set(short["layers"])
    assert kept <= best or best <= kept
    assert len(short["resolved"]) == 12  # machines stay


def test_what_differs_between_single_runs_becomes_axes(tmp_path: Path) -> None:
    for name, model, rows in (("a", "one", 8), ("b", "two", 16)):
        (tmp_path / f"{name}.json").write_text(json.dumps(made_up_result(rows, model=model, **{"array.rows": rows})))
    content = content_of(tmp_path)
    assert [axis["name"] for axis in content["axes"]] == ["file", "model", "array.rows"]
    assert [axis["names"] for axis in content["axes"]] == [True, False, False]
    assert [best["model"] for best in content["best"]] == ["one", "two"]


def test_a_network_that_is_read_in_two_ways_is_two_models(tmp_path: Path) -> None:
    points = [({"model": f"net{more}"}, made_up_result(n)) for n, more in enumerate(("", " w_bits=4"))]
    content = content_of(write_sweep(tmp_path, points))
    assert content["models"] == [best["model"] for best in content["best"]] == ["net", "net w_bits=4"]


def test_a_layer_of_another_form_is_one_line() -> None:
    result = made_up_result()
    del result["layers"][1]["cycles"]
    with pytest.raises(InputError) as caught:
        point_layers(result, "point 7")
    assert str(caught.value) == "point 7: layers: an entry is not as docs/json.md says ('cycles')"


def test_a_machine_of_another_version_has_no_roofs() -> None:
    result = made_up_result()
    result["hardware"]["array"]["shape"] = "round"
    assert point_layers(result, "here").peak_macs_per_cycle is None


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), max_size=25))
def test_the_front_is_what_nothing_beats(rows: list[tuple[int, int, int]]) -> None:
    def beats(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    kept = front(rows)
    assert {rows[place] for place in kept} == {row for row in rows if not any(beats(other, row) for other in rows)}
    assert len({rows[place] for place in kept}) == len(kept)


@given(st.floats(-1e300, 1e300) | st.sampled_from([float("inf"), float("-inf"), float("nan")]))
def test_rounded_numbers_are_near_and_are_json(value: float) -> None:
    short = rounded(value, 4)
    if short is None:
        assert not abs(value) < float("inf")
    else:
        assert short == pytest.approx(value, rel=5.1e-4)
        json.dumps(short, allow_nan=False)
