"""Which checkpoints of trials stay on the disk: those of the front and those that may be needed.

An evaluator keeps the checkpoint of a trial as files below `checkpoint` in the trial's folder. Only
folders of that name in the folders of trials of one study, and of the parts of repeated ones, are
ever deleted, by way of `checkpoint.deleted`, and only if the trial itself has written to them: the
study of that name in another store may share the folder.
"""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from moopt.executors.ownership import is_written_by
from moopt.front.front import front_of
from moopt.front.ranking import best_first
from moopt.front.values import is_whole, measured_trials
from moopt.study.study import Study
from moopt.study.trials import FailureKind, Trial, TrialState

CHECKPOINT = "checkpoint"
"""Name of the folder, in that of the trial."""

DELETED = "checkpoint.deleted"
"""Its name while it is deleted."""

_UNENDED = {TrialState.PROPOSED, TrialState.RUNNING}
_MEASURED = {TrialState.COMPLETED, TrialState.STOPPED}


@dataclass
class Retention:
    """Deletes for one run what nobody needs any more."""

    directory: Path
    """Holds the folders of the trials, named by their numbers."""

    newest: int | None
    """Of so many trials that may be taken further the checkpoints stay, and of as many whole ones.
    None: all stay."""

    _cleared: set[int] = field(default_factory=set)
    """Trials that have no checkpoint any more: their folders need no look."""

    def tidy(self, study: Study, trials: Sequence[Trial]) -> None:
        """Delete the checkpoints that are not to be kept. What cannot be deleted stays."""
        if self.newest is None:
            return
        kept = kept_checkpoints(study, trials, self.newest)
        self._cleared -= kept
        for trial in trials:
            if trial.number not in kept and trial.number not in self._cleared:
                self._cleared.add(trial.number)
                own = self.directory / str(trial.number)
                for folder in (own / CHECKPOINT, *own.glob(f"part-*/{CHECKPOINT}")):
                    if folder.is_dir() and not folder.is_symlink():
                        _delete_own(trial, own, folder)


def kept_checkpoints(study: Study, trials: Sequence[Trial], newest: int) -> set[int]:
    """Return the numbers of the trials whose checkpoints stay.

    They are those on the front, the best whole ones, those that have not ended or may be
    tried again, those that such a trial takes further, and the newest that were measured below the
    fidelity that counts and that no trial has taken further.

    Args:
        study: What the trials belong to.
        trials: All of them.
        newest: How many of the last kind, and how many whole ones.
    """
    kept = {trial.number for trial in front_of(study, trials).trials}
    whole = measured_trials(study, trials)
    ranked = list(chain.from_iterable(best_first(study, whole)))
    kept.update(whole[place].number for place in ranked[:newest])
    unended = [trial for trial in trials if trial.state in _UNENDED or _may_be_retried(trial)]
    kept.update(trial.number for trial in unended)
    kept.update(trial.continues for trial in unended if trial.continues is not None)
    taken = {trial.continues for trial in trials if trial.state is not TrialState.CANCELLED}
    open_ended = [
        trial.number
        for trial in trials
        if trial.state in _MEASURED and not is_whole(study, trial) and trial.number not in taken
    ]
    kept.update(sorted(open_ended)[max(0, len(open_ended) - newest) :])
    return kept


def _delete_own(trial: Trial, own: Path, folder: Path) -> None:
    """Delete a checkpoint that the trial has written, so that nobody finds a part of it."""
    if not is_written_by(trial, own, folder):
        return
    doomed = folder.with_name(DELETED)
    shutil.rmtree(doomed, ignore_errors=True)
    with suppress(OSError):
        shutil.rmtree(folder.rename(doomed), ignore_errors=True)


def _may_be_retried(trial: Trial) -> bool:
    return trial.failure is not None and trial.failure.kind is not FailureKind.CANDIDATE
