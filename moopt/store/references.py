"""The reference point of a study that gives none: inferred once, then the same for ever."""

from collections.abc import Sequence

from moopt.front.reference_point import infer_references, is_settled
from moopt.store.store import Store
from moopt.study.study import Study
from moopt.study.trials import Trial


def with_stored_references(store: Store, study: Study, trials: Sequence[Trial]) -> Study:
    """Return the study with the references that the store has, which infers them when it is time.

    A study out of the store knows its formulas by name only; this one keeps them.
    """
    if all(objective.reference is not None for objective in study.objectives):
        return study
    if is_settled(study, trials):
        store.set_references(study.name, infer_references(study, trials))
    stored = store.study(study.name)
    return study.with_references(
        {each.name: each.reference for each in stored.objectives if each.reference is not None}
    )
