"""Any sampler of Optuna: the trials become an Optuna study in memory, which is asked and forgotten.

What an Optuna sampler writes down for itself, such as the generation of a trial, travels in the
candidate's notes under keys with a colon.
"""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import optuna
import torch
from jaxtyping import Float
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState as OptunaState
from optuna.trial import create_trial
from torch import Tensor

from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.errors import SelectionError
from moopt.front.values import measured_trials
from moopt.samplers.history import key, tried_parameters, whole_fidelity
from moopt.samplers.optuna_parameters import Told, suggested, told
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.conditions import Choice
from moopt.study.parameters import Value
from moopt.study.study import Study
from moopt.study.trials import Candidate, FailureKind, Trial, TrialState
from moopt.study.validation import is_active, parents_first

ATTEMPTS = 4
"""How often Optuna is asked for each candidate before untried points take the place of repeats."""

OF_TRIAL = "optuna:"
OF_STUDY = "optuna-study:"
"""Notes with this prefix restore what a sampler wrote down in the study, not in a trial."""


@dataclass(frozen=True, slots=True)
class OptunaSampler:
    """Asks a sampler of Optuna.

    Raises:
        SelectionError: Optuna has no sampler of that name, or it needs more than a seed.
    """

    name: str = "tpe"
    """A class of `optuna.samplers`, or `tpe`: the TPESampler that samples parameters together."""

    def __post_init__(self) -> None:
        with _quiet():
            _optuna_sampler(self.name, seed=0, conditional=False)

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        """Return what Optuna suggests, and untried points where it only repeats itself.

        Raises:
            SelectionError: This sampler cannot search such a study, or needs another package.
        """
        box = SearchBox(SpaceEncoding.of(study))
        label = self.name if self.name == "tpe" else f"optuna:{self.name}"
        conditional = any(parameter.when is not None for parameter in study.parameters)
        optuna_seed = (seed * 1_000_003 + len(trials)) % 2**32
        seen = {key(parameters) for parameters in tried_parameters(trials)}
        chosen: list[Candidate] = []
        with _quiet():
            sampler = _optuna_sampler(self.name, seed=optuna_seed, conditional=conditional)
            asked = _Replayed.of(study, box, trials, sampler)
            for _ in range(ATTEMPTS * count):
                if len(chosen) == count:
                    break
                try:
                    parameters, notes = asked.ask()
                except ValueError as error:
                    raise SelectionError(
                        f"the sampler {label!r} cannot search study {study.name!r}: {error}"
                    ) from error
                except ModuleNotFoundError as error:
                    raise SelectionError(
                        f"the sampler {label!r} needs the package {error.name}, which is not "
                        f"installed; pip install {error.name}"
                    ) from error
                if key(parameters) not in seen:
                    seen.add(key(parameters))
                    fidelity = whole_fidelity(study)
                    chosen.append(
                        Candidate(parameters, fidelity=fidelity, sampler=label, notes=notes)
                    )
        if len(chosen) < count:
            others = QuasiRandomSampler().propose(study, trials, count, seed)
            chosen += [each for each in others if key(each.parameters) not in seen]
        return chosen[:count]


