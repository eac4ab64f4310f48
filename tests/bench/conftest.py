"""Small runs of all measurements; the tests read what they printed."""

import pytest
from small_runs import LOOSE, STRICT, Measured, Run, run


@pytest.fixture(scope="session")
def runs() -> dict[tuple[str, ...], Run]:
    return {}


@pytest.fixture(params=(*LOOSE, *STRICT))
def measured(request: pytest.FixtureRequest, runs: dict[tuple[str, ...], Run]) -> Measured:
    """Each measurement in turn; run once, however many tests ask."""
    names = STRICT if request.param in STRICT else LOOSE
    if names not in runs:
        runs[names] = run(names)
    assert runs[names].status in ((0, 1) if names == STRICT else (0,)), runs[names].errors
    return Measured(request.param, runs[names])
