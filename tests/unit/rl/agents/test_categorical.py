"""C51's projection by hand and by a loop."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rl.agents.categorical import project, support


def test_by_hand() -> None:
    """Support −2, −1, 0, 1, 2; r = 0.5, γ = 0.5.

    The atoms go to −0.5, 0, 0.5, 1, 1.5: −2's 0.2 is halved between −1 and 0, −1's 0.1 lies on 0, 0's 0.3 is halved
    between 0 and 1, 1's 0.1 lies on 1, and 2's 0.3 is halved between 1 and 2.
    """
    row = torch.tensor([[0.2, 0.1, 0.3, 0.1, 0.3]])
    got = project(row, torch.tensor([0.5]), torch.tensor([0.5]), support(-2, 2, 5))
    torch.testing.assert_close(got, torch.tensor([[0.0, 0.1, 0.1 + 0.1 + 0.15, 0.15 + 0.1 + 0.15, 0.15]]))


def test_after_a_terminal_step_only_the_return_is_left() -> None:
    row = torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7], [1.0, 0.0, 0.0]])
    got = project(row, torch.tensor([1.0, 0.75, -9.0]), torch.zeros(3), support(-1, 1, 3))
    torch.testing.assert_close(got, torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.25, 0.75], [1.0, 0.0, 0.0]]))


def loop(row: np.ndarray, reward: float, discount: float, atoms: np.ndarray) -> np.ndarray:
    """As Bellemare et al. (2017), algorithm 1, writes it."""
    low, high, spacing = atoms[0], atoms[-1], atoms[1] - atoms[0]
    out = np.zeros(len(atoms))
    for probability, atom in zip(row, atoms, strict=True):
        b = (min(high, max(low, reward + discount * atom)) - low) / spacing
        lower, upper = int(np.floor(b + 1e-9)), int(np.ceil(b - 1e-9))
        if lower == upper:
            out[lower] += probability
        else:
            out[lower] += probability * (upper - b)
            out[upper] += probability * (b - lower)
    return out


@given(st.integers(0, 2**31), st.sampled_from([2, 3, 51]), st.floats(-3, 3), st.floats(0, 1))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_as_the_loop(seed: int, count: int, reward: float, discount: float) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.ones(count), size=4).astype(np.float32)
    atoms = support(-1.5, 2.0, count)
    rewards = reward + rng.normal(size=4)
    got = project(
        torch.from_numpy(rows),
        torch.from_numpy(rewards.astype(np.float32)),
        torch.full((4,), discount, dtype=torch.float32),
        atoms,
    )
    for row, r, result in zip(rows, rewards, got.numpy(), strict=True):
        np.testing.assert_allclose(result, loop(row, r, discount, np.linspace(-1.5, 2.0, count)), atol=2e-4)
    np.testing.assert_allclose(got.sum(1).numpy(), 1.0, atol=1e-5)
