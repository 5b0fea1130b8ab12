"""The best candidates of a search, measured without shortcuts; and the winner on images that no search has seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

from accel_sim import simulate
from compress.accuracy import evaluate
from compress.compressed import CompressedModel, compress_model
from compress.compressed_workload import compressed_workload
from rl.env.evaluator import PolicyEvaluator
from rl.env.reward import Reward
from rl.env.space import Candidate
from rl.runs.paired import SearchImages
from rl.runs.request import Prepared
from rl.runs.store import SearchStore
from rl.searchers.protocol import Outcome

__all__ = ["FinalMeasurement", "Finals", "Winner", "candidate_key"]

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class FinalMeasurement:
    """A policy with its full repairs, on all search images.

    Attributes:
        top1_percent: on all search images.
        energy_pj, cycles, latency_s: of one image.
        saved: share of the dense 8-bit network's energy, measured in the same way.
        loss_points: lost accuracy against the float network on all search images.
        standard_error_points: of that.
        feasible: whether the loss is within the bound by the margin that the search was given.
    """

    top1_percent: float
    energy_pj: float
    cycles: int
    latency_s: float
    saved: float
    loss_points: float
    standard_error_points: float
    feasible: bool


@dataclass(frozen=True)
class Winner:
    """The policy that a search ends with.

    Attributes:
        outcome: as it was tried.
        final: as it was measured in the end.
        report_top1_percent: on the report images.
    """

    outcome: Outcome
    final: FinalMeasurement
    report_top1_percent: float


class Finals:
    """Measures policies in full; what the store has is not measured again.

    Attributes:
        float_search_percent, float_report_percent: accuracy of the float network.
        reference: the dense 8-bit network.
        reference_report_percent: its accuracy on the report images.
        energy_16_bits_pj: of the dense 16-bit network.
    """

    def __init__(
        self,
        prepared: Prepared,
        evaluator: PolicyEvaluator,
        images: SearchImages,
        reward: Reward,
        store: SearchStore,
        note: Callable[[str], object],
    ) -> None:
        self._prepared, self._evaluator, self._store, self._note = prepared, evaluator, store, note
        self._images, self._device, self._margin = images, prepared.request.device, prepared.request.margin
        self._calibration = prepared.inputs(prepared.calibration)
        float_percents = self._remembered("float", self._float_percents)
        self.float_search_percent, self.float_report_percent = float_percents
        self._reward = replace(reward, reference_top1_percent=self.float_search_percent)
        space = evaluator.space
        note("the dense 8-bit network")
        reference = self.measure(space.reference)
        # everything is compared with the reference as it is measured here
        self._reward = replace(self._reward, reference_energy_pj=reference.energy_pj)
        self.reference = replace(reference, saved=0.0)
        self.reference_report_percent = self.on_report_images(space.reference)
        self.energy_16_bits_pj: float = self._remembered(
            "16 bits", lambda: evaluator.simulated(space.uniform(16, 16)).total.energy_pj.total
        )

    def choose(
        self, outcomes: Sequence[Outcome], start: Outcome
    ) -> tuple[Winner, list[tuple[Outcome, FinalMeasurement]]]:
        """The winner, and everything that was measured in full.

        Every policy that looked like the best within the bound was measured in full when it was tried
        (:mod:`rl.runs.confirmation`); the dense 8-bit network, ``start``, is measured as well. The winner is the one
        within the bound that saves most; if there is none, the one that loses least.
        """
        known = {one.candidate: one for one in (start, *outcomes) if self.is_measured(one.candidate)}
        measured = [(outcome, self.measure(candidate)) for candidate, outcome in known.items()]
        outcome, final = max(measured, key=_rank)
        self._note("the winner on the report images")
        return Winner(outcome, final, self.on_report_images(outcome.candidate)), measured

    def is_measured(self, candidate: Candidate) -> bool:
        """Whether a policy was measured in full."""
        return self._store.fact(f"final {candidate_key(candidate)}") is not None

    def pessimistic_loss_points(self, final: FinalMeasurement) -> float:
        """What is held against the bound: the loss and the margin."""
        return final.loss_points + self._margin * final.standard_error_points

    def measure(self, candidate: Candidate) -> FinalMeasurement:
        """One policy in full; ``saved`` and ``feasible`` are worked out anew."""

        def make() -> dict[str, float]:
            compressed = self.compressed(candidate)
            loss = self._images.loss(compressed.model)
            workload = compressed_workload(compressed, self._calibration.inputs[:1], self._prepared.request.model)
            total = simulate(workload, self._prepared.hardware).total
            return {
                "top1_percent": loss.top1_percent,
                "standard_error_points": loss.standard_error_points,
                "energy_pj": total.energy_pj.total,
                "cycles": total.cycles.total,
                "latency_s": total.latency_s,
            }

        found = self._remembered(f"final {candidate_key(candidate)}", make)
        top1, energy_pj, reward = found["top1_percent"], found["energy_pj"], self._reward
        standard_error_points = found["standard_error_points"]
        return FinalMeasurement(
            top1_percent=top1,
            energy_pj=energy_pj,
            cycles=int(found["cycles"]),
            latency_s=found["latency_s"],
            saved=reward.saved(energy_pj),
            loss_points=reward.loss_points(top1),
            standard_error_points=standard_error_points,
            feasible=reward.within_bound(top1 - self._margin * standard_error_points),
        )

    def on_report_images(self, candidate: Candidate) -> float:
        """Accuracy of one policy on the report images, 0..100."""

        def make() -> float:
            model = self.compressed(candidate).model
            return evaluate(model, self._prepared.report, device=self._device, input_shape=self._shape).top1_percent

        return float(self._remembered(f"report {candidate_key(candidate)}", make))

    def compressed(self, candidate: Candidate) -> CompressedModel:
        """The network after a policy with its default repairs."""
        policy = self._evaluator.space.policy(candidate)
        calibration, seed = self._calibration, self._prepared.request.seed
        return compress_model(self._prepared.model, policy, calibration.inputs, calibration.labels, seed=seed)

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(self._calibration.inputs.shape[1:])

    def _float_percents(self) -> list[float]:
        self._note("the float network")
        parts = (self._prepared.search, self._prepared.report)
        return [
            evaluate(self._prepared.model, part, device=self._device, input_shape=self._shape).top1_percent
            for part in parts
        ]

    def _remembered(self, name: str, make: Callable[[], _Value]) -> _Value:
        value = self._store.fact(name)
        if value is None:
            value = make()
            self._store.set_fact(name, value)
        return value  # type: ignore[no-any-return]


def _rank(item: tuple[Outcome, FinalMeasurement]) -> tuple[bool, float]:
    final = item[1]
    return final.feasible, final.saved if final.feasible else -final.loss_points


def candidate_key(candidate: Candidate) -> str:
    """A candidate as text."""
    return ";".join(",".join(map(str, asdict(choice).values())) for choice in candidate)
