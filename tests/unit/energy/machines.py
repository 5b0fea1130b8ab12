"""Small machines and counts for the tests of this folder."""

from __future__ import annotations

from typing import Any

from accel_sim.counts import ArrayCounts, LayerActions
from accel_sim.hardware.schema import Hardware
from accel_sim.result import DramCounts, SramCounts, SramTraffic

DRAM_PJ_PER_BIT = 8.0


def machine(**sections: Any) -> Hardware:
    """An 8×8 machine; keyword arguments replace or extend the fields of its sections."""
    tree: dict[str, Any] = {
        "name": "test",
        "array": {"rows": 8, "cols": 8},
        "buffers": {
            "activations": {"kib": 64.0},
            "weights": {"kib": 32.0},
            "outputs": {"kib": 16.0},
        },
    }
    for section, fields in sections.items():
        tree[section] = {**tree.get(section, {}), **fields}
    return Hardware.model_validate(tree)


def actions(a_bits: int = 8, w_bits: int = 8, cycles: int = 5000) -> LayerActions:
    """Counts in which every kind of action happens a different number of times."""
    return LayerActions(
        a_bits=a_bits,
        w_bits=w_bits,
        array=ArrayCounts(
            multiplier_cycles=100_000,
            busy_cycles=60_000,
            gated_cycles=7_000,
            additions=110_000,
            operand_hop_bits=800_000,
            psum_hop_bits=3_200_000,
            stationary_hop_bits=64_000,
            fifo_push_bits=12_000,
            metadata_decodes=900,
            pe_cycles=64 * cycles,
        ),
        sram=SramCounts(
            activations=SramTraffic(read_bytes=8_000, word_reads=1_000, word_writes=300),
            weights=SramTraffic(read_bytes=4_000, word_reads=500, word_writes=500),
            outputs=SramTraffic(word_reads=250, word_writes=700),
        ),
        dram=DramCounts(read_bytes=40_000, write_bytes=9_000),
        vector_operations=1_234,
        cycles=cycles,
    )
