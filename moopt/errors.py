"""The errors that moopt raises, one tree.

    MooptError
    ├── StudyError          a definition that cannot be (also a ValueError)
    ├── SelectionError      a trial, a point or a preference that is not there (also a LookupError)
    ├── StoreError          a store that cannot be opened, read or written (also an OSError)
    │   └── StateError      a trial is not in the state that a change of it needs
    ├── ExecutorError       workers that cannot be had or cannot start (also a RuntimeError)
    ├── EvaluationError     an evaluator returned what the study did not ask for (also a ValueError)
    │   └── NonFiniteError  a measurement is NaN or infinite
    ├── SurrogateError      no model fits the measurements (also an ArithmeticError)
    ├── MergeError          checkpoints that do not fit together (also a ValueError)
    ├── TrainingError       a training run that cannot go on (also a RuntimeError)
    └── MissingDependencyError  a package of an extra is not installed (also an ImportError)

A message says what was expected, what was found and what to do.
"""


class MooptError(Exception):
    """Root of the tree: catch it to catch whatever moopt raises on purpose."""


class StudyError(MooptError, ValueError):
    """A study, or a part of one, contradicts itself or cannot be loaded."""


class SelectionError(MooptError, LookupError):
    """A selector names a trial, an objective or a study that is not there."""


class StoreError(MooptError, OSError):
    """A store cannot be opened, read or written."""


class StateError(StoreError):
    """A trial is not in the state that a change of it needs: somebody else was faster."""


class ExecutorError(MooptError, RuntimeError):
    """Workers cannot be had as asked, or cannot start."""


class EvaluationError(MooptError, ValueError):
    """An evaluator returned something other than what the study asks for."""


class NonFiniteError(EvaluationError):
    """A measurement is NaN or infinite: the evaluation went wrong, not the evaluator."""


class SurrogateError(MooptError, ArithmeticError):
    """No surrogate can be fitted to the measurements."""


class MergeError(MooptError, ValueError):
    """Checkpoints cannot be merged as asked."""


class TrainingError(MooptError, RuntimeError):
    """A training run cannot start or cannot go on."""


class MissingDependencyError(MooptError, ImportError):
    """A package that an optional part of moopt needs is not installed."""
