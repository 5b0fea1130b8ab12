"""What to do to each layer of a network: the only thing that passes between search, compression and simulation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from accel_sim.workload.layers import MAX_BITS

__all__ = ["Block", "LayerPolicy", "NOfM", "Policy", "Quantization"]

Bits = Annotated[int, Field(ge=1, le=MAX_BITS)]
ActivationRange = Literal["min_max", "percentile", "mse", "kl"]
WeightRange = Literal["min_max", "percentile", "mse"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class NOfM(_Section):
    """Survivors of a group of neighbours along the input channels."""

    keep: int = Field(ge=1, le=64)
    """Weights that stay in every group."""
    of: int = Field(ge=2, le=64)
    """Weights of a group."""


class Block(_Section):
    """A block of the GEMM's weight matrix ``W[k, n]``."""

    rows: int = Field(ge=1, le=4096)
    """Along k: (kernel row, kernel column, input channel), channel fastest."""
    cols: int = Field(ge=1, le=4096)
    """Along n, the output channels."""


class LayerPolicy(_Section):
    """One layer."""

    algorithm: str = "none"
    """Pruning algorithm; `none` leaves all weights."""
    ratio: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the weights, blocks, filters or channels to remove."""
    w_bits: Bits = 8
    """Width of the weights."""
    a_bits: Bits = 8
    """Width of the activations that the layer reads."""
    n_m: NOfM | None = None
    """Pattern of the N:M algorithms, in place of a ratio."""
    block: Block | None = None
    """Block shape of the block algorithms."""


class Quantization(_Section):
    """How ranges are found, and what is repaired afterwards, for the whole network."""

    enabled: bool = True
    """Without it the network stays in floating point; the bits are then ignored."""
    weight_range: WeightRange = "mse"
    """Range of each output channel's weights."""
    activation_range: ActivationRange = "mse"
    """Range of each layer's input."""
    activation_symmetric: bool = True
    """Signed activations around zero, else with a zero point; never negative ones are unsigned in both cases."""
    equalisation: bool = False
    """Cross-layer equalisation before ranges are taken; between layers that ReLU, pooling or nothing stands between."""
    batch_norm_reestimation: bool = False
    """Mean and deviation of every channel that batch normalisation sets restored on the pruned, quantised network."""
    bias_correction: bool = True
    """Mean shift of each output channel put into its bias."""
    rounding: Literal["nearest", "adaround", "error_feedback"] = "error_feedback"
    """Of the weights: to the nearest; up or down as the layer's output asks for, learnt (AdaRound); or column by
    column, later weights making up for the error so far (GPTQ), then weight by weight."""
    reconstruction: Literal["none", "least_squares"] = "least_squares"
    """Float weights and bias fitted to the float network's outputs, layer by layer, before they are rounded."""


class Policy(_Section):
    """Layers by name; what a layer does not say is as the defaults say it."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    """Version of this format."""
    model: str | None = None
    """The network it was made for, for the reader."""
    quantization: Quantization = Quantization()
    """Ranges and repairs."""
    coupling: Literal["per_layer", "joint"] = "per_layer"
    """Filters of layers that are added up: chosen for each layer by itself, or together, so that the channel goes
    from all of them."""
    defaults: LayerPolicy = LayerPolicy()
    """Of layers that are not named, and of what named ones leave out."""
    layers: dict[str, LayerPolicy] = Field(default_factory=dict)
    """Layer, as the layer graph names it, to what is done to it."""

    def of(self, layer: str) -> LayerPolicy:
        """What is done to one layer, every field spelled out.

        Each width that the layer does not state is that of the defaults; so is the pruning, if it states nothing of it.
        """
        own = self.layers.get(layer)
        if own is None:
            return self.defaults
        said = own.model_fields_set
        inherited = {name for name in ("w_bits", "a_bits") if name not in said}
        if not said & _PRUNING:
            inherited |= _PRUNING
        values = {name: getattr(self.defaults if name in inherited else own, name) for name in LayerPolicy.model_fields}
        return LayerPolicy(**values)


_PRUNING = {"algorithm", "ratio", "n_m", "block"}
"""Fields that belong together: a layer that states one of them takes none from the defaults."""
