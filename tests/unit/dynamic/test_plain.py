"""The common case of ws and is, timed side by side, equals the general engine, tile by tile."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.array.ports import Pace
from accel_sim.dynamic.layout import make_recipe
from accel_sim.dynamic.plain import is_plain
from accel_sim.dynamic.run import time_general, time_layer
from accel_sim.mapping.tiling import LOOP_ORDERS, Tiling, tile_ranges
from accel_sim.operands import layer_operands
from accel_sim.timeline.kernel import COLUMNS
from accel_sim.workload import GemmLayer
from accel_sim.workload.layers import ConvGeometry
from tests.machines import machine

# Arithmetic and precision in which only the operand that moves decides the beat.
BEATS = {
    "ws": (("term_serial_act", "layer"), ("serial_act", "dynamic")),
    "is": (("term_serial_weight", "layer"), ("serial_weight", "dynamic")),
}


@st.composite
def _convolutions(draw: st.DrawFn) -> ConvGeometry:
    sizes = {name: draw(st.integers(1, 3)) for name in ("kernel_h", "kernel_w", "stride_h", "stride_w")}
    sizes |= {name: draw(st.integers(1, 2)) for name in ("dilation_h", "dilation_w", "batch")}
    sizes |= {name: draw(st.integers(0, 2)) for name in ("pad_top", "pad_left")}
    out_h, out_w = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    # As large as the outputs need, less what padding may add at the far edges.
    reach_h = (out_h - 1) * sizes["stride_h"] + (sizes["kernel_h"] - 1) * sizes["dilation_h"] + 1 - sizes["pad_top"]
    reach_w = (out_w - 1) * sizes["stride_w"] + (sizes["kernel_w"] - 1) * sizes["dilation_w"] + 1 - sizes["pad_left"]
    in_h, in_w = (max(1, reach - draw(st.integers(-2, 2))) for reach in (reach_h, reach_w))
    return ConvGeometry(in_h=in_h, in_w=in_w, in_channels=draw(st.integers(1, 5)), out_h=out_h, out_w=out_w, **sizes)


@st.composite
def _layers(draw: st.DrawFn) -> GemmLayer:
    conv = draw(st.none() | _convolutions())
    m, k = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    if conv is not None:
        m = conv.batch * conv.out_h * conv.out_w
        k = conv.kernel_h * conv.kernel_w * conv.in_channels
    return GemmLayer(
        name="layer",
        op="conv2d" if conv else "gemm",
        groups=draw(st.integers(1, 4)),
        m=m,
        n=draw(st.integers(1, 20)),
        k=k,
        a_bits=draw(st.integers(1, 12)),
        w_bits=draw(st.integers(1, 12)),
        a_signed=draw(st.booleans()),
        w_signed=draw(st.booleans()),
        conv=conv,
    )


@given(st.data(), _layers())
@settings(max_examples=150, deadline=None)  # a kernel may be compiled first
def test_equals_the_general_engine(data: st.DataObject, layer: GemmLayer) -> None:
    draw = data.draw
    dataflow = draw(st.sampled_from(("ws", "is")))
    arithmetic, precision = draw(st.sampled_from(BEATS[dataflow]))
    rows, lanes = draw(st.integers(1, 6)), draw(st.sampled_from((1, 1, 2, 3)))
    hardware = machine(
        array={
            "rows": rows,
            "cols": draw(st.integers(1, 6)),
            "lanes": lanes,
            "dataflow": dataflow,
            "arithmetic": arithmetic,
            "precision": precision,
            "encoding": draw(st.sampled_from(("bits", "csd"))),
            "fold_overlap": draw(st.sampled_from(("none", "preload"))),
            "edge_folds": draw(st.sampled_from(("full", "used"))),
        }
    )
    tiling = Tiling(
        tile_m=draw(st.integers(1, layer.m)),
        tile_n=draw(st.integers(1, layer.n)),
        tile_k=min(layer.k, rows * lanes * draw(st.integers(1, 4))),
        tile_g=draw(st.integers(1, layer.groups)),
        loop_order=draw(st.sampled_from(LOOP_ORDERS)),
    )
    ideal = Pace(1, 1, 1, 1, 1)
    first = draw(st.integers(1, 3))
    paced = draw(st.just(ideal) | st.just(Pace(first, first + draw(st.integers(0, 3)), draw(st.integers(1, 3)), 1, 1)))
    tiles = np.zeros((len(list(tile_ranges(layer, tiling))), COLUMNS), np.int64)
    operands = layer_operands(layer, seed=draw(st.integers(0, 1000)))
    recipe = make_recipe(hardware.array, layer)
    assert is_plain(hardware, layer, recipe, tiling)

    plain = time_layer(hardware, layer, operands, tiling, (paced, ideal), tiles)
    general = time_general(hardware, layer, operands, recipe, tiling, (paced, ideal), tiles)

    assert np.array_equal(plain.tiles, general.tiles)
    assert plain.array == general.array
    assert plain.edges == general.edges


def test_many_folds_need_several_vectors_and_many_steps_several_sums() -> None:
    layer = GemmLayer(name="layer", op="gemm", groups=2, m=700, n=3, k=403, a_bits=8, w_bits=8)
    hardware = machine(array={"arithmetic": "term_serial_act", "rows": 4, "lanes": 3})
    tiling = Tiling(tile_m=600, tile_n=3, tile_k=403)
    paces = (Pace(1, 2, 1, 1, 1), Pace(1, 1, 1, 1, 1))
    tiles = np.zeros((4, COLUMNS), np.int64)
    operands = layer_operands(layer, seed=1)
    recipe = make_recipe(hardware.array, layer)
    plain = time_layer(hardware, layer, operands, tiling, paces, tiles)
    general = time_general(hardware, layer, operands, recipe, tiling, paces, tiles)
    assert np.array_equal(plain.tiles, general.tiles)
    assert plain.array == general.array
