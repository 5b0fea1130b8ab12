"""Top-1 and top-5 against their definitions, and wrong calls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from accel_sim.errors import DataError, WorkloadError
from compress import Accuracy, evaluate
from compress.accuracy import label_ranks
from compress.data import LabelledImages, Split, open_labelled


class Logits(nn.Module):
    """Returns the image itself, flattened; says nothing else in training."""

    input_shape = (1, 1, 7)

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.dropout = nn.Dropout(0.9)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(x.flatten(1) * self.scale)


class Rows:
    """Images that are given."""

    def __init__(self, rows: Tensor) -> None:
        self._rows = rows

    @property
    def size(self) -> int:
        return len(self._rows)

    def pixels(self, indices: Sequence[int], shape: tuple[int, int, int]) -> Tensor:
        return self._rows[list(indices)].reshape(-1, *shape)


def images_of(rows: Tensor, labels: Sequence[int]) -> LabelledImages:
    return LabelledImages("rows", Split.TEST, 7, torch.tensor(labels), np.arange(len(rows)), Rows(rows))


value = st.sampled_from([0.0, 0.25, 0.5, 1.0, float("nan")])


def in_front(logits: list[float], label: int) -> int:
    """How many classes are named before this one: sorted by logit, then by number; what is no number first."""
    if logits[label] != logits[label]:
        return len(logits)
    keys = [(logit == logit, -logit, index) for index, logit in enumerate(logits)]
    return sum(key[0] is False or key[1:] < keys[label][1:] for key in keys if key is not keys[label])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.lists(value, min_size=7, max_size=7), st.integers(0, 6)), min_size=1, max_size=12))
def test_accuracy_counts_ranks(cases: list[tuple[list[float], int]]) -> None:
    rows, labels = torch.tensor([row for row, _ in cases]), [label for _, label in cases]
    places = [in_front(row, label) for row, label in cases]
    assert label_ranks(rows, torch.tensor(labels)).tolist() == places
    expected = [100 * sum(place < top for place in places) / len(places) for top in (1, 5)]
    for batch in (1, 5, 100):
        assert evaluate(Logits(), images_of(rows, labels), batch=batch) == Accuracy(*expected, len(cases))


def test_the_model_stays_as_it_is_and_progress_is_told() -> None:
    model, told = Logits().train(), []
    rows = torch.eye(7)
    result = evaluate(model, images_of(rows, range(7)), batch=3, progress=lambda *args: told.append(args))
    assert result == Accuracy(100.0, 100.0, 7)
    assert told == [(3, 7), (6, 7), (7, 7)]
    assert model.training
    assert model.dropout.training


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_run_side_by_side_but_count_in_order(threads: int) -> None:
    before, told = torch.get_num_threads(), []
    rows = torch.eye(7).repeat(30, 1)
    labels = [index % 7 if index < 105 else (index + 1) % 7 for index in range(210)]  # one half right, one half wrong
    torch.set_num_threads(threads)
    try:
        result = evaluate(Logits(), images_of(rows, labels), batch=4, progress=lambda done, _: told.append(done))
        assert torch.get_num_threads() == threads
        with pytest.raises(ZeroDivisionError):
            evaluate(Logits(), images_of(rows, labels), progress=lambda *_: 1 / 0)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert result.top1_percent == 50.0
    assert told == [*range(4, 210, 4), 210]


def test_a_name_means_the_report_split() -> None:
    from compress.models import digits_cnn

    torch.manual_seed(0)
    model = digits_cnn()
    by_name = evaluate(model, "digits")
    assert by_name == evaluate(model, open_labelled("digits", "report"), batch=7)
    assert by_name.images == 180


def test_wrong_calls() -> None:
    rows = images_of(torch.eye(7), range(7))
    with pytest.raises(WorkloadError, match="batch is 0; allowed: an integer from 1"):
        evaluate(Logits(), rows, batch=0)
    with pytest.raises(WorkloadError, match="device 'gpu': is not known; allowed: cpu, cuda"):
        evaluate(Logits(), rows, device="gpu")
    with pytest.raises(DataError, match="has 7 classes; the model tells 3 apart"):
        evaluate(nn.Sequential(nn.Flatten(), nn.Linear(7, 3)), rows, input_shape=(1, 1, 7))
    with pytest.raises(
        WorkloadError, match=r"returns \(7, 1, 1, 7\) for 7 images; allowed: logits \(images, classes\)"
    ):
        evaluate(nn.Identity(), rows, input_shape=(1, 1, 7))
    with pytest.raises(DataError, match="give its input shape"):
        evaluate(nn.Identity(), rows)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_no_cuda_here() -> None:
    with pytest.raises(WorkloadError, match="device 'cuda': PyTorch finds no such device here; allowed: cpu"):
        evaluate(Logits(), images_of(torch.eye(7), range(7)), device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_classifies_as_the_cpu_does() -> None:
    from compress.models import digits_cnn

    model = digits_cnn()
    there, here = (evaluate(model, "digits", device=device) for device in ("cuda", "cpu"))
    assert there.top1_percent == pytest.approx(here.top1_percent, abs=1.2)
    assert next(model.parameters()).device.type == "cpu"
