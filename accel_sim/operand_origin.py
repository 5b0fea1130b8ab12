"""Where the values of a simulation's operands came from, in words."""

from __future__ import annotations

from accel_sim.workload import GemmLayer, Workload

__all__ = ["operand_origin"]


def operand_origin(workload: Workload, seed: int) -> str:
    """What was drawn and what was given; the workload's metadata ``weights`` and ``activations`` say of what kind.

    >>> from accel_sim.workload import gemm
    >>> operand_origin(gemm(2, 2, 2), seed=3)
    'drawn uniformly, seed 3'
    """
    products = [layer for layer in workload.layers if isinstance(layer, GemmLayer)]
    given = {
        "weights": [layer.weights is not None for layer in products if layer.static_weights],
        "activations": [layer.activations is not None for layer in products],
    }
    parts = [_given(workload, what, layers) for what, layers in given.items() if any(layers)]
    drawn = [what for what, layers in given.items() if not all(layers)]
    if len(drawn) == len(given) and not parts:
        return f"drawn uniformly, seed {seed}"
    if drawn:
        rest = "the other " if len(parts) == len(given) else ""
        parts.append(f"{rest}{' and '.join(drawn)} drawn uniformly, seed {seed}")
    return ", ".join(parts)


def _given(workload: Workload, what: str, layers: list[bool]) -> str:
    kind = workload.metadata.get(what, f"given {what}")
    return kind if all(layers) else f"{kind} in {sum(layers)} of {len(layers)} layers"
