"""Shapes and types of the numerical packages are checked while tests run, and Ctrl-C works.

The vocabulary, the store and the loop are left out: they check what users hand them and say so in
their own words, which is what their tests look at.
"""

import signal

from hypothesis import settings
from jaxtyping import install_import_hook

# A job in the background starts with Ctrl-C ignored, and so would every program it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A machine that is busy with something else is no bug.
settings.register_profile("moopt", deadline=None)
settings.load_profile("moopt")

install_import_hook(
    [
        "moopt.acquisition",
        "moopt.encoding",
        "moopt.evaluators",
        "moopt.front",
        "moopt.merging",
        "moopt.samplers",
        "moopt.surrogates",
        "moopt.training",
    ],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",
)
