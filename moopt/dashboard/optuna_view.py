"""A store as a storage of Optuna that can be read and not written.

Studies are numbered from 1 in the order in which they were entered. Their trials are turned once
and again when they change.
"""

import copy
import threading
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Never, final

from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

from moopt.errors import StoreError
from moopt.export.to_optuna import OptunaExport
from moopt.front.front import front_of
from moopt.store.store import Store
from moopt.study.trials import Trial

TRIALS_OF_STUDY = 10**7
"""Ids are the study's times this, plus the number of the trial."""


@dataclass(frozen=True, slots=True)
class ShownStudy:
    """A study at one revision."""

    study_id: int
    export: OptunaExport
    revision: int
    trials: Mapping[int, Trial]
    """Ours, by number."""

    frozen: Mapping[int, FrozenTrial]
    """Optuna's, by number."""

    def with_changes(self, revision: int, changed: Sequence[Trial]) -> "ShownStudy":
        """Return the study at a later revision, given the trials that changed."""
        first = self.study_id * TRIALS_OF_STUDY
        turned = {
            each.number: self.export.frozen_trial(each, first + each.number) for each in changed
        }
        trials = {**self.trials, **{each.number: each for each in changed}}
        frozen = dict(sorted({**self.frozen, **turned}.items()))
        return replace(self, revision=revision, trials=trials, frozen=frozen)

    def front(self) -> list[FrozenTrial]:
        """Return the trials on the front, which are feasible."""
        front = front_of(self.export.study, list(self.trials.values()))
        return [self.frozen[trial.number] for trial in front.trials]


@final
class OptunaView(BaseStorage):
    """Reads a store for Optuna and its dashboard. Threads may share it.

    Every method that writes raises `StoreError`.

    Args:
        store: What it shows: all its studies.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._shown: dict[str, ShownStudy] = {}
        self._turn = threading.Lock()

    def shown(self, study_id: int) -> ShownStudy:
        """Return a study as it is now.

        Raises:
            KeyError: There is no study with this id.
        """
        name = self.get_study_name_from_id(study_id)
        with self._turn:
            # The study is read first: one that changes after that has a later revision too.
            study, known = self._store.study(name), self._shown.get(name)
            if known is None or known.export.study != study:
                known = ShownStudy(study_id, OptunaExport.of(study), -1, {}, {})
            since = known.revision if known.revision >= 0 else None
            revision, changed = self._store.changed(name, since=since)
            if revision != known.revision:
                known = known.with_changes(revision, changed)
            self._shown[name] = known
            return known

    def frozen_study(self, study_id: int) -> FrozenStudy:
        """Return a study without its trials.

        Raises:
            KeyError: There is no study with this id.
        """
        study = self._store.study(self.get_study_name_from_id(study_id))
        return OptunaExport.of(study).frozen_study(study_id)

    def get_all_studies(self) -> list[FrozenStudy]:
        """Return all studies of the store, without their trials."""
        return [self.frozen_study(place) for place in range(1, len(self._store.studies()) + 1)]

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the place of a study in the store, from 1 on.

        Raises:
            KeyError: There is no study of that name.
        """
        names = self._store.studies()
        if study_name not in names:
            raise KeyError(f"the store has no study {study_name!r}; it has {names}")
        return names.index(study_name) + 1

    def get_study_name_from_id(self, study_id: int) -> str:
        """Return the name of a study.

        Raises:
            KeyError: There is no study with this id.
        """
        names = self._store.studies()
        if not 1 <= study_id <= len(names):
            raise KeyError(f"the store has no study {study_id}; it has {len(names)}, from 1 on")
        return names[study_id - 1]

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the direction of each objective."""
        return list(self.frozen_study(study_id).directions)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return references, constraints and what intermediate values are, in words."""
        return self.frozen_study(study_id).user_attrs

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the objectives' names."""
        return self.frozen_study(study_id).system_attrs

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial.

        Raises:
            KeyError: There is none with this id.
        """
        study_id, number = divmod(trial_id, TRIALS_OF_STUDY)
        found = self.shown(study_id).frozen
        if number not in found:
            raise KeyError(f"study {study_id} has no trial {number}")
        return copy.deepcopy(found[number])

    @override
    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials of a study by number."""
        found = [
            trial
            for trial in self.shown(study_id).frozen.values()
            if states is None or trial.state in states
        ]
        return copy.deepcopy(found) if deepcopy else found

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the best feasible trial of a study with one objective.

        Raises:
            RuntimeError: It has several.
            ValueError: No feasible trial has completed.
        """
        shown = self.shown(study_id)
        if len(shown.export.study.objectives) > 1:
            raise RuntimeError("a best trial needs a study with one objective")
        front = shown.front()
        if not front:
            raise ValueError("no feasible trial has completed")
        return front[0]

    def _refuse(self, *_: object, **__: object) -> Never:
        raise StoreError(
            "moopt's studies can be read as Optuna's and not written; search them with `moopt run`"
        )

    create_new_study = delete_study = create_new_trial = _refuse
    set_study_user_attr = set_study_system_attr = _refuse
    set_trial_param = set_trial_state_values = set_trial_intermediate_value = _refuse
    set_trial_user_attr = set_trial_system_attr = _refuse