@dataclass(frozen=True, slots=True)
class _Replayed:
    """An Optuna study that knows our trials."""

    study: Study
    box: SearchBox
    storage: InMemoryStorage
    asked: optuna.Study

    @classmethod
    def of(
        cls, study: Study, box: SearchBox, trials: Sequence[Trial], sampler: BaseSampler
    ) -> "_Replayed":
        """Tell a new Optuna study everything that is known."""
        storage = InMemoryStorage()
        asked = optuna.create_study(
            storage=storage,
            sampler=sampler,
            directions=[StudyDirection[each.direction.name] for each in study.objectives],
        )
        replayed = cls(study, box, storage, asked)
        measured = {trial.number for trial in measured_trials(study, trials)}
        rows = box.from_points(box.encoding.encode_all([trial.parameters for trial in trials]))
        for trial, row in zip(trials, rows, strict=True):
            state = _state(study, trial, measured=trial.number in measured)
            if state is not None:
                replayed.tell(trial, state, row)
        return replayed

    def tell(self, trial: Trial, state: OptunaState, row: Float[Tensor, " k"]) -> None:
        """Add a trial, given where it lies in the box."""
        known: Told = {}
        columns = self._columns()
        # Samplers that walk a tree of parameters need them in the order in which they are asked.
        for parameter in parents_first(self.study.parameters):
            if parameter.name in trial.parameters:
                value, shown = trial.parameters[parameter.name], row[columns[parameter.name]]
                known |= told(parameter, value, shown.tolist())
        complete = state is OptunaState.COMPLETE
        means = {name: measured.mean for name, measured in trial.measurements.items()}
        self.asked.add_trial(
            create_trial(
                state=state,
                params={name: value for name, (value, _) in known.items()},
                distributions={name: distribution for name, (_, distribution) in known.items()},
                system_attrs=_noted(trial, OF_TRIAL),
                values=[means[each.name] for each in self.study.objectives] if complete else None,
                constraints=_excess(self.study, means) if complete else None,
            )
        )
        for name, count in _noted(trial, OF_STUDY).items():
            self.storage.set_study_system_attr(
                self._study_id, name, max(count, self._counts().get(name, count))
            )

    def ask(self) -> tuple[dict[str, Value], dict[str, str]]:
        """Return parameters, and what the sampler wrote down. Optuna takes them as running."""
        trial = self.asked.ask()
        row = torch.full((self.box.width,), 0.5, dtype=torch.float64)
        columns = self._columns()
        values: dict[str, Choice] = {}
        for parameter in parents_first(self.study.parameters):
            if is_active(parameter, values):
                value, shown = suggested(trial, parameter)
                row[columns[parameter.name]] = row.new_tensor(shown)
                if value is not None:
                    values[parameter.name] = value
        point = self.box.to_points(self.box.snap(row[None]))[0]
        written = self.asked.get_trials(deepcopy=False)[trial.number].system_attrs
        # What is still to be suggested is of no use once everything was.
        kept = {name: each for name, each in written.items() if "relative_params" not in name}
        notes = {f"{OF_TRIAL}{name}": json.dumps(each) for name, each in kept.items()}
        notes |= {f"{OF_STUDY}{name}": json.dumps(each) for name, each in self._counts().items()}
        return self.box.encoding.decode(point), notes

    @property
    def _study_id(self) -> int:
        return self.storage.get_study_id_from_name(self.asked.study_name)

    def _counts(self) -> dict[str, int]:
        """Return the numbers of the study, such as how far a sequence has come.

        Whatever else samplers keep there names trials by their place in this study.
        """
        written = self.storage.get_study_system_attrs(self._study_id)
        return {name: each for name, each in written.items() if isinstance(each, int)}

    def _columns(self) -> dict[str, slice]:
        """Return where each parameter is in the box."""
        starts = self.box.starts()
        ends = [*starts[1:], self.box.width]
        blocks = self.box.encoding.blocks
        return {
            block.parameter.name: slice(start, end)
            for block, start, end in zip(blocks, starts, ends, strict=True)
        }


def _state(study: Study, trial: Trial, *, measured: bool) -> OptunaState | None:
    """Return what a trial is to Optuna; None for one that tells nothing.

    Optuna knows no trial with a part of its measurements: it counts as failed.
    """
    match trial.state:
        case TrialState.PROPOSED | TrialState.RUNNING:
            return OptunaState.RUNNING
        case TrialState.CANCELLED:
            return None
        case TrialState.COMPLETED if measured and all(
            each.name in trial.measurements for each in study.outcome_constraints
        ):
            return OptunaState.COMPLETE
    if trial.failure is not None and trial.failure.kind in (
        FailureKind.INFRASTRUCTURE,
        FailureKind.EVALUATOR,
    ):
        return None
    return OptunaState.FAIL


def _excess(study: Study, means: Mapping[str, float]) -> dict[str, float]:
    """Return by how much each limit is exceeded; at most 0 where it holds."""
    excess: dict[str, float] = {}
    for each in study.outcome_constraints:
        if each.at_most is not None:
            excess[f"{each.name} at_most"] = means[each.name] - each.at_most
        if each.at_least is not None:
            excess[f"{each.name} at_least"] = each.at_least - means[each.name]
    return excess


def _noted(trial: Trial, prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): json.loads(text)
        for name, text in trial.notes.items()
        if name.startswith(prefix)
    }


def _optuna_sampler(name: str, *, seed: int, conditional: bool) -> BaseSampler:
    if name == "tpe":
        return TPESampler(multivariate=True, group=conditional, seed=seed)
    kind = getattr(optuna.samplers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, BaseSampler)):
        names = [name for name in optuna.samplers.__all__ if not name.startswith("Base")]
        raise SelectionError(f"Optuna has no sampler {name!r}; choose from {names}")
    make: Callable[..., BaseSampler] = kind
    try:
        return make(seed=seed)
    except TypeError as error:
        raise SelectionError(
            f"Optuna's {name} needs more than a seed ({error}); make an Optuna study of your own "
            "for it, or choose another sampler"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Optuna logs and warns of to itself: it speaks of our calls, not of the study."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)
