"""Every claim of the table stands in its notebook, and the quick ones hold for one seed.

`make claims` measures all of them, for all seeds and with two numbers of threads.
"""

import os

import pytest
from claims.table import SEEDS, Claim, all_claims, text_of

CLAIMS = all_claims()
THOROUGH = "TUTORIAL_THOROUGH" in os.environ


def in_suite(claim: Claim) -> bool:
    """Say whether it is quick, and one seed can tell: it has to hold for each."""
    return claim.is_quick and claim.at_least == len(claim.seeds)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_is_a_sentence_of_its_notebook(claim):
    assert claim.sentence in text_of(claim.notebook)
    assert claim.how
    assert len(claim.seeds) in {1, *range(len(SEEDS), 100)}
    assert claim.at_least > len(claim.seeds) / 2


def test_no_two_claims_have_one_name():
    names = [claim.name for claim in CLAIMS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "claim", [each for each in CLAIMS if THOROUGH or in_suite(each)], ids=lambda claim: claim.name
)
def test_a_claim_holds(claim):
    seeds = claim.seeds if THOROUGH else claim.seeds[:1]
    seen = [claim.measure(seed) for seed in seeds]
    assert sum(each.holds for each in seen) >= min(claim.at_least, len(seeds)), seen
