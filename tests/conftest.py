"""Shapes and types of the numerical packages are checked while tests run.

The vocabulary, the store and the loop are left out: they check what users hand them and say so in
their own words, which is what their tests look at.
"""

from jaxtyping import install_import_hook

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
