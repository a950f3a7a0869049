"""Stock BoTorch as its multi-objective tutorials have it: one GP per outcome, qLogNEHVI.

Ten restarts from 512 raw samples, 128 posterior samples, a first design of 2 (d + 1) Sobol points,
baseline pruned. Inputs lie in the unit cube; choices are categorical columns of `MixedSingleTaskGP`
and whole numbers discrete ones, searched by `optimize_acqf_mixed_alternating`. Simplexes: a column
for each part and an equality constraint; linear constraints likewise, but for
equalities of whole numbers, which it does not take: there the nearest valid point is tried.
Conditional parameters are flat ones, neutral where they do not count. Limits are modelled outcomes
with constraint functions. Standard errors, where all are known, are the noise. It has no notion of
failures: such trials are left out.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, final

import torch
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.exceptions.errors import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models.gp_regression import SingleTaskGP
from botorch.models.gp_regression_mixed import MixedSingleTaskGP
from botorch.models.model_list_gp_regression import ModelListGP
from botorch.models.transforms.outcome import Standardize
from botorch.optim.initializers import gen_batch_initial_conditions
from botorch.optim.optimize import optimize_acqf
from botorch.optim.optimize_mixed import optimize_acqf_mixed_alternating
from botorch.sampling.normal import SobolQMCNormalSampler
from botorch.utils.multi_objective.hypervolume import infer_reference_point
from botorch.utils.multi_objective.pareto import is_non_dominated
from gpytorch.mlls import SumMarginalLogLikelihood
from jaxtyping import Float
from torch import Tensor
from torch.quasirandom import SobolEngine

from moopt.acquisition.fused_kernel import prepare_fused_kernel
from moopt.benchmarks.peer_columns import Columns
from moopt.benchmarks.peer_outcomes import Proposals, measured, standard_errors
from moopt.benchmarks.peer_space import FlatSpace, Weights
from moopt.benchmarks.problem import Found
from moopt.errors import SelectionError
from moopt.study.parameters import Parameters
from moopt.study.study import Study

RESTARTS = 10
RAW_SAMPLES = 512
POSTERIOR_SAMPLES = 128
OPTIONS: dict[str, Any] = {"batch_limit": 5, "maxiter": 200}
"""All four as in BoTorch's tutorial on several objectives."""

SPRAY = 20
"""Points around the front among those at which a search of mixed columns may start."""

SMALLEST_VARIANCE = 1e-8
"""Of known noise, as a share of an outcome's variance: a smaller one breaks the arithmetic."""


@dataclass(slots=True)
class _Known:
    """What was measured: points, outcomes and their standard errors, NaN where there is none."""

    points: list[list[float]] = field(default_factory=list)
    outcomes: list[list[float]] = field(default_factory=list)
    errors: list[list[float]] = field(default_factory=list)


