"""How Sphinx builds these pages: MyST Markdown, Furo, the reference from docstrings."""
# ruff: noqa: INP001 (Sphinx reads this file by its path)

from sphinx.application import Sphinx

import moopt

project = "moopt"
author = "the moopt developers"
project_copyright = "the moopt developers, Apache-2.0"
version = release = moopt.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autoclass_content = "both"
add_module_names = False
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
default_role = "code"  # docstrings mark code by single backticks, as Markdown does

html_theme = "furo"
html_title = f"moopt {version}"
html_show_sphinx = False
html_copy_source = False


def setup(app: Sphinx) -> None:
    """Register what prepares docstrings before napoleon reads them."""
    app.connect("autodoc-process-docstring", _prepare, priority=400)


def _prepare(
    _app: Sphinx, what: str, _name: str, _item: object, _options: object, lines: list[str]
) -> None:
    """Mark in a docstring what napoleon would take for something else, in place."""
    if what == "attribute" and lines:
        # What stands before a colon would become the type of the attribute.
        lines[0] = f": {lines[0]}"
    if what == "module":
        # What is indented is a drawing, not a quotation.
        for index in range(len(lines) - 1, 0, -1):
            if lines[index].startswith("    ") and not lines[index - 1].strip():
                lines[index:index] = ["::", ""]
