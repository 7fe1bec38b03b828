"""A short run that was really trained, and a class around it."""

import pytest
from made_up_class import real_entry, settings_of


@pytest.fixture(scope="session")
def honest(sample, tmp_path_factory):
    """Return an entry of 40 steps whose rate was halved after 20."""
    folder = tmp_path_factory.mktemp("honest")
    return real_entry(folder, sample, settings_of(0), 40, change_at=20)
