"""Settings of every test process."""

import os

# As the command line does: tiny matrix products do not wait for threads. Set before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest

REAL = ("smollm2-135m", "gemma3-270m")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A law that says `slow_on_real` is one of `make slow` where its subject is a real model: a row of that is as dear
    as a hundred of a tiny one, and other laws of its room meet the real model in the default run."""
    for item in items:
        call = getattr(item, "callspec", None)
        if item.get_closest_marker("slow_on_real") and call and any(v in REAL for v in map(str, call.params.values())):
            item.add_marker(pytest.mark.slow)
