"""What an edge needs of its SRAM where lanes choose among several activations."""

from __future__ import annotations

from typing import Any

import pytest

from accel_sim import load_hardware
from accel_sim.array.beats import hop_bits
from accel_sim.array.ports import Sharing, pace
from accel_sim.hardware.schema import ArrayConfig


@pytest.mark.parametrize(
    ("overrides", "activations_per_lane"),
    [
        ({}, 1),
        ({"array.weight_sparsity": "pack_columns", "array.pack_limit": 4}, 4),
        ({"array.weight_sparsity": {"kind": "n_m", "keep": 2, "of": 6}, "array.lanes": 2}, 3),
    ],
)
def test_a_beat_lasts_until_all_candidates_have_come(overrides: dict[str, Any], activations_per_lane: int) -> None:
    narrow = {"buffers.activations.banks": 1, "buffers.activations.word_bits": 64}
    hardware = load_hardware("dense_int8_8x8", {**narrow, **overrides})
    lanes = hardware.array.lanes
    paced = pace(hardware, 8, 8, 1, Sharing(), ideal=False)
    assert paced.beat_first == lanes * activations_per_lane  # 8 rows of 8 bits are one word


@pytest.mark.parametrize(
    ("dataflow", "arithmetic", "expected"),
    [
        ("ws", "parallel", (8, 0)),
        ("is", "parallel", (0, 4)),
        ("os", "serial_act", (8, 4)),
        ("ws", "term_serial_act", (0, 0)),
        ("ws", "term_serial_weight", (8, 0)),
        ("is", "term_serial_both", (0, 0)),
        ("os", "term_serial_weight", (8, 0)),
        ("os", "term_serial_both", (0, 4)),
    ],
)
def test_terms_have_no_hop_besides_their_register(dataflow: Any, arithmetic: Any, expected: tuple[int, int]) -> None:
    array = ArrayConfig(rows=2, cols=2, dataflow=dataflow, arithmetic=arithmetic)
    assert hop_bits(array, 8, 4) == expected
