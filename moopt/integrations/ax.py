"""moopt's search in Ax: a generation node for its `Client`.

The node keeps nothing: it reads study and trials from the experiment each time, so that a client
that was saved and loaded, or another process, goes on alike. Importing this module tells Ax how to
save the node as JSON and how to load it.
"""

import logging
from collections.abc import Sequence
from typing import Any

from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.types import TParameterization
from ax.exceptions.core import SearchSpaceExhausted
from ax.generation_strategy.external_generation_node import ExternalGenerationNode
from ax.generation_strategy.generation_strategy import GenerationStrategy
from ax.generation_strategy.transition_criterion import TransitionCriterion
from ax.storage.json_store.registry import CORE_DECODER_REGISTRY, CORE_ENCODER_REGISTRY

from moopt.errors import StudyError
from moopt.export.from_ax import AxReading, read_experiment
from moopt.front.reference_point import infer_references, is_settled
from moopt.samplers.history import key, whole_fidelity
from moopt.samplers.registry import sampler_named
from moopt.samplers.starting_points import announced, next_candidates
from moopt.study.study import Study
from moopt.study.trials import ENDED_STATES, Candidate, Trial, TrialState
from moopt.study.validation import check_parameters

_LOGGER = logging.getLogger(__name__)


class MooptNode(ExternalGenerationNode):
    """Proposes with one of moopt's samplers what an Ax experiment is to try next."""

    def __init__(
        self,
        sampler: str = "auto",
        seed: int = 0,
        *,
        name: str = "moopt",
        should_deduplicate: bool = True,
        transition_criteria: Sequence[TransitionCriterion] | None = None,
    ) -> None:
        """Take a sampler and a seed.

        Args:
            sampler: By the name that `moopt run --sampler` takes.
            seed: Equal experiments, seeds and data give equal candidates.
            name: Of the node.
            should_deduplicate: Whether Ax is to refuse what was tried before.
            transition_criteria: When another node goes on. None: never.

        Raises:
            SelectionError: There is no sampler of that name.
        """
        super().__init__(
            name=name,
            should_deduplicate=should_deduplicate,
            transition_criteria=transition_criteria,
        )
        self.sampler = sampler
        self.seed = seed
        self._search = sampler_named(sampler)
        self._read: AxReading | None = None
        self._study: Study | None = None

    def update_generator_state(self, experiment: Experiment, data: Data) -> None:
        """Read the experiment.

        Raises:
            StudyError: It has what a study does not.
        """
        self._read = read_experiment(experiment, data)
        for misfit in self._read.misfits:
            _LOGGER.warning("left out: %s", misfit)
        self._study = _with_references(self._read.study, self._read.trials)

    def get_next_candidate(self, pending_parameters: list[TParameterization]) -> TParameterization:
        """Return Ax's parameters of the next trial.

        Args:
            pending_parameters: Of what runs, and of what was proposed just now.

        Raises:
            SearchSpaceExhausted: Everything in the space was tried.
            StudyError: No experiment was read before.
        """
        if self._read is None or self._study is None:
            raise StudyError("the node has read no experiment; Ax calls update_generator_state")
        known = [*self._read.trials, *self._announced(self._study, pending_parameters)]
        found = next_candidates(self._search, self._study, known, 1, self.seed)
        if not found:
            raise SearchSpaceExhausted("every point of the search space was tried")
        fidelity = found[0].fidelity
        return self._read.space.to_ax(found[0].parameters, fidelity)

    def _announced(self, study: Study, pending: Sequence[TParameterization]) -> list[Trial]:
        """Return what is pending and no trial yet, as trials that were proposed."""
        if self._read is None:
            return []
        open_states = {TrialState.PROPOSED, TrialState.RUNNING}
        running = {
            key(trial.parameters) for trial in self._read.trials if trial.state in open_states
        }
        found: list[Trial] = []
        for values in pending:
            try:
                parameters = check_parameters(
                    study.parameters,
                    study.linear_constraints,
                    self._read.space.from_ax(values),
                    "what is pending in Ax",
                )
            except StudyError as error:
                _LOGGER.warning("left out: %s", error)
                continue
            if key(parameters) not in running:
                candidate = Candidate(parameters, fidelity=whole_fidelity(study), sampler="ax")
                found.append(announced(candidate))
        return found


def moopt_strategy(sampler: str = "auto", seed: int = 0) -> GenerationStrategy:
    """Return a generation strategy that searches with moopt from the first trial on.

    Args:
        sampler: By the name that `moopt run --sampler` takes.
        seed: Equal experiments, seeds and data give equal candidates.

    Raises:
        SelectionError: There is no sampler of that name.
    """
    return GenerationStrategy(name="moopt", nodes=[MooptNode(sampler, seed)])


def _with_references(study: Study, trials: Sequence[Trial]) -> Study:
    """Return the study with references inferred of the first trials that allow it.

    As those trials stay what they are, so do the references.
    """
    ended = [trial for trial in trials if trial.state in ENDED_STATES]
    ended.sort(key=lambda trial: (trial.ended is None, trial.ended, trial.number))
    for count in range(1, len(ended) + 1):
        if is_settled(study, ended[:count]):
            return study.with_references(infer_references(study, ended[:count]))
    return study


def _as_json(node: MooptNode) -> dict[str, Any]:
    return {
        "__type": MooptNode.__name__,
        "sampler": node.sampler,
        "seed": node.seed,
        "name": node.name,
        "should_deduplicate": node.should_deduplicate,
        "transition_criteria": node.transition_criteria,
    }


CORE_ENCODER_REGISTRY[MooptNode] = _as_json
CORE_DECODER_REGISTRY[MooptNode.__name__] = MooptNode
