"""What each layer can bear, and what it would save: every layer changed by itself, measured, and looked up afterwards.

The loss of a change is how far it moves the answers: the Kullback-Leibler divergence, in nats, of the changed network's
class probabilities from the dense 8-bit network's, a mean over images. Unlike accuracy or cross-entropy it is never
negative, hardly noisy on a few hundred images, and rises with every change, also with one that happens to help.
To second order it adds up over independent small changes, as the loss does with which HAWQ (Dong et al., 2019) ranks
layers.

The table is additive. The loss of a choice is the sum of the divergences of its width of weights, its width of
activations and its pruning, each alone; the loss of a candidate is the sum over its layers. Energy: what a choice's
widths change of the whole machine's energy is measured for each width alone and for both at 4 bits, with a bilinear
term between them (exact for serial multipliers, whose time is a product of widths); pruning scales the layer's own
energy by the share that it leaves at 8 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rl.env.evaluator import PolicyEvaluator
from rl.env.space import LEAST_BITS, MOST_BITS, RATIOS, Candidate, Choice, SearchSpace

__all__ = ["PROBE_IMAGES", "LayerSensitivity", "SensitivityTable", "measure_sensitivity", "probe_count"]

Floats = NDArray[np.float64]

PROBE_IMAGES = 256
"""Search images that a probe classifies, or all if there are fewer."""
PROBED_RATIOS = (0.2, 0.4, 0.6, 0.8)
WIDTHS = tuple(range(LEAST_BITS, MOST_BITS + 1))
PRODUCT_BITS = 4
"""Both widths of the probe that the bilinear term of the energy comes from."""
POINTS_PER_NAT = 30.0
"""Lost accuracy for a nat of divergence, where the probes lose too little to say."""
LEAST_ENERGY_LEFT = 0.01
"""Least share of a layer's energy that any choice leaves."""


@dataclass(frozen=True)
class LayerSensitivity:
    """One layer of the table; the indices of bits are ``bits - 2``, those of ratios are their places in ``RATIOS``.

    Attributes:
        energy_pj: what the machine spends on it in the reference network.
        energy_share, cycles_share: of the whole network's, 0..1.
        loss_of_w_bits, loss_of_a_bits: ``(7,)`` divergence, nats; 0 at 8 bits; fewer bits never have less.
        loss_of_pruning: ``(options, 17)`` likewise.
        energy_of_w_bits, energy_of_a_bits: ``(7,)`` change of the machine's energy, pJ; 0 at 8 bits.
        energy_of_product: pJ by which both widths at 4 bits change more than the sum of each alone.
        energy_left: ``(options, 17)`` share of the layer's energy that pruning leaves.
    """

    energy_pj: float
    energy_share: float
    cycles_share: float
    loss_of_w_bits: Floats
    loss_of_a_bits: Floats
    loss_of_pruning: Floats
    energy_of_w_bits: Floats
    energy_of_a_bits: Floats
    energy_of_product: float
    energy_left: Floats

    def loss(self, choice: Choice) -> float:
        """Predicted divergence, nats."""
        return float(self._losses()[_index(choice)])

    def saving_pj(self, choice: Choice) -> float:
        """Predicted energy saved, pJ."""
        return float(self._savings()[_index(choice)])

    def _losses(self) -> Floats:
        """``(options, ratios, w widths, a widths)``."""
        widths = self.loss_of_w_bits[:, None] + self.loss_of_a_bits[None, :]
        return np.asarray(self.loss_of_pruning[:, :, None, None] + widths)

    def _savings(self) -> Floats:
        steps = (MOST_BITS - np.array(WIDTHS)) / (MOST_BITS - PRODUCT_BITS)
        change = self.energy_of_w_bits[:, None] + self.energy_of_a_bits[None, :]
        change = change + self.energy_of_product * steps[:, None] * steps[None, :]
        left = np.clip(self.energy_pj + change, LEAST_ENERGY_LEFT * self.energy_pj, None)
        return np.asarray(self.energy_pj - left * self.energy_left[:, :, None, None])


