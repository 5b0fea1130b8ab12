"""What an agent faces (:class:`Problem`) and its hyper-parameters (:class:`AgentConfig`); importing it needs no torch.

Each part is switchable for an ablation; the field's description says with which value.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["AgentConfig", "DdpgConfig", "Problem", "RainbowConfig", "ReplayConfig", "RewardScaling"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Rate = Annotated[float, Field(gt=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
HiddenSizes = Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1)]
RewardScaling = Literal["none", "range", "moving_baseline", "deviation"]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


class Problem(_Section):
    """Sizes of an environment's spaces, and the range of what can be earned in it."""

    state_size: int = Field(ge=1)
    """Numbers in a state, normalised by the environment."""
    continuous_size: int = Field(ge=0)
    """Continuous actions, each in [0, 1]; 0: Rainbow alone."""
    discrete_count: int = Field(ge=1)
    """Discrete actions to choose from; 1: DDPG alone."""
    return_range: tuple[float, float]
    """Least and largest discounted return from any step to the end of its episode; fixes the support of C51."""

    @model_validator(mode="after")
    def _something_to_learn(self) -> Problem:
        low, high = self.return_range
        if low >= high:
            raise ValueError(f"return_range is {low} to {high}; the first must be the smaller")
        if self.continuous_size == 0 and self.discrete_count == 1:
            raise ValueError("continuous_size is 0 and discrete_count is 1; there is nothing to choose")
        return self

    @property
    def return_width(self) -> float:
        """Largest less least return: the unit of temporal-difference errors in priorities."""
        return self.return_range[1] - self.return_range[0]


class ReplayConfig(_Section):
    """Proportional prioritised replay (Schaul et al., 2016) of n-step windows."""

    capacity: int = Field(default=50_000, ge=1)
    """Steps that are kept; the oldest go first."""
    n_steps: int = Field(default=3, ge=1)
    """Longest window of summed rewards; shorter ones at an episode's end. 1: one-step returns."""
    alpha: Share = 0.6
    """Exponent of priorities. 0: uniform sampling."""
    beta_start: Share = 0.4
    """Exponent of importance weights in the first update; 1 corrects the sampling bias in full."""
    beta_updates: int = Field(default=10_000, ge=1)
    """Updates over which the exponent rises to 1, linearly; it stays there."""
    priority_floor: Positive = 1e-3
    """Added to every error, in shares of the return range, so that no step starves."""


class DdpgConfig(_Section):
    """Deep deterministic policy gradient (Lillicrap et al., 2016), exploring as AMC (He et al., 2018) does."""

    hidden: HiddenSizes = (256, 256)
    """Widths of the hidden layers of actor and critic; the actor's last one is the features that Rainbow reads."""
    actor_rate: Positive = 3e-4
    """Learning rate of the actor (Adam)."""
    critic_rate: Positive = 1e-3
    """Learning rate of the critic (Adam)."""
    target_tau: Rate = 0.01
    """Polyak averaging: share of the trained networks that enters their targets per update. 1: no target networks."""
    noise_start: float = Field(default=0.5, ge=0.0)
    """Standard deviation of the truncated normal noise in the first episode after warm-up. 0, and floor 0: none."""
    noise_decay: Rate = 0.97
    """Factor on the deviation per episode. 1: constant."""
    noise_floor: float = Field(default=0.03, ge=0.0)
    """Least deviation."""
    gradient_clip: Positive | None = 5.0
    """Largest norm of a network's gradient; none: not clipped."""
    reward_scaling: RewardScaling = "range"
    """How rewards reach the critic. `none`: as they are; `range`: divided by the larger bound of the return range;
    `moving_baseline`: less a moving mean of sampled rewards (AMC, HAQ; for episodes of fixed length only);
    `deviation`: divided by the moving deviation of sampled rewards."""
    scaling_decay: Share = 0.95
    """Share of the old value in the moving statistics of `reward_scaling`, per update."""
    clip_targets: bool = True
    """Keep the critic's targets inside the return range (with `range` and `none` only)."""
    saturation_penalty: float = Field(default=1e-3, ge=0.0)
    """Weight of the mean squared input of the actor's sigmoid in its loss: keeps it where it has a slope. 0: off."""
    reads_discrete: bool = True
    """The critic reads the discrete action."""


class RainbowConfig(_Section):
    """Rainbow (Hessel et al., 2018); n-step and priorities are in :class:`ReplayConfig`."""

    hidden: HiddenSizes = (256, 256)
    """Widths of the hidden layers; the last one is that of each (duelling) stream."""
    rate: Positive = 3e-4
    """Learning rate (Adam)."""
    target_tau: Rate = 0.01
    """Polyak averaging, as in DDPG. 1: no target network."""
    gradient_clip: Positive | None = 10.0
    """Largest norm of the gradient; none: not clipped."""
    double: bool = True
    """The trained network chooses the next action and the target network values it; else the target does both."""
    duelling: bool = True
    """Separate streams for the state's value and the actions' advantages."""
    distributional: bool = True
    """C51: a distribution over `atoms` returns per action; else its mean alone, with the Huber loss."""
    atoms: int = Field(default=51, ge=2, le=1001)
    """Support of the distribution, evenly over the return range."""
    noisy: bool = True
    """Factorised Gaussian noise on the streams' weights in place of random actions."""
    noise_scale: Positive = 0.5
    """First deviation of the noise, times one over the square root of a layer's inputs."""
    epsilon_start: Share = 0.0
    """Share of random valid actions in the first episode after warm-up."""
    epsilon_decay: Rate = 0.97
    """Factor on that share per episode."""
    epsilon_floor: Share = 0.02
    """Least share of random valid actions."""
    reads_features: bool = True
    """Rainbow reads the features of DDPG's actor."""
    reads_actions: bool = True
    """Rainbow reads DDPG's continuous actions."""


class AgentConfig(_Section):
    """All hyper-parameters of the composite agent."""

    replay: ReplayConfig = ReplayConfig()
    """The replay that both learners sample."""
    ddpg: DdpgConfig = DdpgConfig()
    """Continuous actions."""
    rainbow: RainbowConfig = RainbowConfig()
    """Discrete actions."""
    gamma: Rate = 1.0
    """Discount per step. 1 suits episodes of fixed length with the result at the end (AMC, HAQ)."""
    batch_size: int = Field(default=64, ge=1)
    """Windows per update."""
    warmup_episodes: int = Field(default=10, ge=0)
    """Episodes of uniformly random actions before the learners are asked."""
    priority_mix: Share = 0.5
    """Share of Rainbow's error in a priority; the rest is the error of DDPG's critic."""
    threads: int = Field(default=1, ge=1, le=64)
    """Threads of torch inside the agent; results repeat bit for bit with the same number only."""
