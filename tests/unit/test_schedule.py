"""Which vector operations run with the array layer before them."""

from __future__ import annotations

from accel_sim.schedule import build_stages
from accel_sim.workload import GemmLayer, VectorLayer, Workload


def conv(name, *inputs, outputs=100):
    return GemmLayer(name, "conv2d", groups=1, m=outputs // 10, n=10, k=5, inputs=inputs)


def vector(name, *inputs, size=100, out=100, operations=100):
    return VectorLayer(name, "add", operations, (size,) * len(inputs), inputs, out)


def names(*layers):
    return [[layer.name for layer in stage.layers] for stage in build_stages(Workload("w", layers))]


def test_a_chain_joins_its_array_layer():
    assert names(conv("c"), vector("relu", "c"), vector("pool", "relu", out=25)) == [["c", "relu", "pool"]]


def test_an_output_with_two_readers_is_stored():
    assert names(conv("c"), vector("relu", "c"), conv("d", "c")) == [["c"], ["relu"], ["d"]]


def test_a_residual_sum_joins_the_later_producer_and_fetches_the_other():
    layers = (conv("a"), conv("b", "a"), vector("add", "a", "b"))
    assert names(*layers) == [["a"], ["b", "add"]]
    stage = build_stages(Workload("w", layers))[1]
    assert (stage.extra_bytes, stage.extra_bytes_of, stage.extra_stages) == (100, (0, 100), (0,))


def test_the_downsample_branch_gets_the_sum_although_the_main_branch_is_named_later():
    layers = (conv("a"), conv("main", "a"), conv("down", "a"), vector("add", "main", "down"))
    assert names(*layers) == [["a"], ["main"], ["down", "add"]]


def test_a_sum_with_itself_or_with_the_network_input_is_not_fused():
    assert names(conv("a"), vector("twice", "a", "a")) == [["a"], ["twice"]]
    assert names(conv("a"), vector("add", "a", "")) == [["a"], ["add"]]


def test_vector_layers_in_a_row_without_an_array_layer_stand_alone():
    assert names(vector("v", ""), vector("w", "v")) == [["v"], ["w"]]


def test_what_leaves_the_stage_is_the_last_output():
    stage = build_stages(Workload("w", (conv("c"), vector("pool", "c", out=25, operations=75))))[0]
    assert stage.stored_bytes == 25
    assert stage.vector_operations == 100 + 75  # requantisation of every output, then the pooling
    work = stage.array_work
    assert work is not None
    assert (work.layer.name, work.anonymous().layer.name) == ("c", "")


def test_stages_know_what_they_wait_for():
    attention = GemmLayer(
        "qk", "matmul", groups=2, m=4, n=4, k=8, static_weights=False, inputs=("q",), weight_inputs=("k",)
    )
    stages = build_stages(Workload("w", (conv("x"), conv("q", "x"), conv("k", "x"), attention)))
    assert (stages[3].input_stages, stages[3].weight_stages) == ((1,), (2,))
