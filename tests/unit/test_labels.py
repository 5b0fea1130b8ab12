"""Units and names as people read them."""

from __future__ import annotations

import doctest

import pytest

from accel_sim import labels
from accel_sim.labels import COMPONENT_LABELS, format_si, shorten, si_scale
from accel_sim.result import EnergyBreakdown


def test_examples() -> None:
    assert doctest.testmod(labels).failed == 0


def test_every_component_has_a_label_in_stacking_order() -> None:
    assert list(COMPONENT_LABELS) == list(EnergyBreakdown().to_dict())[:-1]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.9996e-3, "1.00 mJ"),
        (0.9994e-3, "999 µJ"),
        (1e-12, "1.00 pJ"),
        (12.345, "12.3 J"),
        (99.96, "100 J"),
        (9.996, "10.0 J"),
        (1e-20, "0.0100 aJ"),
        (2.5e17, "250 PJ"),
    ],
)
def test_three_digits(value: float, shown: str) -> None:
    assert format_si(value, "J") == shown


def test_scale_multiplies_back() -> None:
    scale = si_scale(5.5e-7, "s")
    assert scale.unit == "ns"
    assert 5.5e-7 / scale.divisor == pytest.approx(550)


@pytest.mark.parametrize("width", [4, 10, 27])
def test_shortened_names_fit_and_keep_their_end(width: int) -> None:
    short = shorten("features.denseblock3.denselayer12.conv1", width)
    assert len(short) <= width
    assert short.endswith("nv1")
