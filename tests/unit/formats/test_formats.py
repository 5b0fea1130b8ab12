"""Storage formats: what is encoded comes back bit for bit, and takes as many bits as are counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from accel_sim.errors import WorkloadError
from accel_sim.formats.codec import decode, encode
from accel_sim.formats.size import RUN_BITS, count_bits, encoded_bits, index_bits, rle_tokens
from accel_sim.hardware.schema import NmSparsity

FORMATS = ("dense", "bitmask", "csc", "rle", "bit_columns")


@st.composite
def tensors(draw: st.DrawFn) -> tuple[np.ndarray, int, bool]:
    bits, signed = draw(st.integers(1, 16)), draw(st.booleans())
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    vectors, length = draw(st.integers(1, 4)), draw(st.integers(1, 90))
    generator = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    values = generator.integers(low, high + 1, (vectors, length))
    return values * (generator.random(values.shape) < draw(st.sampled_from([0.0, 0.02, 0.3, 1.0]))), bits, signed


@settings(max_examples=200, deadline=None)
@given(tensors(), st.sampled_from(FORMATS))
def test_there_and_back(tensor: tuple[np.ndarray, int, bool], name: str) -> None:
    values, bits, signed = tensor
    stream = encode(name, values, bits)
    assert len(stream) == encoded_bits(name, values, bits)
    assert np.array_equal(decode(name, stream, values.shape, bits, signed=signed), values)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.integers(1, 8), st.integers(1, 8), st.integers(0, 1 << 30))
def test_n_of_m_there_and_back(length: int, keep: int, of: int, seed: int) -> None:
    pattern = NmSparsity(kind="n_m", keep=min(keep, of), of=of)
    generator = np.random.default_rng(seed)
    values = generator.integers(-128, 128, (3, length))
    for first in range(0, length, of):
        group = values[:, first : first + of]
        for vector in group:
            vector[generator.permutation(len(vector))[pattern.keep :]] = 0
    stream = encode("n_m", values, 8, pattern)
    assert len(stream) == encoded_bits("n_m", values, 8, pattern)
    assert np.array_equal(decode("n_m", stream, values.shape, 8, signed=True, n_m=pattern), values)


def test_too_many_in_a_group() -> None:
    with pytest.raises(WorkloadError, match="a group holds 3 non-zero values; allowed: 2 of 4"):
        encode("n_m", np.array([[1, 2, 3, 0]]), 8, NmSparsity(kind="n_m", keep=2, of=4))


@given(tensors())
def test_csc_holds_what_scipy_s_does(tensor: tuple[np.ndarray, int, bool]) -> None:
    values, bits, _ = tensor
    matrix = sparse.csc_matrix(values.T)  # a vector is a column
    length = values.shape[1]
    expected = matrix.nnz * (bits + index_bits(length)) + len(matrix.indptr[1:]) * count_bits(length)
    assert encoded_bits("csc", values, bits) == expected


def test_bit_columns_by_hand() -> None:
    """Sixteen weights between 4 and 7 of 8 bits: 0000 01xx."""
    weights = np.array([[4, 5, 6, 7] * 4])
    # Bits 6 to 3 repeat the top; columns 1 and 0 hold both, so nothing is constant from below.
    assert encoded_bits("bit_columns", weights, 8) == 3 + 4 + 4 * 16
    assert encoded_bits("bit_columns", weights & 0b100, 8) == 3 + 4 + 4  # 0100: four constant columns
    assert encoded_bits("bit_columns", weights[:, :15] * 0, 8) == 3 + 4 + 1
    assert encoded_bits("bit_columns", np.array([[127, -128]]), 8) == 3 + 4 + 8 * 2


def test_runs_by_hand() -> None:
    """One token per value; a run of 32 and more takes another per 32 zeros; so do zeros at the end."""
    assert rle_tokens(np.ones((1, 5), bool)) == 5
    alone = np.zeros((1, 100), bool)
    assert rle_tokens(alone) == 4  # 3 × 32, and 4
    alone[0, 31] = True
    assert rle_tokens(alone) == 1 + 3  # 31 zeros and the value; 68 zeros
    alone[0, 31], alone[0, 32] = False, True
    assert rle_tokens(alone) == 2 + 3
    assert encoded_bits("rle", np.ones((1, 5)), 8) == 5 * (RUN_BITS + 8)
