"""Find the study and its evaluator in a Python file.

A study file defines `study` and `evaluate`. It may define `held_out` (measures a trial on data that
the search never sees), `export` (writes a trial's model to a folder) and `prepare` (runs once
before the first trial).
"""

import ast
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from moopt.errors import MooptError, StudyError
from moopt.study.evaluation import Evaluator
from moopt.study.study import Study

Report = Callable[[str, float], None]
"""Takes what is going on and the share of it that is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class StudyFile:
    """What a study file defines."""

    path: Path
    study: Study
    evaluate: Evaluator
    held_out: Evaluator | None
    """None: there is no data to measure the front again."""

    export: Callable[..., None] | None
    """Called with a trial and the folder to write, and, where it has a parameter of that name, with
    the trial's own `folder`. None: a trial of this study leaves no model."""

    prepare: Callable[[Report], None] | None
    """None: nothing to do before the first trial."""


def load_study_file(path: Path) -> StudyFile:
    """Import a study file.

    Raises:
        StudyError: There is no such file, it cannot be imported, or it lacks `study` or `evaluate`.
    """
    if not path.is_file():
        raise StudyError(
            f"there is no study file {str(path)!r}; give the path of a Python file that defines "
            "`study` and `evaluate`"
        )
    module = _import(path.resolve())
    study = getattr(module, "study", None)
    if study is None:
        raise StudyError(f"{path} defines no `study`; add `study = Study(...)` at its top level")
    if not isinstance(study, Study):
        raise StudyError(f"{path}: `study` needs to be a moopt.Study, it is {study!r}")
    if getattr(module, "evaluate", None) is None:
        raise StudyError(
            f"{path} defines no `evaluate`; add `def evaluate(trial, context)` that returns a "
            f"value for each of {list(study.outcomes)}"
        )
    for name in ("evaluate", "held_out", "export", "prepare"):
        hook = getattr(module, name, None)
        if hook is not None and not callable(hook):
            raise StudyError(f"{path}: `{name}` needs to be a function, it is {hook!r}")
    return StudyFile(
        path=path.resolve(),
        study=study,
        evaluate=module.evaluate,
        held_out=getattr(module, "held_out", None),
        export=getattr(module, "export", None),
        prepare=getattr(module, "prepare", None),
    )


def question_of(path: Path | None) -> str:
    """Return what a study file asks, the first paragraph of its docstring, without running it."""
    if path is None or not path.is_file():
        return ""
    try:
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    except (SyntaxError, UnicodeDecodeError):
        return ""
    return " ".join((text or "").split("\n\n")[0].split())


def _import(path: Path) -> ModuleType:
    name = f"moopt_study_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StudyError(f"{path} is not a Python file; a study file ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # A study file may import what lies beside it, as a script may.
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise StudyError(f"{path}, line {error.lineno}: {error.msg}; mend the syntax") from error
    except MooptError as error:
        raise StudyError(f"{path}: {error}") from error
    # The file is foreign code: whatever it raises belongs into the message.
    except Exception as error:
        raise StudyError(
            f"{path} cannot be imported: {type(error).__name__}: {error}; run `python {path}` "
            "to see where"
        ) from error
    return module


def defines(path: Path, name: str) -> bool:
    """Say whether a study file gives a name a meaning, without running it."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return False
    found: set[str] = set()
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=own) | ast.ClassDef(name=own):
                found.add(own)
            case ast.Assign(targets=targets):
                found |= {
                    each.id
                    for target in targets
                    for each in ast.walk(target)
                    if isinstance(each, ast.Name)
                }
            case ast.AnnAssign(target=ast.Name(id=own)):
                found.add(own)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found |= {each.asname or each.name for each in names}
    return name in found