@dataclass(frozen=True)
class SensitivityTable:
    """All layers, in the order of the search space, and how divergence becomes lost accuracy.

    Attributes:
        points_per_nat: percentage points of top-1 accuracy for a nat, over all probes.
        reference_energy_pj: of the whole reference network.
        probes: networks that were classified for it, each on ``images`` images.
    """

    layers: tuple[LayerSensitivity, ...]
    points_per_nat: float
    reference_energy_pj: float
    probes: int
    images: int

    def loss_points(self, layer: int, choice: Choice) -> float:
        """Predicted loss of accuracy by one layer's choice, percentage points."""
        return self.points_per_nat * self.layers[layer].loss(choice)

    def saved(self, layer: int, choice: Choice) -> float:
        """Predicted share of the reference's energy that one layer's choice saves."""
        return self.layers[layer].saving_pj(choice) / self.reference_energy_pj

    def predicted(self, candidate: Candidate) -> tuple[float, float]:
        """Saved share of energy and lost points of a candidate: sums over its layers."""
        layers = list(enumerate(candidate))
        return sum(self.saved(*item) for item in layers), sum(self.loss_points(*item) for item in layers)

    def all_choices(self, space: SearchSpace, layer: int) -> tuple[list[Choice], Floats, Floats]:
        """Every choice of a layer with its predicted saved share and lost points."""
        own = self.layers[layer]
        saved, lost = own._savings() / self.reference_energy_pj, own._losses() * self.points_per_nat
        choices, places = [], []
        for option, allowed in enumerate(space.layers[layer].allowed):
            for ratio_index, ratio in enumerate(RATIOS if space.options[option].takes_ratio else RATIOS[:1]):
                if not allowed or (space.options[option].takes_ratio and ratio_index == 0):
                    continue
                for w_bits in WIDTHS:
                    for a_bits in WIDTHS:
                        choices.append(Choice(option, ratio, w_bits, a_bits))
                        places.append((option, ratio_index, w_bits - LEAST_BITS, a_bits - LEAST_BITS))
        index = tuple(np.array(places).T)
        return choices, saved[index], lost[index]


def _index(choice: Choice) -> tuple[int, int, int, int]:
    return choice.option, RATIOS.index(choice.ratio), choice.w_bits - LEAST_BITS, choice.a_bits - LEAST_BITS


def probe_count(space: SearchSpace) -> int:
    """How many networks :func:`measure_sensitivity` classifies."""
    return 1 + sum(1 for layer in range(len(space.layers)) for _ in _probes(space, layer))


def _probes(space: SearchSpace, layer: int) -> Iterator[Choice]:
    """The choices of one layer that are tried alone."""
    plain = space.reference[layer]
    for bits in WIDTHS[:-1]:
        yield replace(plain, w_bits=bits)
        yield replace(plain, a_bits=bits)
    for option, allowed in enumerate(space.layers[layer].allowed):
        if allowed and option != plain.option:
            ratios = PROBED_RATIOS if space.options[option].takes_ratio else (0.0,)
            yield from (replace(plain, option=option, ratio=ratio) for ratio in ratios)


def measure_sensitivity(
    evaluator: PolicyEvaluator, images: int = PROBE_IMAGES, progress: Callable[[int, int, str], object] | None = None
) -> SensitivityTable:
    """Probe every layer of the evaluator's network.

    Args:
        images: search images per probe.
        progress: called after every probe with those done, those in all, and the layer's name.
    """
    return _Prober(evaluator, min(images, evaluator.images), progress).table()


@dataclass(frozen=True)
class _Probe:
    """Divergence (nats), lost points, and change of energy (pJ) against the reference."""

    loss: float
    points: float
    energy_pj: float


