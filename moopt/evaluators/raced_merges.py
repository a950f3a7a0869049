"""Merge experts as a trial says, and measure the merge as long as no other beats it."""

from dataclasses import dataclass

from moopt.errors import EvaluationError
from moopt.evaluators.measures import ExampleMeasures
from moopt.evaluators.merge import MergeEvaluator
from moopt.evaluators.racing import Racing
from moopt.study.evaluation import Context, Report, Split
from moopt.study.trials import Trial


@dataclass(frozen=True, slots=True)
class RacedMerges:
    """The evaluator of a study whose fidelity is the share of the examples.

    The study's `held_out` and `export` are those of the merges.
    """

    merges: MergeEvaluator
    racing: Racing

    def __call__(self, trial: Trial, context: Context) -> dict[str, tuple[float, float]] | Report:
        """Return every measurement and its standard error on the search split.

        Raises:
            EvaluationError: What is measured is not measured by examples.
        """
        measures = self.merges.live(trial, context)
        if not isinstance(measures, ExampleMeasures):
            raise EvaluationError(
                f"merges race by their examples, which {type(measures).__name__} does not tell; "
                "give the study the merges themselves as `evaluate`"
            )
        return self.racing.measure(measures, trial, context, Split.SEARCH.value)
