"""Ask and tell: a study searched in memory, without a store or an executor."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from moopt.encoding.sources import instructive, match_source
from moopt.errors import EvaluationError, SelectionError
from moopt.front.front import Front, front_of
from moopt.front.recommendation import Recommendation
from moopt.front.reference_point import infer_references, is_settled
from moopt.protocols import Sampler
from moopt.samplers.history import whole_fidelity
from moopt.samplers.registry import sampler_named
from moopt.samplers.sources import require_learner, told_sources
from moopt.samplers.starting_points import next_candidates
from moopt.study.outcomes import checked_fidelity
from moopt.study.parameters import Parameters
from moopt.study.source import Source
from moopt.study.study import Study
from moopt.study.trials import (
    Candidate,
    Failure,
    FailureKind,
    Measurement,
    Trial,
    TrialState,
)
from moopt.study.validation import (
    Raw,
    check_measurements,
    check_parameters,
    with_formulas,
)
from moopt.surrogates.recommended_front import recommend


class Optimizer:
    """Proposes trials and learns from what it is told.

    Equal studies, seeds, questions and answers give equal trials.
    """

    def __init__(
        self,
        study: Study,
        sampler: str | Sampler = "auto",
        seed: int = 0,
        *,
        transfer_from: Sequence[Source] = (),
    ) -> None:
        """Start with no trials.

        Args:
            study: What to search.
            sampler: What proposes, or its name.
            seed: Of the proposals.
            transfer_from: Earlier studies to learn from, each with its trials.

        Raises:
            SelectionError: There is no sampler of that name, or it does not learn from sources.
            StudyError: A source has nothing to do with the study.
        """
        self._study = study
        named = sampler_named(sampler) if isinstance(sampler, str) else sampler
        sources = [instructive(each) for each in transfer_from]
        if sources:
            require_learner(named)
        for each in sources:
            match_source(study, each)
        self._sampler = told_sources(named, sources)
        self._seed = seed
        self._trials: list[Trial] = []

    @property
    def study(self) -> Study:
        """The study, with references inferred where it had none and enough trials are done."""
        return self._study

    @property
    def trials(self) -> Sequence[Trial]:
        """All trials, by number."""
        return tuple(self._trials)

    def ask(self, count: int = 1) -> list[Trial]:
        """Return new running trials; fewer than asked only when the space is exhausted."""
        candidates = next_candidates(self._sampler, self._study, self._trials, count, self._seed)
        return [self._add(candidate) for candidate in candidates]

    def attach(self, parameters: Parameters) -> Trial:
        """Return a running trial of one's own choosing, to be told like any other.

        Raises:
            StudyError: The parameters are not in the space.
        """
        checked = check_parameters(
            self._study.parameters, self._study.linear_constraints, parameters, "attach"
        )
        return self._add(
            Candidate(checked, fidelity=whole_fidelity(self._study), sampler="attached")
        )

    def tell(
        self, number: int, measurements: Mapping[str, Raw], *, fidelity: float | None = None
    ) -> Trial:
        """Record what was measured: a value or (mean, standard error) by name.

        Objectives that are left out or None count as not measured.

        Args:
            number: Of the trial.
            measurements: By the name of the outcome.
            fidelity: At which it was measured, where the trial was ended before its own. None: at
                its own.

        Raises:
            SelectionError: The trial is not running.
            EvaluationError: A value is no finite number, nothing of the study was measured, or the
                trial has no such fidelity on its way.
        """
        trial = self._running(number)
        complete = self._checked(trial, measurements)
        state = TrialState.COMPLETED
        reached = None if fidelity is None else checked_fidelity(trial, float(fidelity))
        if reached not in {None, trial.fidelity}:
            state, trial = TrialState.STOPPED, replace(trial, fidelity=reached)
        self._end(replace(trial, state=state, measurements=complete))
        if is_settled(self._study, self._trials):
            inferred = infer_references(self._study, self._trials)
            self._study = self._study.with_references(inferred)
        return self._trials[number]

    def report(self, number: int, fidelity: float, measurements: Mapping[str, Raw]) -> Trial:
        """Keep what a running trial has measured on the way to its fidelity.

        Raises:
            SelectionError: The trial is not running.
            EvaluationError: A value is no finite number, nothing of the study was measured, or the
                trial has no such fidelity on its way.
        """
        trial = self._running(number)
        complete = self._checked(trial, measurements)
        partial = {**trial.partial, checked_fidelity(trial, float(fidelity)): complete}
        self._trials[number] = replace(trial, partial=partial)
        return self._trials[number]

    def fail(self, number: int, reason: str) -> Trial:
        """Record that the candidate itself failed: learned from, not proposed again.

        Raises:
            SelectionError: The trial is not running.
        """
        failure = Failure(FailureKind.CANDIDATE, reason)
        self._end(replace(self._running(number), state=TrialState.FAILED, failure=failure))
        return self._trials[number]

    def front(self, *, include_infeasible: bool = False) -> Front:
        """Return the front of what was told so far."""
        return front_of(self._study, self._trials, include_infeasible=include_infeasible)

    def recommended_front(self) -> Recommendation:
        """Return the front as a model believes it: under noise, not the luckiest measurements.

        Raises:
            SurrogateError: Fewer than three trials have every objective, an outcome was never
                measured, or no model fits.
        """
        return recommend(self._study, self._trials)

    def _checked(self, trial: Trial, measurements: Mapping[str, Raw]) -> dict[str, Measurement]:
        measured = check_measurements(measurements)
        if not any(name in measured for name in self._study.outcomes):
            raise EvaluationError(
                f"trial {trial.number} was told {list(measurements)}, which holds none of the "
                f"outcomes {list(self._study.outcomes)}; use fail() for a trial that gave nothing"
            )
        return with_formulas(self._study.objectives, trial.parameters, measured)

    def _add(self, candidate: Candidate) -> Trial:
        number, earlier = len(self._trials), candidate.continues
        trial = Trial(
            number,
            candidate.parameters,
            state=TrialState.RUNNING,
            fidelity=candidate.fidelity,
            continues=earlier,
            seed=self._seed + number if earlier is None else self._trials[earlier].seed,
            sampler=candidate.sampler,
            notes=candidate.notes,
            attempts=1,
            started=datetime.now(UTC),
        )
        self._trials.append(trial)
        return trial

    def _end(self, trial: Trial) -> None:
        self._trials[trial.number] = replace(trial, ended=datetime.now(UTC))

    def _running(self, number: int) -> Trial:
        known = range(len(self._trials))
        if number not in known:
            raise SelectionError(
                f"there is no trial {number}; {len(known)} were asked for, numbered from 0"
            )
        trial = self._trials[number]
        if trial.state is not TrialState.RUNNING:
            raise SelectionError(
                f"trial {number} is {trial.state.value}; only a running trial can be told or failed"
            )
        return trial
