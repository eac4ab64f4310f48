"""One small run of each measurement; the tests read what it printed."""

import pytest
from small_runs import STRICT, Run, run


@pytest.fixture(scope="session")
def runs() -> dict[str, Run]:
    return {}


@pytest.fixture(params=("intake", "endtoend", "lanes", "backlog", "queries", "pages", "audit", "insights"))
def measured(request: pytest.FixtureRequest, runs: dict[str, Run]) -> Run:
    """Each measurement in turn; measured once, however many tests ask."""
    name: str = request.param
    if name not in runs:
        runs[name] = run(name)
    assert runs[name].status in ((0, 1) if name in STRICT else (0,)), runs[name].errors
    return runs[name]
