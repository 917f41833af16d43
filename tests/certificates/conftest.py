"""A tier of its own for tests: small, and still large enough for gross faults."""

import pytest

from posterity.certificates.tiers import TIERS, Tier


@pytest.fixture(scope="session", autouse=True)
def small():
    """Of each measurement 31 draws, of 32 measurements; seconds for all faults together."""
    quick = TIERS["quick"]
    TIERS["small"] = Tier(32, 31, 500, 3, quick.without)
    yield
    del TIERS["small"]
