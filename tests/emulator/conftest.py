"""A module of tests whose `NEEDS` names a feature runs only against a LocalStack that has it."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def needed_feature(request: pytest.FixtureRequest) -> None:
    needs = getattr(request.module, "NEEDS", None)
    if needs and needs not in request.getfixturevalue("localstack").info["features"]:
        pytest.skip(f"this LocalStack does not have the feature {needs!r}")
