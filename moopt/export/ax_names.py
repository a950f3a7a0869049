"""Names that Ax takes: it reads objectives and constraints as formulas, where some names mean more.

`beta` is a function there, `a-b` a difference, and `status_quo` a column of its tables.
"""

import builtins
import keyword
import re
from collections.abc import Iterable

from ax.utils.common.string_utils import SYMPY_GLOBALS

_PLAIN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_PLACEHOLDER = re.compile(r"__(?!$)[a-z]+__")
_COLUMNS = frozenset(
    {
        "arm_name",
        "fail_reason",
        "generation_node",
        "mean",
        "metadata",
        "metric_name",
        "metric_signature",
        "sem",
        "status_reason",
        "step",
        "trial_index",
        "trial_status",
    }
)
_TAKEN = frozenset({*SYMPY_GLOBALS, *dir(builtins), *keyword.kwlist, *keyword.softkwlist, "oo"})


def safe_name(wanted: str, taken: Iterable[str] = ()) -> str:
    """Return a name that Ax takes: the wanted one where that is one, else one alike.

    Args:
        wanted: How it is called in a study.
        taken: Names in use.
    """
    used = set(taken)
    name = wanted
    if _PLAIN.fullmatch(name) is None or _PLACEHOLDER.search(name):
        name = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "_"
        name = name if name[0].isalpha() else f"n_{name}"
    while name in used or name in _TAKEN or name in _COLUMNS:
        name += "_"
    return name
