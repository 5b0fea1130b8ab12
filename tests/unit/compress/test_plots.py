"""Pictures of compression: drawn for every kind of network, the same bytes for the same network."""

from __future__ import annotations

import numpy as np
import pytest

from compress.compressed import compress_model
from compress.plots import write_compression_plots
from compress.plots.patterns import gemm_matrix
from compress.policy import Policy
from tests.unit.compress.test_compressed import EVERYTHING, images, model

__all__ = ["images", "model"]  # fixtures


@pytest.mark.parametrize("quantised", [True, False])
def test_pictures_are_written_and_reproducible(model, images, tmp_path, quantised) -> None:
    policy = {"layers": EVERYTHING, "quantization": {"enabled": quantised}}
    found = compress_model(model, Policy.model_validate(policy), images)
    first = write_compression_plots(model, found, tmp_path / "a")
    second = write_compression_plots(model, found, tmp_path / "b")
    assert [path.name for path in first] == [
        f"{name}.{kind}" for name in ("changes", "weights", "patterns") for kind in ("svg", "png")
    ]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_pattern_is_the_matrix_that_the_machine_reads(model) -> None:
    weight = model.get_submodule("first").weight.detach()
    matrix = gemm_matrix(weight)
    for k, n in ((0, 0), (8, 3), (71, 5)):
        row, column, channel = k // (3 * 8), k // 8 % 3, k % 8
        assert matrix[k, n] == np.float32(weight[n, channel, row, column])
