"""Every claim of the table stands in its notebook, and the quick ones hold for one seed.

`make claims` measures all of them, for all seeds and with two numbers of threads.
"""

import os

import pytest
from claims.table import SEEDS, all_claims, text_of

CLAIMS = all_claims()
THOROUGH = "TUTORIAL_THOROUGH" in os.environ


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
    "claim", [each for each in CLAIMS if each.is_quick or THOROUGH], ids=lambda claim: claim.name
)
def test_a_claim_holds(claim):
    seed = claim.seeds[0]
    if THOROUGH:
        held = [claim.measure(seed).holds for seed in claim.seeds]
        assert sum(held) >= claim.at_least
    else:
        seen = claim.measure(seed)
        assert seen.holds or claim.at_least < len(claim.seeds), seen.numbers
