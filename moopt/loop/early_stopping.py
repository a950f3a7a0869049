"""Partial results as they come: recorded, and weighed by a stopping rule."""

from dataclasses import dataclass

from moopt.loop.history import History
from moopt.protocols import StoppingRule
from moopt.store.recording import record_report
from moopt.study.evaluation import Report
from moopt.study.trials import Trial, TrialState


@dataclass
class EarlyStopping:
    """Says for one run which of its trials are to end early."""

    history: History
    rule: StoppingRule | None
    """None: all go to their end."""

    def stops(self, trial: Trial, report: Report) -> bool:
        """Record a partial result and say whether its trial is not worth finishing.

        Args:
            trial: As it was started.
            report: What it has just reported.
        """
        history = self.history
        record_report(history.store, history.study, trial, report)
        if self.rule is None:
            return False
        history.take_in_changes()
        current = history.trials[trial.number]
        # Another driver may have taken the trial over.
        is_ours = current.state is TrialState.RUNNING and current.attempts == trial.attempts
        return is_ours and self.rule.stops(history.study, history.trials, current)
