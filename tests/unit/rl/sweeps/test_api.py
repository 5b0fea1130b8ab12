"""Sweeps from Python: the same store as the command's, nothing computed twice, wrong calls in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rl
from accel_sim.errors import InputError
from tests.unit.rl.sweeps import specs

SPACE: dict[str, Any] = {
    "hardware": "dense_int8_8x8",
    "models": ["gemm:24,16,32", "gemm:9,20,40"],
    "set": {"dram.model": "bandwidth"},
    "axes": {"array.rows": np.array([4, 8, 16]), "dram.channels": range(1, 3)},
}
"""What ``specs.TEXT`` says."""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_mapping_a_file_and_two_processes_give_the_same(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    mapping = rl.sweep(SPACE, "mapping", progress=lambda done, of, _: seen.append((done, of)))
    assert seen[-1] == (12, 12)
    file = rl.sweep(specs.write(tmp_path), tmp_path / "file", workers=2)
    assert specs.content(mapping.store) == specs.content(file.store)
    assert (mapping.title, file.title) == ("sweep", "space")
    assert len(mapping.done) == 12
    assert not mapping.failed
    again = rl.sweep(Path("mapping/spec.yaml"), "mapping", progress=lambda *_: pytest.fail("computed again"))
    assert again.points == mapping.points


def test_what_the_points_show() -> None:
    found = rl.sweep(SPACE, "s").where("model == 'gemm:24,16,32' and area_mm2 < 100")
    assert len(found.points) == 6
    (best,) = found.best("area_mm2")
    assert best.axes["array.rows"] == 4
    front = found.pareto("latency_s", "area_mm2")
    assert [point.metrics["latency_s"] for point in front] == sorted(point.metrics["latency_s"] for point in front)
    assert front[-1].metrics["area_mm2"] == best.metrics["area_mm2"]
    shares = found.sensitivity("area_mm2")
    assert shares is not None
    assert shares.shares["array.rows"] > 0.99
    detail = found.detail(best)
    assert detail is not None
    assert detail["total"]["area_mm2"] == best.metrics["area_mm2"]
    table = found.to_pandas()
    assert list(table["number"]) == [row["number"] for row in found.to_rows()]
    assert found.pareto() == found.pareto("latency_s", "energy_j")


def test_failed_points_say_why() -> None:
    found = rl.sweep(
        {"hardware": "dense_int8_8x8", "models": ["gemm:9,9,9"], "axes": {"buffers.weights.kib": [8, 1 / 64]}}, "s"
    )
    assert [len(found.points), len(found.done), len(found.failed)] == [2, 1, 1]
    assert "buffers.weights.kib" in found.failed[0].message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"axis": {}}, "sweep:.*: axis: unknown field; did you mean 'axes'"),
        ({"axes": {"array.rowz": [1, 2]}}, "array.rowz"),
        ({"axes": {"array.rows": {1, 2}}}, "sweep: holds a set; allowed: mappings, lists"),
        ({"models": None}, "models"),
    ],
)
def test_wrong_specifications(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        rl.sweep({**SPACE, **change}, "s")
    assert "\n" not in str(caught.value)
    assert not Path("s").exists()


def test_wrong_calls() -> None:
    with pytest.raises(InputError, match="workers: holds 0; allowed: from 1"):
        rl.sweep(SPACE, "s", workers=0)
    with pytest.raises(InputError, match="metric 'speed': is not known"):
        rl.sweep(SPACE, "s").best("speed")
