import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that makes a package look as if it was not installed."""

    def hidden(package: str) -> None:
        users = {f"moopt.samplers.from_{package}", "moopt.samplers.optuna_parameters"}
        for name in list(sys.modules):
            if name.partition(".")[0] == package or name in users:
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)

    return hidden
