"""One replay for both learners: single steps are stored, n-step windows are put together when they are sampled.

A window starts at any stored step, the first and the last ones of an episode included, and is as long as n-step returns
allow: it stops at the episode's end or at the newest step. Its discount is that of its own length::

    window of k ≤ n steps from t: return = Σ_{i<k} γ^i · r[t+i],  bootstrap factor = γ^k, or 0 after a terminal step

A truncated episode ends a window but is bootstrapped from; a terminated one is not (Pardo et al., 2018).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import InputError
from rl.agents.arrays import Arrays
from rl.agents.config import Problem, ReplayConfig
from rl.agents.random_state import generator_state, restore_generator

__all__ = ["Batch", "Replay", "Transition"]

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Transition:
    """One step of the environment.

    Attributes:
        state: ``(state_size,)`` before the step.
        continuous: ``(continuous_size,)`` actions in [0, 1].
        discrete: the chosen discrete action.
        mask: ``(discrete_count,)``, True where a discrete action was allowed.
        reward: what the step earned.
        next_state: ``(state_size,)`` after the step.
        next_mask: ``(discrete_count,)`` allowed after the step; not read after a terminal one.
        terminated: the episode ended and nothing more can be earned.
        truncated: the episode was cut off; more could have been earned.

    """

    state: NDArray[np.floating]
    continuous: NDArray[np.floating]
    discrete: int
    mask: NDArray[np.bool_]
    reward: float
    next_state: NDArray[np.floating]
    next_mask: NDArray[np.bool_]
    terminated: bool
    truncated: bool = False

    @property
    def ends_episode(self) -> bool:
        """Whether the next transition belongs to another episode."""
        return self.terminated or self.truncated


@dataclass(frozen=True)
class Batch:
    """Sampled windows; B rows.

    Attributes:
        indices: ``(B,)`` slots of the windows' first steps, for :meth:`Replay.update_priorities`.
        weights: ``(B,)`` importance weights; the largest of the batch is 1.
        states: ``(B, state_size)``; ``continuous (B, continuous_size)``, ``discrete (B,)``,
            ``masks (B, discrete_count)`` belong to the same step.
        lengths: ``(B,)`` steps of each window, 1 to n.
        returns: ``(B,)`` discounted sums of rewards over the windows.
        discounts: ``(B,)`` factor of the value of ``next_states``; 0 after a terminal step.
        next_states: ``(B, state_size)`` after the windows; ``next_masks (B, discrete_count)`` belong to them.

    """

    indices: Indices
    weights: Floats
    states: Floats
    continuous: Floats
    discrete: Indices
    masks: NDArray[np.bool_]
    lengths: Indices
    returns: Floats
    discounts: Floats
    next_states: Floats
    next_masks: NDArray[np.bool_]


@dataclass(frozen=True)
class _Columns:
    """The fields of :class:`Transition`, one row per slot."""

    state: Floats
    continuous: Floats
    discrete: Indices
    mask: NDArray[np.bool_]
    reward: NDArray[np.float64]
    next_state: Floats
    next_mask: NDArray[np.bool_]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]

    @classmethod
    def empty(cls, problem: Problem, count: int) -> _Columns:
        return cls(
            state=np.zeros((count, problem.state_size), np.float32),
            continuous=np.zeros((count, problem.continuous_size), np.float32),
            discrete=np.zeros(count, np.int64),
            mask=np.zeros((count, problem.discrete_count), np.bool_),
            reward=np.zeros(count, np.float64),
            next_state=np.zeros((count, problem.state_size), np.float32),
            next_mask=np.zeros((count, problem.discrete_count), np.bool_),
            terminated=np.zeros(count, np.bool_),
            truncated=np.zeros(count, np.bool_),
        )

    def named(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        return ((field.name, getattr(self, field.name)) for field in fields(self))


class Replay:
    """A ring of steps, sampled in proportion to ``(error + floor)^alpha``."""

    def __init__(self, problem: Problem, config: ReplayConfig, gamma: float, generator: np.random.Generator) -> None:
        self._problem, self._config, self._gamma = problem, config, gamma
        self._generator = generator
        count = config.capacity
        self._columns = _Columns.empty(problem, count)
        self._priority = np.zeros(count, np.float64)  # already raised to alpha
        self._cumulative = np.zeros(count, np.float64)
        self._largest_priority = 1.0
        self._next_slot = 0
        self._size = 0
        self._samples = 0

    def __len__(self) -> int:
        """Steps that are stored."""
        return self._size

    @property
    def beta(self) -> float:
        """Exponent of the importance weights of the next batch."""
        start = self._config.beta_start
        return min(1.0, start + (1.0 - start) * self._samples / self._config.beta_updates)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """``(len(self),)``: how likely each slot is per draw."""
        priorities = self._priority[: self._size]
        return np.asarray(priorities / priorities.sum())

    def add(self, transition: Transition) -> None:
        """Store a step, the oldest one giving way, with the largest priority seen so that it is sampled soon.

        Raises:
            InputError: a shape, an action or a value is wrong, or the step does not follow the one before it.

        """
        self._check(transition)
        slot = self._next_slot
        for name, column in self._columns.named():
            column[slot] = getattr(transition, name)
        self._priority[slot] = self._largest_priority
        self._next_slot = (slot + 1) % self._config.capacity
        self._size = min(self._size + 1, self._config.capacity)

    def sample(self, batch_size: int) -> Batch:
        """Draw windows, one from each of ``batch_size`` equal shares of the priorities' sum; anneals beta.

        Raises:
            InputError: nothing is stored yet.

        """
        if self._size == 0:
            raise InputError("replay: nothing is stored yet; at least one step is needed")
        indices = self._draw(batch_size)
        weights = (self._size * self._priority[indices] / self._cumulative[self._size - 1]) ** -self.beta
        self._samples += 1
        return self._gather(indices, (weights / weights.max()).astype(np.float32))

    def window(self, indices: Indices) -> Batch:
        """The windows that start at ``indices (B,)``, all with weight 1."""
        return self._gather(indices, np.ones(len(indices), np.float32))

    def update_priorities(self, indices: Indices, errors: NDArray[np.floating]) -> None:
        """Set the priorities of slots from their errors ``(B,)``, in shares of the return range."""
        scaled = (np.abs(errors.astype(np.float64)) + self._config.priority_floor) ** self._config.alpha
        self._priority[indices] = scaled
        self._largest_priority = max(self._largest_priority, float(scaled.max()))

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Everything that sampling depends on, the random generator included; only filled slots."""
        return {
            **{name: column[: self._size].copy() for name, column in self._columns.named()},
            "priority": self._priority[: self._size].copy(),
            "largest_priority": np.array(self._largest_priority),
            "next_slot": np.array(self._next_slot),
            "samples": np.array(self._samples),
            "generator": generator_state(self._generator),
        }

    def load_state_dict(self, arrays: Arrays) -> None:
        """Continue where :meth:`state_dict` was taken from a replay of the same problem and configuration.

        Raises:
            InputError: it holds more steps than the capacity, or steps of another shape.

        """
        size = len(arrays["priority"])
        if size > self._config.capacity:
            raise InputError(f"replay: {size} stored steps; the capacity is {self._config.capacity}")
        for name, column in self._columns.named():
            if arrays[name].shape[1:] != column.shape[1:]:
                raise InputError(
                    f"replay: {name} has shape {arrays[name].shape[1:]} per step; {column.shape[1:]} is needed"
                )
            column[:size] = arrays[name]
        self._priority[:size] = arrays["priority"].astype(np.float64)
        self._largest_priority = float(arrays["largest_priority"].astype(np.float64))
        self._next_slot, self._samples = int(arrays["next_slot"].astype(int)), int(arrays["samples"].astype(int))
        self._size = size
        self._generator = restore_generator(arrays["generator"].astype(np.uint64))

    def _draw(self, batch_size: int) -> Indices:
        cumulative = self._cumulative[: self._size]
        np.cumsum(self._priority[: self._size], out=cumulative)
        points = (np.arange(batch_size) + self._generator.random(batch_size)) * (cumulative[-1] / batch_size)
        # Rounding may lift the last point to the sum itself.
        slots = np.searchsorted(cumulative, points, side="right")
        return np.asarray(np.minimum(slots, self._size - 1), dtype=np.int64)

    def _gather(self, indices: Indices, weights: Floats) -> Batch:
        steps, lengths = self._windows(indices)
        inside = np.arange(self._config.n_steps) < lengths[:, None]  # (B, n)
        factors = self._gamma ** np.arange(self._config.n_steps)
        last = steps[np.arange(len(indices)), lengths - 1]
        columns = self._columns
        discounts = np.where(columns.terminated[last], 0.0, self._gamma**lengths)
        returns = (columns.reward[steps] * inside) @ factors
        return Batch(
            indices=indices,
            weights=weights,
            states=columns.state[indices],
            continuous=columns.continuous[indices],
            discrete=columns.discrete[indices],
            masks=columns.mask[indices],
            lengths=lengths,
            returns=returns.astype(np.float32),
            discounts=discounts.astype(np.float32),
            next_states=columns.next_state[last],
            next_masks=columns.next_mask[last],
        )

    def _windows(self, indices: Indices) -> tuple[Indices, Indices]:
        """Slots ``(B, n)`` from each start on, and how many of them belong to the window ``(B,)``."""
        capacity = self._config.capacity
        offsets = np.arange(self._config.n_steps)
        steps = (indices[:, None] + offsets) % capacity
        newest_offset = (self._next_slot - 1 - indices) % capacity
        goes_on = ~(self._columns.terminated[steps] | self._columns.truncated[steps])
        goes_on &= offsets < newest_offset[:, None]
        lengths = 1 + np.cumprod(goes_on[:, :-1], axis=1, dtype=np.int64).sum(axis=1)
        return steps, lengths

    def _check(self, step: Transition) -> None:
        problem = self._problem
        shapes = {
            "state": (problem.state_size,),
            "next_state": (problem.state_size,),
            "continuous": (problem.continuous_size,),
            "mask": (problem.discrete_count,),
            "next_mask": (problem.discrete_count,),
        }
        for name, shape in shapes.items():
            value = getattr(step, name)
            if value.shape != shape:
                raise InputError(f"transition: {name} has shape {value.shape}; {shape} is needed")
            if not np.isfinite(value).all():
                raise InputError(f"transition: {name} is {value}; finite numbers are needed")
        if not np.isfinite(step.reward):
            raise InputError(f"transition: reward is {step.reward}; a finite number is needed")
        if not (0 <= step.discrete < problem.discrete_count and step.mask[step.discrete]):
            raise InputError(
                f"transition: discrete action {step.discrete} is not among the valid {step.mask.nonzero()[0]}"
            )
        self._check_order(step)

    def _check_order(self, step: Transition) -> None:
        if self._size == 0:
            return
        newest = (self._next_slot - 1) % self._config.capacity
        columns = self._columns
        if columns.terminated[newest] or columns.truncated[newest]:
            return
        if not np.array_equal(columns.next_state[newest], step.state.astype(np.float32)):
            raise InputError(
                "transition: its state is not the one that the step before it led to; "
                "an episode has to end (terminated or truncated) before another one starts"
            )
