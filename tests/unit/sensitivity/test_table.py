"""Tables of sensitivities: as text and back, and what a layer can bear."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.errors import DataError, PolicyError
from compress.sensitivity import Probes, SensitivityRow, SensitivityTable
from compress.sensitivity.view import bearable

NUMBERS = st.floats(0, 100, allow_nan=False)
ROWS = st.builds(
    SensitivityRow, st.sampled_from(["conv1", "a,b", 'c"d']), st.sampled_from(["level", "w_bits"]), *[NUMBERS] * 3
)
TABLES = st.builds(
    SensitivityTable, st.just("net"), st.integers(1, 9), NUMBERS, NUMBERS, st.lists(ROWS, max_size=4).map(tuple)
)


@given(TABLES)
def test_as_text_and_back(table: SensitivityTable) -> None:
    assert SensitivityTable.from_csv(table.to_csv()) == table
    assert SensitivityTable.from_json(table.to_json()) == table


def table(*tops: float) -> SensitivityTable:
    rows = tuple(SensitivityRow("conv", "level", 0.1 * i, 1.0 + i, top) for i, top in enumerate(tops, 1))
    return SensitivityTable("net", 8, 1.0, 90.0, rows)


def test_losses_stand_in_the_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(table(89.5, 91.0).to_csv())))
    assert [row["change"] for row in rows] == ["none", "level", "level"]
    assert [float(row["top1_lost_points"]) for row in rows] == [0.0, 0.5, -1.0]
    assert [float(row["cross_entropy_rise_nats"]) for row in rows] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(("tops", "ratio"), [((90, 89.5, 88, 90), 0.2), ((88.9, 90), None), ((89, 89), 0.2)])
def test_bearable_ends_at_the_first_that_costs_more_than_a_point(tops: tuple[float, ...], ratio: float | None) -> None:
    found = table(*tops)
    row = bearable(found, found.curve("conv", "level"))
    assert (None if row is None else row.amount) == ratio


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a,b\n1,2\n", "column 'model' is missing"),
        (table(80).to_csv().replace("none", "nome"), "its first line is not the float network's"),
        (table(80).to_csv().replace("80", "much"), "row 1: top1_percent: holds 'much'"),
    ],
)
def test_wrong_csv(text: str, part: str) -> None:
    with pytest.raises(DataError, match=part):
        SensitivityTable.from_csv(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [("{", "is not JSON"), ("[]", "a JSON object of schema 1"), (json.dumps({"schema": 1}), "model: ")],
)
def test_wrong_json(text: str, part: str) -> None:
    with pytest.raises(DataError, match=part):
        SensitivityTable.from_json(text)


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"algorithms": ("levle",)}, "'levle': is not known; did you mean 'level'"),
        ({"algorithms": ("n_m_obs",)}, "'n_m_obs': has more to say than a ratio; it needs n_m"),
        ({"ratios": (1.0,)}, "ratio: holds 1.0; allowed: a number above 0 and below 1"),
        ({"w_bits": (0,)}, "bits: holds 0; allowed: an integer from 1 to 16"),
        ({"a_bits": (17,)}, "bits: holds 17"),
    ],
)
def test_wrong_probes(fields: dict[str, tuple[object, ...]], part: str) -> None:
    with pytest.raises(PolicyError, match=part):
        Probes(**fields)  # type: ignore[arg-type]
