"""What the machine is asked to do: a list of layers, each a group of GEMMs or a vector-unit operation.

Every convolution, linear layer and matrix product is ``groups`` GEMMs ``O[M,N] = A[M,K] · W[K,N]``
(``A`` activations, ``W`` weights). What is not a matrix product (pooling, residual sums, softmax, ...) is a
:class:`VectorLayer`. Nothing here knows PyTorch: ``compress.graph`` builds these from a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import WorkloadError

__all__ = ["ConvGeometry", "GemmLayer", "Layer", "VectorLayer", "Workload", "gemm"]

MAX_BITS = 16
MAX_MACS = 1 << 50
"""Most MACs of a layer: counts of bits (64 per MAC at most) stay exact in 64-bit integers."""


@dataclass(frozen=True)
class ConvGeometry:
    """Where the rows of ``A`` come from when a GEMM is a convolution (im2col); sizes in elements.

    ``in_channels`` counts one group. ``M = batch·out_h·out_w``; ``K = kernel_h·kernel_w·in_channels``,
    channel fastest. Padding is zeros that are never stored: only ``pad_top`` and ``pad_left`` are needed,
    what lies outside ``in_h × in_w`` is padding.
    """

    batch: int
    in_h: int
    in_w: int
    in_channels: int
    kernel_h: int
    kernel_w: int
    out_h: int
    out_w: int
    stride_h: int = 1
    stride_w: int = 1
    pad_top: int = 0
    pad_left: int = 0
    dilation_h: int = 1
    dilation_w: int = 1


@dataclass(frozen=True)
class GemmLayer:
    """``groups`` GEMMs of ``(m × k) · (k × n)`` on integers of ``a_bits`` and ``w_bits``.

    Attributes:
        name: unique within the workload, the module's name where there is one.
        op: ``conv2d``, ``linear``, ``matmul`` or ``gemm``.
        groups: independent GEMMs of the same shape (channel groups, attention heads × batch).
        m, n, k: rows of A and O, columns of W and O, the contracted length.
        a_bits, w_bits: operand widths, 1..16; a signed 1-bit operand means -1/+1.
        out_bits: width of a stored output after requantisation; ``None`` means ``a_bits``.
        conv: im2col geometry, ``None`` for a plain matrix product.
        static_weights: ``False`` where W is itself computed at run time (attention), so it cannot be prefetched
            over a layer border.
        inputs: names of the layers whose outputs A is read from; empty = the network's input.
        weight_inputs: the same for W where ``static_weights`` is ``False``.
        weights: integers ``(groups, k, n)``, or ``None``.
        activations: integers ``(groups, m, k)`` for a plain product, ``(batch, groups·in_channels, in_h, in_w)`` for
            a convolution, or ``None``.

    """

    name: str
    op: str
    groups: int
    m: int
    n: int
    k: int
    a_bits: int = 8
    w_bits: int = 8
    a_signed: bool = False
    w_signed: bool = True
    out_bits: int | None = None
    conv: ConvGeometry | None = None
    static_weights: bool = True
    inputs: tuple[str, ...] = ()
    weight_inputs: tuple[str, ...] = ()
    weights: NDArray[np.integer] | None = field(default=None, repr=False, compare=False)
    activations: NDArray[np.integer] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for what in ("groups", "m", "n", "k"):
            value = getattr(self, what)
            if value < 1:
                raise WorkloadError(f"layer {self.name}: {what} is {value}; it must be at least 1")
        if self.macs > MAX_MACS:
            raise WorkloadError(f"layer {self.name}: groups·m·n·k is too large; allowed: up to 2^50 MACs a layer")
        for what in ("a_bits", "w_bits"):
            value = getattr(self, what)
            if not 1 <= value <= MAX_BITS:
                raise WorkloadError(f"layer {self.name}: {what} is {value}; allowed: 1 to {MAX_BITS}")

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the layer, ``groups·m·n·k``."""
        return self.groups * self.m * self.n * self.k

    @property
    def output_elements(self) -> int:
        """Elements of the output, ``groups·m·n``."""
        return self.groups * self.m * self.n

    @property
    def stored_bits(self) -> int:
        """Width of one stored output element."""
        return self.a_bits if self.out_bits is None else self.out_bits


@dataclass(frozen=True)
class VectorLayer:
    """An operation of the vector unit: element-wise, pooling, normalisation, softmax, a change of layout.

    Attributes:
        op: what it is, e.g. ``add``, ``max_pool2d``, ``softmax``.
        operations: vector-lane operations in all (0 for a change of view that moves nothing).
        input_elements: elements of each input tensor, in the order of ``inputs``.
        inputs: the layers that produce them; ``""`` stands for the network's input.
        output_elements: elements of the output.
        bits: width of one element that it reads.
        out_bits: width of one stored element of the output; ``None`` means ``bits``.

    """

    name: str
    op: str
    operations: int
    input_elements: tuple[int, ...]
    inputs: tuple[str, ...]
    output_elements: int
    bits: int = 8
    out_bits: int | None = None

    @property
    def stored_bits(self) -> int:
        """Width of one stored output element."""
        return self.bits if self.out_bits is None else self.out_bits


Layer = GemmLayer | VectorLayer


@dataclass(frozen=True)
class Workload:
    """Layers in an order in which they can run: every layer stands after the ones it reads from."""

    name: str
    layers: tuple[Layer, ...]
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not self.layers:
            raise WorkloadError(f"{self.name}: the model has no layer to simulate")
        seen: set[str] = set()
        for layer in self.layers:
            if layer.name in seen:
                raise WorkloadError(f"{self.name}: two layers are called {layer.name!r}")
            needs = layer.inputs + (layer.weight_inputs if isinstance(layer, GemmLayer) else ())
            for name in needs:
                if name and name not in seen:
                    raise WorkloadError(f"layer {layer.name}: reads from {name!r}, which does not come before it")
            seen.add(layer.name)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers."""
        return sum(layer.macs for layer in self.layers if isinstance(layer, GemmLayer))


def gemm(
    m: int,
    n: int,
    k: int,
    a_bits: int = 8,
    w_bits: int = 8,
    *,
    a_signed: bool = False,
    w_signed: bool = True,
    activations: NDArray[np.integer] | None = None,
    weights: NDArray[np.integer] | None = None,
    name: str = "gemm",
) -> Workload:
    """A workload of one matrix product ``O[m,n] = A[m,k] · W[k,n]``.

    Args:
        activations: integers ``(m, k)`` that fit ``a_bits``, ``a_signed``; optional.
        weights: integers ``(k, n)`` that fit ``w_bits``, ``w_signed``; optional.

    Raises:
        WorkloadError: a size below 1, bits outside 1..16, an operand of another shape.

    >>> gemm(m=4, n=3, k=2).macs
    24

    """
    for what, array, shape in (("activations", activations, (m, k)), ("weights", weights, (k, n))):
        if array is not None and np.shape(array) != shape:
            raise WorkloadError(f"{what} have shape {np.shape(array)}; this product needs {shape}")
    layer = GemmLayer(
        name=name,
        op="gemm",
        groups=1,
        m=m,
        n=n,
        k=k,
        a_bits=a_bits,
        w_bits=w_bits,
        a_signed=a_signed,
        w_signed=w_signed,
        activations=None if activations is None else np.asarray(activations)[None],
        weights=None if weights is None else np.asarray(weights)[None],
    )
    return Workload(f"gemm:{m},{n},{k}", (layer,))
