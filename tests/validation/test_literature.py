"""What is far from a published figure has a reason, and what has a reason is far."""

from __future__ import annotations

import pytest

from tests.shared_files import shared_path
from tests.validation.literature import CLAIMS, FAR, Claim


@pytest.mark.validate
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.paper}: {claim.what}")
def test_far_from_the_paper_means_explained(claim: Claim) -> None:
    shared_path("golden/bitfusion_layers.csv")
    ratio = claim.ours() / claim.theirs
    assert bool(claim.why) == (abs(ratio - 1) > FAR), f"ratio {ratio:.2f}"
