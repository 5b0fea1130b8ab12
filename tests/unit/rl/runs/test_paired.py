"""The paired difference of two networks' accuracies against NumPy's mean and deviation of the differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rl.runs.paired import paired_loss


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200))
def test_loss_and_its_standard_error(answers: list[tuple[bool, bool]]) -> None:
    reference, hits = (torch.tensor(column) for column in zip(*answers, strict=True))
    differences = np.array([before - after for before, after in np.array(answers, float)])
    found = paired_loss(reference, hits)
    assert found.points == pytest.approx(100 * differences.mean())
    assert found.standard_error_points == pytest.approx(100 * differences.std() / np.sqrt(len(answers)))
    assert found.pessimistic_points(2) == pytest.approx(found.points + 2 * found.standard_error_points)
    assert found.top1_percent == pytest.approx(100 * np.mean([after for _, after in answers]))


def test_equal_answers_leave_no_doubt() -> None:
    hits = torch.tensor([True, False, True])
    assert paired_loss(hits, hits).standard_error_points == 0
