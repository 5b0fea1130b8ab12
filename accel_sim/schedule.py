"""The order of work: stages, each an array layer with the vector operations that consume its output, or a vector
layer alone.

A vector operation runs with the array layer before it (its output never visits DRAM in between) where it is the
only reader of that layer's output and its other operands exist by then. Stages run one after another in the order
of the workload.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from accel_sim.workload import GemmLayer, Layer, VectorLayer, Workload

__all__ = ["ArrayWork", "Packing", "Stage", "build_stages"]

REQUANTISE_OPERATIONS = 1
"""Vector operations per output element of an array layer: scale, round and clip, one lane for one cycle."""


@dataclass(frozen=True)
class Packing:
    """Sizes of an array layer's operands in the SRAMs over the dense ones (:mod:`accel_sim.formats.packed`).

    ``weights_read``, ``activations_read``: of what the array's edges read; ``…_there``: share of the elements read that
    are decoded.
    """

    weights: float = 1.0
    activations: float = 1.0
    weights_read: float = 1.0
    activations_read: float = 1.0
    weights_there: float = 0.0
    activations_there: float = 0.0


@dataclass(frozen=True)
class ArrayWork:
    """An array layer with what becomes of its outputs: all that its mapping and its time depend on.

    ``stored_bytes`` leave for DRAM in the end, ``extra_bytes`` come in for the fused operations, which take
    ``vector_operations`` in all, requantisation included. ``kept_bytes`` go to the activation SRAM instead of DRAM.
    """

    layer: GemmLayer
    stored_bytes: int
    extra_bytes: int
    vector_operations: int
    kept_bytes: int = 0
    packing: Packing = Packing()

    def kept(self) -> ArrayWork:
        """The same work, its output kept on chip."""
        return replace(self, stored_bytes=0, kept_bytes=self.stored_bytes)

    def anonymous(self) -> ArrayWork:
        """The same work without names and operands, fit as a key."""
        layer = replace(self.layer, name="", op="", inputs=(), weight_inputs=(), weights=None, activations=None)
        return replace(self, layer=layer)


@dataclass(frozen=True)
class Stage:
    """Layers that run together.

    Attributes:
        layers: an array layer followed by its fused vector layers, or one vector layer.
        input_stages, weight_stages: stages whose stored output the stage reads as activations, or as W.
        extra_stages: stages whose output the fused operations read besides (the other operand of a residual sum).
        extra_bytes: bytes of those operands.
        extra_bytes_of: the same, per fused layer.
        packing: of the array layer's operands in the SRAMs.

    """

    layers: tuple[Layer, ...]
    input_stages: tuple[int, ...] = ()
    weight_stages: tuple[int, ...] = ()
    extra_stages: tuple[int, ...] = ()
    extra_bytes_of: tuple[int, ...] = ()
    packing: Packing = Packing()

    @property
    def array_work(self) -> ArrayWork | None:
        """The array layer and its outputs' way, if the stage has one."""
        head = self.layers[0]
        if not isinstance(head, GemmLayer):
            return None
        return ArrayWork(head, self.stored_bytes, self.extra_bytes, self.vector_operations, packing=self.packing)

    @property
    def fused(self) -> tuple[VectorLayer, ...]:
        """Vector layers that run with the array layer."""
        return tuple(layer for layer in self.layers[1:] if isinstance(layer, VectorLayer))

    @property
    def extra_bytes(self) -> int:
        """Bytes of the fused operations' other operands."""
        return sum(self.extra_bytes_of)

    @property
    def stored_bytes(self) -> int:
        """Bytes of the output that leaves the stage."""
        tail = self.layers[-1]
        return -(-tail.output_elements * tail.stored_bits // 8)

    @property
    def vector_operations(self) -> int:
        """Vector-lane operations: requantisation and the fused layers, or the vector layer's own."""
        head = self.layers[0]
        own = head.output_elements * REQUANTISE_OPERATIONS if isinstance(head, GemmLayer) else head.operations
        return own + sum(layer.operations for layer in self.fused)


def build_stages(workload: Workload) -> tuple[Stage, ...]:
    """Group the layers of ``workload`` into stages."""
    readers = Counter(name for layer in workload.layers for name in _reads(layer))
    stage_of: dict[str, int] = {}
    stages: list[_Draft] = []
    for layer in workload.layers:
        host = _host(layer, stages, stage_of, readers)
        if host is None:
            stage_of[layer.name] = len(stages)
            stages.append(_Draft([layer], [0]))
        else:
            extra = _extra_bytes(layer, stages[host].layers[-1].name)
            stages[host].layers.append(layer)
            stages[host].extra_bytes.append(extra)
            stage_of[layer.name] = host
    return tuple(_finish(index, draft, stage_of) for index, draft in enumerate(stages))


@dataclass
class _Draft:
    layers: list[Layer]
    extra_bytes: list[int]


def _reads(layer: Layer) -> tuple[str, ...]:
    return layer.inputs + (layer.weight_inputs if isinstance(layer, GemmLayer) else ())


def _host(layer: Layer, stages: list[_Draft], stage_of: dict[str, int], readers: Counter[str]) -> int | None:
    """The stage that ``layer`` can join: the latest of its producers', where that ends with the producer."""
    if not isinstance(layer, VectorLayer) or any(name == "" for name in layer.inputs) or not layer.inputs:
        return None
    latest = max(layer.inputs, key=lambda name: stage_of[name])
    index = stage_of[latest]
    others = [name for name in layer.inputs if name != latest]
    draft = stages[index]
    if any(stage_of[name] == index for name in others) or layer.inputs.count(latest) > 1:
        return None
    is_tail = draft.layers[-1].name == latest and readers[latest] == 1
    return index if is_tail and isinstance(draft.layers[0], GemmLayer) else None


def _extra_bytes(layer: Layer, streamed: str) -> int:
    """Bytes of the operands of a fused operation that do not come from the array."""
    assert isinstance(layer, VectorLayer)  # only vector layers are fused
    others = (size for name, size in zip(layer.inputs, layer.input_elements, strict=True) if name != streamed)
    return sum(-(-size * layer.bits // 8) for size in others)


def _finish(index: int, draft: _Draft, stage_of: dict[str, int]) -> Stage:
    head = draft.layers[0]
    extra = {stage_of[n] for layer in draft.layers[1:] for n in layer.inputs if stage_of[n] != index}
    return Stage(
        layers=tuple(draft.layers),
        input_stages=tuple(sorted({stage_of[name] for name in head.inputs if name})),
        weight_stages=tuple(sorted({stage_of[n] for n in head.weight_inputs})) if isinstance(head, GemmLayer) else (),
        extra_stages=tuple(sorted(extra)),
        extra_bytes_of=tuple(draft.extra_bytes),
    )
