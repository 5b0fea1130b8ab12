"""Block criteria against PyTorch's block sparsifier, brute force, and the machine that skips such blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.ao.pruning import WeightNormSparsifier

from accel_sim.dynamic.slots_kernel import skip_rows
from accel_sim.errors import PolicyError
from compress.pruning.block.block_magnitude import BlockMagnitude
from compress.pruning.block.block_obs import BlockObs
from compress.pruning.block.criterion import BlockCriterion
from compress.pruning.criterion import PrunableLayer, pruned_count
from compress.pruning.second_order import reconstruct, selection
from tests.unit.pruning.layers import layer_of
from tests.unit.pruning.test_n_m import simulator_weights
from tests.unit.pruning.test_obs import best_move, damped

CRITERIA = (BlockMagnitude, BlockObs)


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize("make", CRITERIA)
@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    st.sampled_from([(1, 1, 1), (1, 3, 2), (2, 2, 1), (3, 1, 1)]),
    st.integers(1, 6),
    st.integers(1, 5),
    st.integers(1, 7),
    st.integers(1, 7),
    st.floats(0, 0.99),
)
def test_whole_blocks_go_and_exactly_as_many_as_asked(
    make: type[BlockCriterion],
    swept: bool,
    form: tuple[int, int, int],
    c: int,
    n: int,
    rows: int,
    cols: int,
    ratio: float,
):
    groups, *kernel = form
    layer = layer_of(groups * n, c, *kernel, groups=groups)
    criterion = make(rows, cols)
    with pytest.MonkeyPatch.context() as patch:
        if swept:
            patch.setattr(selection, "EXACT_WORK", 0)
            patch.setattr(reconstruct, "EXACT_WORK", 0)
        mask = criterion.mask(layer, ratio)
        new = criterion.update(layer, mask)
    assert not new[~mask].any()
    gone = blocks = 0
    for matrix in simulator_weights(mask.int(), groups):
        for first, column in itertools.product(range(0, matrix.shape[0], rows), range(0, n, cols)):
            block = matrix[first : first + rows, column : column + cols]
            assert block.min() == block.max()
            gone, blocks = gone + (block.max() == 0), blocks + 1
    assert gone == pruned_count(ratio, blocks)


@pytest.mark.parametrize(("rows", "cols"), [(1, 4), (4, 1), (4, 2)])
def test_magnitude_equals_pytorchs_sparsifier(rows: int, cols: int):
    model = nn.Sequential(nn.Linear(16, 8, bias=False))
    weight = model[0].weight.detach().clone()
    sparsifier = WeightNormSparsifier(sparsity_level=0.5, sparse_block_shape=(cols, rows), norm=1)
    # it prunes as many values within each chosen block as asked
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight", "zeros_per_block": rows * cols}])
    sparsifier.step()
    mask = BlockMagnitude(rows, cols).mask(PrunableLayer("x", weight), 0.5)
    assert torch.equal(mask, model[0].parametrizations.weight[0].mask.bool())


def test_cut_blocks_count_their_own_weights_only():
    weight = torch.tensor([[1.0, 1.0, 1.5]])
    assert BlockMagnitude(2, 1).mask(PrunableLayer("x", weight), 0.5).tolist() == [[False, False, True]]


def test_a_pruned_row_of_an_arrays_columns_is_skipped_there():
    layer = layer_of(20, 6, 3, 3)
    new = layer.weight * BlockMagnitude(1, 8).mask(layer, 0.5)
    matrix = np.ascontiguousarray(simulator_weights(new, 1)[0])
    kept = sum(len(skip_rows(np.ascontiguousarray(matrix[:, first : first + 8]))) for first in range(0, 20, 8))
    assert kept == 54 * 3 - pruned_count(0.5, 54 * 3)


@settings(deadline=None, derandomize=True, max_examples=15)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.floats(0.1, 0.9), st.integers(0, 9))
def test_obs_takes_the_cheapest_block_per_weight(n: int, rows: int, cols: int, ratio: float, seed: int):
    k = 5
    layer = layer_of(n, k, seed=seed)
    h, w = damped(layer.statistics.input_moments[0].numpy()), layer.weight.double().numpy().copy()
    blocks = set(itertools.product(range(0, k, rows), range(0, n, cols)))
    live = [list(range(k)) for _ in range(n)]
    for _ in range(pruned_count(ratio, len(blocks))):
        trials = []
        for first, column in sorted(blocks):
            outputs, inputs = range(column, min(column + cols, n)), range(first, min(first + rows, k))
            moves = [best_move(w[o], [i for i in live[o] if i not in inputs], h) for o in outputs]
            trials.append((sum(move[1] for move in moves) / (len(outputs) * len(inputs)), (first, column), moves))
        _, (first, column), moves = min(trials, key=lambda trial: trial[0])
        blocks.remove((first, column))
        for output, move in enumerate(moves, start=column):
            w[output] = move[0]
            live[output] = [i for i in live[output] if not first <= i < first + rows]
    mask = BlockObs(rows, cols).mask(layer, ratio)
    np.testing.assert_array_equal(mask.numpy(), w != 0)
    np.testing.assert_allclose(BlockObs(rows, cols).update(layer, mask).numpy(), w, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("rows", "cols", "message"), [(0, 4, "rows is 0"), (2, -1, "cols is -1")])
def test_sides_are_at_least_one(rows: int, cols: int, message: str):
    with pytest.raises(PolicyError, match=f"algorithm block_magnitude: {message}; allowed: from 1"):
        BlockMagnitude(rows, cols)
