"""The house keeps its shape: small modules, small functions, a light door, no rings."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import moopt

MODULES = sorted(Path(moopt.__file__).parent.rglob("*.py"))
DOOR = Path(moopt.__file__)


def functions(module: Path) -> Iterator[ast.FunctionDef]:
    tree = ast.parse(module.read_text())
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_fits_in_300_lines(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 300


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_function_fits_in_60_lines(module: Path) -> None:
    long = [
        f"{function.name}: {function.end_lineno - function.lineno + 1}"
        for function in functions(module)
        if function.end_lineno is not None and function.end_lineno - function.lineno >= 60
    ]

    assert long == []


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_says_what_it_is_for_and_has_a_name_that_says_something(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text()))
    assert module.stem not in {"utils", "helpers", "common", "misc"}


def test_only_the_door_imports_for_type_checkers_alone() -> None:
    users = [module for module in MODULES if "TYPE_CHECKING" in module.read_text()]

    assert users == [DOOR]


def test_importing_moopt_is_quick_and_loads_neither_torch_nor_a_database() -> None:
    program = (
        "import sys, time; start = time.process_time(); import moopt;"
        "seconds = time.process_time() - start;"
        "heavy = {'torch', 'ax', 'numpy', 'sqlalchemy'} & set(sys.modules);"
        "sys.exit(f'{seconds:.2f} s, {heavy}' if heavy or seconds > 0.5 else 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )

    assert done.stderr == ""
    assert done.returncode == 0


def test_every_public_name_is_there() -> None:
    assert sorted(moopt.__all__) == list(moopt.__all__)
    assert [name for name in moopt.__all__ if not hasattr(moopt, name)] == []


def test_the_door_gives_what_it_names_whatever_was_imported_before() -> None:
    program = (
        "import moopt.loop, moopt.optimizer, moopt.store.store; from moopt import *;"
        "assert callable(optimize) and callable(Optimizer) and callable(Store) and callable(Front)"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Bayes'"):
        moopt.__getattr__("Bayes")
