"""Whether a pruning algorithm keeps the laws of :mod:`compress.pruning.criterion`, tried on small layers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import torch
from torch import Tensor

from accel_sim.errors import PolicyError
from compress.pruning.block.criterion import BlockCriterion
from compress.pruning.criterion import Criterion, Granularity, LayerStatistics, Need, PrunableLayer
from compress.pruning.n_m.criterion import NmCriterion

__all__ = ["check_criterion"]

_RATIOS = (0.0, 0.3, 0.75)
_SHAPES = ((8, 4, 3, 3), (6, 16))
"""Of the weights that a class is tried on: a convolution's and a linear layer's."""
_POSITIONS = 200


def check_criterion(criterion: type[Criterion]) -> None:
    """Try a class on small layers.

    What is checked: it is a concrete subclass of :class:`~compress.pruning.criterion.Criterion` that says its name,
    its granularity and what it needs, and takes no arguments that are not those of its family; its mask is boolean, has
    the weight's shape, keeps everything at ratio 0, something at every ratio, and no less at a smaller ratio; what it
    removes is removed as a whole where its granularity says filters or channels; weights are finite, and zero where the
    mask is False; and the same layer gives the same result twice.

    Raises:
        PolicyError: one line that says what is wrong.
    """
    algorithm = _made(criterion)
    for layer in _layers(algorithm):
        kept = [_kept(algorithm, layer, ratio) for ratio in _ratios(algorithm)]
        if any(more < less for less, more in zip(kept[1:], kept, strict=False)):
            raise _fault(criterion, f"keeps {kept} weights at the ratios {_ratios(algorithm)}; needed: fewer and fewer")


def _made(criterion: type[Criterion]) -> Criterion:
    if not (inspect.isclass(criterion) and issubclass(criterion, Criterion)):
        raise PolicyError(f"criterion {criterion!r}: is no subclass of compress.Criterion")
    if inspect.isabstract(criterion):
        missing = ", ".join(sorted(criterion.__abstractmethods__))
        raise _fault(criterion, f"lacks {missing}")
    name = getattr(criterion, "name", None)
    if not isinstance(name, str) or not name.isidentifier():
        raise _fault(criterion, f"name is {name!r}; needed: letters, digits and _, as policies shall spell it")
    if not isinstance(getattr(criterion, "granularity", None), Granularity):
        raise _fault(criterion, f"granularity is missing; needed: one of {', '.join(Granularity.__members__)}")
    if not set(criterion.needs) <= set(Need):
        raise _fault(criterion, f"needs {set(criterion.needs)!r}; allowed: {', '.join(Need.__members__)}")
    arguments = (2, 4) if issubclass(criterion, NmCriterion | BlockCriterion) else ()
    try:
        return criterion(*arguments)
    except TypeError as error:
        raise _fault(criterion, f"cannot be made with the arguments {arguments}: {error}") from error


def _ratios(algorithm: Criterion) -> tuple[float, ...]:
    return (0.0,) if isinstance(algorithm, NmCriterion) else _RATIOS


def _layers(algorithm: Criterion) -> Iterator[PrunableLayer]:
    """Layers with random weights, and statistics of random images."""
    for shape in _SHAPES:
        generator = torch.Generator().manual_seed(0)
        weight = torch.randn(shape, generator=generator)
        x = torch.randn(_POSITIONS, weight[0].numel(), generator=generator, dtype=torch.float64).relu()
        positive = [torch.rand(shape[0], generator=generator) + 0.1 for _ in range(6)]
        statistics = LayerStatistics(
            input_moments=(x.T @ x / len(x))[None],
            input_means=x.mean(0)[None],
            output_means=positive[0],
            output_magnitudes=positive[1],
            output_zeros=positive[2] / 2,
            output_ranks=positive[3],
            weight_gradients=torch.randn(shape, generator=generator),
            taylor=positive[4],
        )
        yield PrunableLayer(algorithm.name, weight, 1, positive[5], statistics)


def _kept(algorithm: Criterion, layer: PrunableLayer, ratio: float) -> int:
    """How many weights are kept, once everything else is found to be right."""
    criterion, at = type(algorithm), f"of {tuple(layer.weight.shape)} weights at ratio {ratio}"
    given = layer.weight.clone()
    mask = algorithm.mask(layer, ratio)
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != layer.weight.shape:
        found = f"{mask.dtype}, {tuple(mask.shape)}" if isinstance(mask, Tensor) else type(mask).__name__
        raise _fault(criterion, f"the mask {at} is {found}; needed: torch.bool in the weights' shape")
    if not mask.any():
        raise _fault(criterion, f"the mask {at} keeps nothing; needed: something")
    if not ratio and not isinstance(algorithm, NmCriterion) and not mask.all():
        raise _fault(criterion, f"the mask {at} removes something; needed: nothing")
    if not _whole(mask, algorithm.granularity):
        raise _fault(criterion, f"the mask {at} splits a {algorithm.granularity}; needed: kept or removed as a whole")
    weight = algorithm.update(layer, mask)
    if not layer.weight.equal(given):
        raise _fault(criterion, f"the layer's own weights {at} were changed; needed: new ones")
    if weight.shape != layer.weight.shape or not weight.isfinite().all() or weight[~mask].any():
        raise _fault(criterion, f"the new weights {at}; needed: finite, in their shape, zero where the mask is False")
    again = algorithm.mask(layer, ratio)
    if not (again.equal(mask) and algorithm.update(layer, again).equal(weight)):
        raise _fault(criterion, f"the mask or the weights {at} differ from call to call; draw with layer.generator()")
    return int(mask.sum())


def _whole(mask: Tensor, granularity: Granularity) -> bool:
    if granularity is Granularity.FILTER:
        parts = mask.flatten(1)
    elif granularity is Granularity.CHANNEL:
        parts = mask.transpose(0, 1).flatten(1)
    else:
        return True
    return bool((parts.all(1) | ~parts.any(1)).all())


def _fault(criterion: type[Criterion], text: str) -> PolicyError:
    return PolicyError(f"criterion {criterion.__name__}: {text}")
