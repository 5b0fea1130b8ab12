"""What an operation that is no matrix product costs on the vector unit, in lane operations.

One lane operation is one addition, multiplication, comparison or table look-up on one element. The numbers are ours;
each has its reason beside it. Functions of one variable are a table with linear interpolation: look-up, multiply, add.
Scale factors, divisions by a number of elements and the like are part of the requantisation, which every result needs
anyway, and cost nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from accel_sim.errors import WorkloadError

__all__ = ["VECTOR_COSTS", "VectorCost", "vector_operations"]


@dataclass(frozen=True)
class VectorCost:
    """Lane operations per element of the output or of the first input (reductions), or per element of all windows."""

    reason: str
    per_output: int = 0
    per_input: int = 0
    per_window: int = 0


_TABLE = VectorCost("table with linear interpolation: look-up, multiply, add", per_output=3)
_ONE = VectorCost("one operation per element", per_output=1)
_MOVE = VectorCost("one move per element", per_output=1)
_WINDOW = VectorCost("one operation per element of every window", per_window=1)

VECTOR_COSTS: Mapping[str, VectorCost] = {
    **dict.fromkeys(("add", "sub", "mul", "maximum", "minimum", "abs", "neg"), _ONE),
    **dict.fromkeys(("relu", "relu6", "clamp"), VectorCost("a clamp", per_output=1)),
    **dict.fromkeys(("sigmoid", "silu", "gelu", "tanh", "elu", "softplus", "mish"), _TABLE),
    **dict.fromkeys(("exp", "log", "sqrt", "rsqrt", "reciprocal", "pow"), _TABLE),
    "leaky_relu": VectorCost("compare, multiply", per_output=2),
    "hardsigmoid": VectorCost("add 3, clamp; the division by 6 is a scale", per_output=2),
    "hardswish": VectorCost("add 3, clamp, multiply by x; the division by 6 is a scale", per_output=3),
    "div": VectorCost("table of the reciprocal (3), multiply", per_output=4),
    "batch_norm": VectorCost("multiply, add (not folded into a layer before it)", per_output=2),
    **dict.fromkeys(
        ("layer_norm", "group_norm"),
        VectorCost("sum; subtract, square, sum; multiply by 1/σ; multiply and add gain and offset", per_output=7),
    ),
    "softmax": VectorCost("maximum, subtract, exponential by table, sum, multiply by 1/sum", per_output=5),
    "log_softmax": VectorCost("maximum, subtract, exponential by table, sum, subtract its logarithm", per_output=5),
    "norm": VectorCost("square, sum over the elements of the input", per_input=2),
    **dict.fromkeys(("sum", "mean", "amax"), VectorCost("one operation per element of the input", per_input=1)),
    **dict.fromkeys(("max_pool2d", "avg_pool2d", "adaptive_avg_pool", "adaptive_max_pool"), _WINDOW),
    "upsample_nearest2d": _MOVE,
    "upsample_bilinear2d": VectorCost("4 multiplications, 3 additions", per_output=7),
    **dict.fromkeys(("layout", "roll", "pad"), _MOVE),
}


def vector_operations(node: str, data: Mapping[str, Any]) -> int:
    """Lane operations of one node of a layer graph.

    >>> vector_operations("r", {"kind": "relu", "output_shapes": ((1, 8, 4, 4),), "input_shapes": ((1, 8, 4, 4),)})
    128
    """
    cost = VECTOR_COSTS.get(data["kind"])
    if cost is None:
        raise WorkloadError(f"operation {node}: what a {data['kind']!r} costs on the vector unit is not known")
    operations: int = cost.per_output * prod(data["output_shapes"][0])
    if cost.per_input:
        operations += cost.per_input * prod(data["input_shapes"][0])
    if cost.per_window:
        operations += cost.per_window * int(data["attributes"]["window_elements"])
    return operations
