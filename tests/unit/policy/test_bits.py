"""Widths that a policy gives to what layers read and store."""

from __future__ import annotations

from accel_sim.workload import GemmLayer, VectorLayer, Workload
from compress.policy import Policy
from compress.policy.bits import with_policy_bits


def product(name: str, *inputs: str) -> GemmLayer:
    return GemmLayer(name, "conv2d", 1, 4, 4, 4, inputs=inputs)


def vector(name: str, op: str, *inputs: str) -> VectorLayer:
    return VectorLayer(name, op, 16, (16,) * len(inputs), inputs, 16)


def widths(*layers: GemmLayer | VectorLayer, **a_bits: int) -> dict[str, tuple[int, int]]:
    """Per layer what it reads and what it stores."""
    policy = Policy.model_validate({"layers": {name: {"a_bits": bits} for name, bits in a_bits.items()}})
    found = with_policy_bits(Workload("w", layers), policy)
    return {
        one.name: (one.bits if isinstance(one, VectorLayer) else one.a_bits, one.stored_bits) for one in found.layers
    }


def test_a_residual_block_keeps_a_wide_and_a_narrow_copy() -> None:
    found = widths(
        product("a"),
        vector("relu", "relu", "a"),
        product("b", "relu"),
        vector("sum", "add", "b", "relu"),
        product("c", "sum"),
        a=8,
        b=4,
        c=3,
    )
    assert found == {"a": (8, 20), "relu": (20, 20), "b": (4, 16), "sum": (16, 3), "c": (3, 16)}


def test_the_widest_reader_decides_and_pooling_follows() -> None:
    found = widths(
        product("a"), vector("pool", "max_pool2d", "a"), product("b", "pool"), product("c", "pool"), b=4, c=6
    )
    assert found["a"] == (8, 6)
    assert found["pool"] == (6, 6)
