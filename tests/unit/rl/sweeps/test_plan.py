"""Specifications: what they expand to, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel_sim.errors import InputError
from rl.sweeps.plan import _content
from rl.sweeps.spec import Steps
from tests.unit.rl.sweeps.specs import TEXT, plan_of, write

HEAD = 'hardware: dense_int8_8x8\nmodels: ["gemm:24,16,32"]\n'


def points(folder: Path, text: str) -> list[tuple[object, ...]]:
    return [tuple(point.values()) for point in plan_of(folder, HEAD + text).points]


def test_a_grid_has_its_first_axis_outermost(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert [axis.name for axis in plan.axes] == ["model", "array.rows", "dram.channels"]
    assert len(plan.points) == len(set(plan.keys)) == 12
    assert plan.points[:3] == (
        {"model": "gemm:24,16,32", "array.rows": 4, "dram.channels": 1},
        {"model": "gemm:24,16,32", "array.rows": 4, "dram.channels": 2},
        {"model": "gemm:24,16,32", "array.rows": 8, "dram.channels": 1},
    )
    assert [job.number for job in plan.jobs] == list(range(12))
    assert plan.jobs[2].hardware is not None
    assert plan.jobs[2].hardware.array.rows == 8


def test_zipped_axes_vary_together(tmp_path: Path) -> None:
    text = "axes:\n  array.rows: [4, 8]\n  a_bits: [4, 8]\n  array.cols: [4, 8]\nzip: [[array.cols, array.rows]]\n"
    assert points(tmp_path, text) == [(4, 4, 4), (4, 8, 4), (8, 4, 8), (8, 8, 8)]


def test_conditions_see_axes_and_the_machine(tmp_path: Path) -> None:
    text = "axes:\n  array.rows: [4, 8]\nwhen: [array.rows == array.cols, batch == 1]\n"
    assert points(tmp_path, text) == [(8,)]


@pytest.mark.parametrize("kind", ["sobol", "random"])
def test_samples_are_different_points_that_a_seed_repeats(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("scipy")
    axes = "axes:\n  array.rows: {range: [1, 32, 1]}\n  array.cols: {range: [1, 32, 1]}\n"
    text = axes + "when: [array.rows >= array.cols]\nsample: {kind: " + kind + ", n: 40, seed: "
    first, again, other = (points(tmp_path, f"{text}{seed}}}\n") for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) == 40
    assert all(rows >= cols for rows, cols in first)  # type: ignore[operator]
    assert len({rows for rows, _ in first}) > 10
    # a space no larger than the sample is taken whole
    assert len(points(tmp_path, "axes:\n  array.rows: [1, 2, 3]\nsample: {n: 40}\n")) == 3


def test_few_points_that_meet_a_condition_are_all_taken(tmp_path: Path) -> None:
    axes = "axes:\n  array.rows: {range: [1, 40, 1]}\n  array.cols: {range: [1, 40, 1]}\n"
    axes += "when: [array.rows == array.cols]\n"
    assert sorted(points(tmp_path, axes + "sample: {n: 100}\n")) == [(n, n) for n in range(1, 41)]
    assert len(points(tmp_path, axes + "sample: {n: 39}\n")) == 39


def test_conditions_see_into_a_section_that_is_an_axis(tmp_path: Path) -> None:
    sizes = "[{kib: 64, banks: 16}, {kib: 256, banks: 16}]"
    text = f"axes:\n  buffers.activations: {sizes}\nwhen: [buffers.activations.kib > 128, vector_unit.lanes == 8]\n"
    assert points(tmp_path, text) == [({"kib": 256, "banks": 16},)]


def test_an_estimator_s_source_is_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    body = "def f(**size): return dict(read_pj={}, write_pj=1, leakage_mw=0, area_mm2=1, access_ns=1)\n"
    text = "set: {energy.sram_estimator: 'my_estimator:f'}\n"
    base = 'hardware: dense_int8_8x8\nmodels: ["gemm:8,8,8"]\n'
    keys = []
    for price in (1, 100):
        (tmp_path / "my_estimator.py").write_text(body.format(price))
        _content.cache_clear()
        keys.append(plan_of(tmp_path, f"{base}{text}axes: {{array.rows: [4]}}\n").keys)
    assert keys[0] != keys[1]


def test_steps() -> None:
    assert Steps(range=[1, 2, 0.25]).values() == [1, 1.25, 1.5, 1.75, 2]
    assert Steps(range=[8, 2, -3]).values() == [8, 5, 2]
    assert Steps(log2=[0.5, 5]).values() == [0.5, 1, 2, 4]
    assert Steps(logspace=[1, 100, 3]).values() == [1, 10, 100]
    assert Steps(logspace=[0.5, 2, 3]).values() == [0.5, 1, 2]


def test_a_key_changes_with_what_determines_the_result_alone(tmp_path: Path) -> None:
    base = plan_of(tmp_path).keys
    assert plan_of(tmp_path, f"title: other\ndetails: false\n{TEXT}").keys == base
    for change in ("seed: 1\n", "engine: reference\n"):
        assert not set(plan_of(tmp_path, change + TEXT).keys) & set(base)
    assert not set(plan_of(tmp_path, TEXT.replace("24,16", "24,17").replace("9,20", "9,21")).keys) & set(base)


def test_a_file_that_a_machine_names_is_part_of_the_key(tmp_path: Path) -> None:
    from accel_sim.energy.tables import TABLES_DIR
    from rl.sweeps import plan as module

    table = tmp_path / "table.yaml"
    text = f"{HEAD}set: {{energy.table: {table}}}\naxes:\n  array.rows: [4]\n"
    found = []
    for line in ("", "# a comment\n"):
        table.write_text((TABLES_DIR / "default_45nm.yaml").read_text() + line)
        module._content.cache_clear()
        found.append(plan_of(tmp_path, text).keys)
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("models: [x]\naxes: {}\n", "1:1: hardware: is missing; needed: here, or as axes.hardware"),
        ("hardware: dense_int8_8x9\nmodels: [a.csv]\n", "1:11: hardware: dense_int8_8x9: no such file and no built-in"),
        (HEAD + "axis: {}\n", "3:1: axis: unknown field; did you mean 'axes'?"),
        (HEAD + "axes:\n  array.rowz: [4]\n", "4:3: axes.array.rowz: unknown field; did you mean 'rows'?"),
        (
            HEAD + "axes:\n  array.rows: [4, 0]\n",
            "4:19: axes.array.rows.1: holds 0; allowed: an integer from 1 to 4096",
        ),
        (HEAD + "axes:\n  array.rows: [4, 4]\n", "4:19: axes.array.rows.1: holds 4 a second time"),
        (HEAD + "axes:\n  array.rows: []\n", "4:15: axes.array.rows: holds no values; allowed: one or more"),
        (HEAD + "axes:\n  array.rows: 4\n", "4:15: axes.array.rows: holds 4; allowed: a list of values or a mapping"),
        (HEAD + "axes:\n  array.rows: {log3: [1, 2]}\n", "4:16: axes.array.rows.log3: unknown field; did you mean"),
        (HEAD + "axes:\n  array.rows: {log2: [8, 4]}\n", "4:15: axes.array.rows: log2 holds [8.0, 4.0]; allowed: ["),
        (HEAD + "axes:\n  a_bits: [17]\n", "4:12: axes.a_bits.0: holds 17; allowed: an integer from 1 to 16"),
        (HEAD + "axes:\n  hardware: [loom_like]\n", "1:11: hardware: is given, and axes.hardware, too; allowed: one"),
        (HEAD + "set: {array.rows: x}\n", "3:19: set.array.rows: holds 'x'; allowed: an integer from 1 to 4096"),
        (HEAD + "axes:\n  a_bits: [4]\nzip: [[a_bits, b_bits]]\n", "5:7: zip.0: names 'b_bits', which is no axis; did"),
        (HEAD + "when: [array.rowz == 3]\n", "3:8: when.0: unknown name 'array.rowz'; did you mean 'array.rows'?"),
        (HEAD + "when: [array.rows = 3]\n", "3:8: when.0: 'array.rows = 3': is not an expression; write e.g."),
        (HEAD + "when: [array.rows == 3]\n", " when: no point meets the conditions"),
        (HEAD + "when: [array.dataflow < 3]\n", "3:8: when.0: 'array.dataflow < 3': cannot be evaluated: '<' not"),
        (HEAD + "engine: slow\n", "3:9: engine: holds 'slow'; allowed: fast, reference"),
        (HEAD + "sample: {n: 0}\n", "3:13: sample.n: holds 0; allowed: an integer from 1 to 10000000"),
        ('hardware: loom_like\nmodels: ["gemm:1,2"]\n', "2:10: models.0: gemm:1,2: allowed: gemm:M,N,K with three"),
        ("hardware: loom_like\nmodels: [{model: a, bits: 3}]\n", "2:21: models.0.bits: unknown field; did you mean"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_of(tmp_path, text)
    (only,) = str(caught.value).splitlines()
    assert only.startswith(f"{write(tmp_path, text)}:{line}")
