import subprocess
import sys

import moopt
from moopt.cli.app import COMMANDS
from tests.cli.conftest import Call


def test_the_version_is_printed(call: Call) -> None:
    assert call("--version").out == f"moopt {moopt.__version__}\n"


def test_help_names_every_command(call: Call) -> None:
    said = call("--help").out

    assert [name for name in COMMANDS if name not in said] == []


def test_help_loads_neither_torch_nor_a_database_nor_plotly() -> None:
    program = (
        "import sys\n"
        "from moopt.cli.app import command_line\n"
        "command_line(None)(['--help'], standalone_mode=False)\n"
        "sys.exit(bool({'torch', 'sqlalchemy', 'plotly', 'numpy'} & set(sys.modules)))"
    )

    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