class _Prober:
    def __init__(
        self, evaluator: PolicyEvaluator, images: int, progress: Callable[[int, int, str], object] | None
    ) -> None:
        self._evaluator, self._images, self._progress = evaluator, images, progress
        self._space = evaluator.space
        self._total, self._done = probe_count(self._space), 0
        self._base = evaluator.answers(evaluator.network(self._space.reference), images)
        self._result = evaluator.simulated(self._space.reference)
        self._seen: list[_Probe] = []
        self._count("")

    def table(self) -> SensitivityTable:
        layers = tuple(self._layer(layer) for layer in range(len(self._space.layers)))
        return SensitivityTable(
            layers,
            _points_per_nat(self._seen),
            self._result.total.energy_pj.total,
            self._done,
            self._images,
        )

    def _layer(self, layer: int) -> LayerSensitivity:
        plain, found = self._space.reference[layer], dict[Choice, _Probe]()
        for choice in _probes(self._space, layer):
            found[choice] = self._probe(layer, choice)
        nothing = _Probe(0.0, 0.0, 0.0)
        of_w = [found.get(replace(plain, w_bits=bits), nothing) for bits in WIDTHS]
        of_a = [found.get(replace(plain, a_bits=bits), nothing) for bits in WIDTHS]
        own_pj, energy_share, cycles_share = self._shares(layer)
        both = replace(plain, w_bits=PRODUCT_BITS, a_bits=PRODUCT_BITS)
        at = PRODUCT_BITS - LEAST_BITS
        loss_of_pruning, energy_left = self._pruning(found, plain, own_pj)
        return LayerSensitivity(
            energy_pj=own_pj,
            energy_share=energy_share,
            cycles_share=cycles_share,
            loss_of_w_bits=_falling(of_w),
            loss_of_a_bits=_falling(of_a),
            loss_of_pruning=loss_of_pruning,
            energy_of_w_bits=np.array([probe.energy_pj for probe in of_w]),
            energy_of_a_bits=np.array([probe.energy_pj for probe in of_a]),
            energy_of_product=self._energy_change(layer, both) - of_w[at].energy_pj - of_a[at].energy_pj,
            energy_left=energy_left,
        )

    def _pruning(self, found: dict[Choice, _Probe], plain: Choice, own_pj: float) -> tuple[Floats, Floats]:
        """``(options, ratios)`` of lost nats and of energy left; between the probed ratios linear."""
        shape = (len(self._space.options), len(RATIOS))
        losses, left = np.zeros(shape), np.ones(shape)
        for option, kind in enumerate(self._space.options):
            ratios = PROBED_RATIOS if kind.takes_ratio else (0.0,)
            probes = [found.get(replace(plain, option=option, ratio=ratio)) for ratio in ratios]
            there = [probe for probe in probes if probe is not None]
            if len(there) < len(ratios):
                continue
            shares = np.clip([1 + probe.energy_pj / own_pj for probe in there], LEAST_ENERGY_LEFT, None)
            if kind.takes_ratio:
                losses[option] = np.interp(RATIOS, (0.0, *ratios), (0.0, *_falling(there[::-1])[::-1]))
                left[option] = np.interp(RATIOS, (0.0, *ratios), (1.0, *shares))
            else:
                losses[option], left[option] = there[0].loss, shares[0]
        return losses, left

    def _probe(self, layer: int, choice: Choice) -> _Probe:
        candidate = self._with(layer, choice)
        network = self._evaluator.network(candidate)
        answers = self._evaluator.answers(network, self._images)
        energy_pj = self._evaluator.simulated(candidate, network).total.energy_pj.total
        probe = _Probe(
            _divergence(self._base.log_probabilities, answers.log_probabilities),
            self._base.top1_percent - answers.top1_percent,
            energy_pj - self._result.total.energy_pj.total,
        )
        self._seen.append(probe)
        self._count(self._space.layers[layer].name)
        return probe

    def _energy_change(self, layer: int, choice: Choice) -> float:
        energy_pj = self._evaluator.simulated(self._with(layer, choice)).total.energy_pj.total
        return energy_pj - self._result.total.energy_pj.total

    def _with(self, layer: int, choice: Choice) -> Candidate:
        plain = self._space.reference
        return (*plain[:layer], choice, *plain[layer + 1 :])

    def _shares(self, layer: int) -> tuple[float, float, float]:
        """Energy of the layer in the reference, pJ, and its shares of the network's energy and cycles."""
        total, name = self._result.total, self._space.layers[layer].name
        own = next(row for row in self._result.layers if row.name == name)
        energy_pj = own.energy_pj.total
        return energy_pj, energy_pj / total.energy_pj.total, own.cycles.total / max(1, total.cycles.total)

    def _count(self, name: str) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total, name)


def _divergence(reference: Tensor, changed: Tensor) -> float:
    """Kullback-Leibler divergence from log-probabilities ``(images, classes)``, mean over images, nats."""
    return max(0.0, float((reference.exp() * (reference - changed)).sum(dim=1).mean()))


def _falling(probes: Sequence[_Probe]) -> Floats:
    """Losses of ever milder changes; one that is below a milder one's counts as that."""
    losses = np.array([probe.loss for probe in probes])
    return np.maximum.accumulate(losses[::-1])[::-1]


def _points_per_nat(probes: Sequence[_Probe]) -> float:
    """The slope through the origin of lost points over lost nats, where less than a nat is lost."""
    pairs = [(probe.loss, probe.points) for probe in probes if 0 < probe.loss < 1]
    power = sum(loss**2 for loss, _ in pairs)
    slope = sum(loss * points for loss, points in pairs) / power if power > 0 else 0.0
    return slope if slope > 0 else POINTS_PER_NAT
