"""What an earlier study measured, as something that another one learns from."""

from collections.abc import Sequence
from dataclasses import dataclass

from moopt.errors import StudyError
from moopt.study.study import Study
from moopt.study.trials import Trial


@dataclass(frozen=True, slots=True)
class Source:
    """An earlier study and what came of its trials.

    Raises:
        StudyError: There is something else than a study and its trials.
    """

    study: Study
    trials: Sequence[Trial]
    """In any state: those that measured an outcome are learned from."""

    def __post_init__(self) -> None:
        if not isinstance(self.study, Study):
            raise StudyError(f"a Source needs a Study and its trials, got {self.study!r}")
        trials = tuple(self.trials)
        for each in trials:
            if not isinstance(each, Trial):
                raise StudyError(
                    f"the source {self.study.name!r} needs the trials of its study, got {each!r}"
                )
        object.__setattr__(self, "trials", trials)

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.name
