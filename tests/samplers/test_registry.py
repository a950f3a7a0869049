import subprocess
import sys
from collections.abc import Callable

import pytest

from moopt.errors import SelectionError
from moopt.protocols import Sampler
from moopt.samplers.registry import SAMPLERS, sampler_named


@pytest.mark.parametrize("name", [*SAMPLERS, "optuna:NSGAIISampler"])
def test_a_name_gives_a_sampler(name: str) -> None:
    assert isinstance(sampler_named(name), Sampler)


def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(SelectionError, match=r"no sampler 'bayes'.*'auto'.*'tpe'.*optuna:"):
        sampler_named("bayes")


@pytest.mark.parametrize(
    ("name", "package"),
    [("nsga3", "pymoo"), ("tpe", "optuna"), ("optuna:RandomSampler", "optuna")],
)
def test_a_missing_package_is_named_with_how_to_install_it(
    name: str, package: str, hide: Callable[[str], None]
) -> None:
    hide(package)

    with pytest.raises(SelectionError, match=rf"pip install 'moopt\[{package}\]'"):
        sampler_named(name)


@pytest.mark.slow
def test_the_registry_loads_no_optional_package() -> None:
    program = (
        "import sys, moopt.samplers.registry;"
        "sys.exit(len({'optuna', 'pymoo', 'ribs'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program], check=False)

    assert done.returncode == 0
