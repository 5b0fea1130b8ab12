"""Bank conflicts at real addresses: cases worked out by hand, and what a layout does to a layer."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim import GemmLayer, Workload, gemm, simulate
from accel_sim.array.bank_kernel import place_waves, step_waves
from accel_sim.array.banks import BankWalk, bank_walk
from accel_sim.array.ports import Sharing
from accel_sim.hardware.schema import Hardware
from accel_sim.workload import ConvGeometry
from tests.machines import buffers, machine

LAYOUTS = ("tiled", "channel_last", "channel_first")


def pointwise() -> GemmLayer:
    """4×4 pixels of 8 channels."""
    return GemmLayer("pointwise", "conv2d", 1, 16, 8, 8, conv=ConvGeometry(1, 4, 4, 8, 1, 1, 4, 4))


def padded() -> GemmLayer:
    """3×3 taps on 4×4 pixels of one channel."""
    return GemmLayer("padded", "conv2d", 1, 16, 8, 9, conv=ConvGeometry(1, 4, 4, 1, 3, 3, 4, 4, pad_top=1, pad_left=1))


def exact(layout: str, dataflow: str = "ws", **common: object) -> Hardware:
    memory = buffers(16, 16, 16, **{"banks": 2, "word_bits": 32} | common) | {"bank_conflicts": "exact"}
    return machine(
        array={"rows": 4, "cols": 4, "dataflow": dataflow},
        buffers=memory,
        mapping={"layout": layout},
        dram={"part": "ideal"},
    )


def walk(layer: GemmLayer, hardware: Hardware, **sharing: int) -> BankWalk:
    found = bank_walk(hardware, layer, Sharing(**sharing))
    assert found is not None
    return found


def steps(of: BankWalk, count: int, k: int) -> tuple[list[list[int]], list[list[int]]]:
    """Cycles and words of K folds of four places."""
    cycles, words = step_waves(of, 0, 0, count, np.arange(k + 1), np.arange(k), 4)
    return cycles.tolist(), words.tolist()


def test_channels_of_a_pixel_are_one_word_or_one_bank() -> None:
    layer = pointwise()
    # Channels last: four 8-bit channels are a word. Channels first: they lie 16 elements = 4 words apart, all in the
    # first of two banks.
    assert steps(walk(layer, exact("channel_last")), 2, 8) == ([[1, 1], [1, 1]], [[1, 1], [1, 1]])
    assert steps(walk(layer, exact("channel_first")), 2, 8) == ([[4, 4], [4, 4]], [[4, 4], [4, 4]])
    assert steps(walk(layer, exact("tiled")), 2, 8) == ([[1, 1], [1, 1]], [[1, 1], [1, 1]])


def test_ports_and_arrays_that_read_for_themselves() -> None:
    layer = pointwise()
    assert steps(walk(layer, exact("channel_first", ports="2rw")), 1, 8)[0] == [[2], [2]]
    assert steps(walk(layer, exact("channel_first"), arrays=3, activations=3), 1, 8)[0] == [[8], [8]]


def test_padding_is_not_read() -> None:
    of = walk(padded(), exact("channel_last"))
    cycles, words = steps(of, 6, 9)
    # Taps 0 to 3 of the first pixel are padding. Those of pixel 5 (row 1, column 1) lie in words 0 (a row of the image)
    # and 1: the banks share.
    assert (cycles[0][0], words[0][0]) == (0, 0)
    assert (cycles[0][5], words[0][5]) == (1, 2)


def test_an_element_wider_than_a_word_takes_several() -> None:
    hardware = exact("channel_last", word_bits=8, banks=4)
    layer = GemmLayer("wide", "linear", 1, 2, 4, 4, a_bits=16)
    assert steps(walk(layer, hardware), 2, 4) == ([[2, 2]], [[8, 8]])


def test_rows_of_an_output_stationary_step() -> None:
    # One channel of four neighbouring pixels: a word where channels come first, four words of two banks where last.
    ptr, edge = np.arange(9), np.arange(8)
    for layout, expected in (("channel_first", 1), ("channel_last", 4)):
        cycles, words = place_waves(walk(pointwise(), exact(layout, "os")), 0, 0, 4, ptr, edge)
        assert words.tolist() == [expected] * 8
        assert cycles.tolist() == [expected] * 8


@pytest.mark.parametrize("dataflow", ["ws", "is", "os"])
def test_whole_folds_in_the_order_of_the_waves_are_the_even_share(dataflow: str) -> None:
    hardware = exact("tiled", dataflow, banks=1, word_bits=8)
    even = hardware.model_copy(update={"buffers": hardware.buffers.model_copy(update={"bank_conflicts": "even"})})
    one, other = (simulate(gemm(32, 16, 16), machine_).total for machine_ in (hardware, even))
    assert one.cycles == other.cycles
    assert one.sram == other.sram
    assert one.cycles.stall > 0


@pytest.mark.parametrize("dataflow", ["ws", "os"])
def test_several_arrays_in_order_are_the_even_share(dataflow: str) -> None:
    many = {"rows": 4, "cols": 4, "dataflow": dataflow, "arrays": 4}
    memory = buffers(64, 64, 64, banks=8, word_bits=8) | {"unlimited_capacity": True}
    totals = [
        simulate(
            gemm(64, 16, 16),
            machine(
                array=many,
                buffers=memory | {"bank_conflicts": name},
                mapping={"array_dim": "m"},
                dram={"part": "ideal"},
            ),
        ).total.cycles
        for name in ("even", "exact")
    ]
    assert totals[0] == totals[1]


@pytest.mark.parametrize("dataflow", ["ws", "is", "os"])
def test_a_layout_decides_how_often_banks_collide(dataflow: str) -> None:
    work = Workload("one", (pointwise(),))
    stalls = {layout: simulate(work, exact(layout, dataflow)).total.cycles.stall for layout in LAYOUTS}
    best = "channel_last" if dataflow == "ws" else "channel_first"
    worst = "channel_first" if dataflow == "ws" else "channel_last"
    assert stalls["tiled"] <= stalls[best] < stalls[worst]


def test_without_limits_there_are_no_conflicts() -> None:
    hardware = exact("channel_first")
    free = hardware.buffers.model_copy(update={"unlimited_ports": True})
    assert bank_walk(hardware.model_copy(update={"buffers": free}), pointwise(), Sharing()) is None