@final
class BotorchSearch:
    """Proposes where qLogNEHVI is largest."""

    def __init__(
        self, study: Study, seed: int, *, initial_trials: int | None = None, front: bool = False
    ) -> None:
        """Start with no trials.

        Args:
            study: What to search.
            seed: Of all its randomness.
            initial_trials: Sobol points before the first model. None: 2 (d + 1).
            front: Let the search of the acquisition function start around the front too.

        Raises:
            SelectionError: The study has one objective, which has no hypervolume to improve.
        """
        if len(study.objectives) < 2:
            raise SelectionError(
                f"qLogNEHVI needs two objectives or more, study {study.name!r} has one; choose "
                "another peer"
            )
        self._study, self._seed, self._front = study, seed, front
        self._space = FlatSpace.of(study, Weights.ALL)
        self._columns = Columns(self._space)
        self._uniform = FlatSpace.of(study, Weights.LOGARITHMS)
        self._sobol = SobolEngine(len(self._uniform.axes), scramble=True, seed=seed)
        width = len(self._space.axes)
        self._initial = 2 * (width + 1) if initial_trials is None else initial_trials
        self._known, self._begun, self._asked = _Known(), 0, 0
        self._proposals: Proposals[list[float]] = Proposals()
        objectives = [each.name for each in study.objectives]
        limited = [each.name for each in study.outcome_constraints]
        self._names = list(dict.fromkeys([*objectives, *limited]))
        self._signs = {each.name: each.direction.sign for each in study.objectives}

    def attach(self, parameters: Parameters, outcome: Found) -> None:
        """Learn from a trial that somebody else proposed."""
        self._begun += 1
        self._learn(self._columns.encode(parameters), parameters, outcome)

    def ask(self) -> Parameters:
        """Propose a trial."""
        with _reproducible(self._seed * 1_000_003 + self._asked):
            parameters = None
            if self._begun >= self._initial and len(self._known.points) > 1:
                parameters = self._by_model()
            if parameters is None:
                uniform = self._sobol.draw(1, dtype=torch.float64)[0]
                parameters = Columns(self._uniform).spread(uniform)
        self._begun, self._asked = self._begun + 1, self._asked + 1
        return self._proposals.add(parameters, self._columns.encode(parameters))

    def tell(self, number: int, outcome: Found) -> None:
        """Learn what came of a trial, by how many were asked for before it."""
        parameters, row = self._proposals.take(number)
        self._learn(row, parameters, outcome)

    def _learn(self, row: list[float], parameters: Parameters, outcome: Found) -> None:
        found = measured(self._study, parameters, outcome)
        if not found:
            return
        errors = standard_errors(self._study, found)
        self._known.points.append(row)
        self._known.outcomes.append(
            [
                self._signs.get(name, 1.0) * found[name].mean if name in found else torch.nan
                for name in self._names
            ]
        )
        known = [errors.get(name) for name in self._names]
        self._known.errors.append([torch.nan if each is None else each for each in known])

    def _by_model(self) -> Parameters | None:
        """Return where the acquisition function is largest; None where no model fits."""
        points = torch.tensor(self._known.points, dtype=torch.float64)
        outcomes = torch.tensor(self._known.outcomes, dtype=torch.float64)
        errors = torch.tensor(self._known.errors, dtype=torch.float64)
        if (~outcomes.isnan()).sum(dim=0).min() < 2:
            return None
        model = ModelListGP(
            *(
                _gaussian_process(points, outcomes[:, [each]], errors[:, [each]], self._columns)
                for each in range(len(self._names))
            )
        )
        try:
            fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        except ModelFittingError:
            return None
        count = len(self._study.objectives)
        pending = self._proposals.handles
        prepare_fused_kernel()
        acquisition = qLogNoisyExpectedHypervolumeImprovement(
            model=model,
            ref_point=self._reference(outcomes[:, :count]),
            X_baseline=points,
            sampler=SobolQMCNormalSampler(torch.Size([POSTERIOR_SAMPLES]), seed=self._seed),
            objective=IdentityMCMultiOutputObjective(outcomes=list(range(count))),
            constraints=self._constraints() or None,
            X_pending=torch.tensor(pending, dtype=torch.float64) if pending else None,
            prune_baseline=True,
        )
        return self._columns.decode(self._largest(acquisition, points, outcomes[:, :count]))

    def _largest(
        self,
        acquisition: qLogNoisyExpectedHypervolumeImprovement,
        points: Float[Tensor, "n d"],
        objectives: Float[Tensor, "n m"],
    ) -> Float[Tensor, " d"]:
        columns = self._columns
        limits: dict[str, Any] = {
            "inequality_constraints": columns.inequalities or None,
            "equality_constraints": columns.equalities or None,
        }
        size: dict[str, Any] = {"q": 1, "num_restarts": RESTARTS, "raw_samples": RAW_SAMPLES}
        if columns.discrete or columns.choices:
            found, _ = optimize_acqf_mixed_alternating(
                acquisition,
                bounds=columns.bounds,
                discrete_dims=columns.discrete,
                cat_dims=columns.choices,
                options={"num_spray_points": SPRAY} if self._front else {},
                **size,
                **limits,
            )
            return found[0]
        start, options = None, dict(OPTIONS)
        if self._front and not (columns.inequalities or columns.equalities):
            options["sample_around_best"] = True
        elif self._front:
            whole = ~objectives.isnan().any(dim=1)
            best = points[whole][is_non_dominated(objectives[whole])][:, None]
            start = torch.cat(
                [
                    gen_batch_initial_conditions(
                        acquisition, bounds=columns.bounds, options=OPTIONS, **size, **limits
                    ),
                    best,
                ]
            )
        found, _ = optimize_acqf(
            acquisition,
            bounds=columns.bounds,
            options=options,
            batch_initial_conditions=start,
            sequential=start is None,
            **size,
            **limits,
        )
        return found[0]

    def _reference(self, objectives: Float[Tensor, "n m"]) -> Float[Tensor, " m"]:
        """Return the study's references; those it does not give are inferred as BoTorch does."""
        whole = objectives[~objectives.isnan().any(dim=1)]
        found = infer_reference_point(whole[is_non_dominated(whole)])
        for place, each in enumerate(self._study.objectives):
            if each.reference is not None:
                found[place] = each.direction.sign * each.reference
        return found

    def _constraints(self) -> list[Callable[[Tensor], Tensor]]:
        """Return functions of posterior samples that are at most 0 where a limit holds."""
        found: list[Callable[[Tensor], Tensor]] = []
        for each in self._study.outcome_constraints:
            place, sign = self._names.index(each.name), self._signs.get(each.name, 1.0)
            if each.at_most is not None:
                found.append(_excess(place, sign, each.at_most))
            if each.at_least is not None:
                found.append(_excess(place, -sign, -each.at_least))
        return found


def from_the_front(study: Study, seed: int, *, initial_trials: int | None = None) -> BotorchSearch:
    """Return a search whose acquisition function is searched around the front too.

    By `sample_around_best`, and among mixed columns by spray points, as BoTorch documents it; where
    there are constraints the points of the front themselves are further starts.
    """
    return BotorchSearch(study, seed, initial_trials=initial_trials, front=True)


def _excess(place: int, sign: float, bound: float) -> Callable[[Tensor], Tensor]:
    return lambda samples: sign * samples[..., place] - bound


def _gaussian_process(
    points: Float[Tensor, "n d"],
    outcome: Float[Tensor, "n 1"],
    error: Float[Tensor, "n 1"],
    columns: Columns,
) -> SingleTaskGP:
    there = ~outcome[:, 0].isnan()
    x, y, sem = points[there], outcome[there], error[there]
    variance = None
    if not sem.isnan().any():
        variance = (sem**2).clamp_min(SMALLEST_VARIANCE * float(y.var().clamp_min(1e-12)))
    if columns.choices:
        return MixedSingleTaskGP(
            x,
            y,
            cat_dims=list(columns.choices),
            train_Yvar=variance,
            outcome_transform=Standardize(1),
        )
    return SingleTaskGP(x, y, train_Yvar=variance, outcome_transform=Standardize(1))


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Draw what BoTorch draws from a stream of its own, and keep its warnings to itself."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        yield
