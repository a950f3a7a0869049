"""Real small trainings: which model, with which settings, on which features, of real data.

The space is conditional: every kind of model has parameters of its own. Measured are the loss, in
cross-validation with folds that stay the same, against the numbers that the trained model holds,
which are counted, not timed. So equal parameters give equal measurements, on any machine.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest, f_classif, f_regression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from moopt.benchmarks.problem import Problem, Score, minimizing, remembered
from moopt.study.conditions import When
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter, Parameters

FOLDS = 3
LARGEST = 4.0
"""Reference of the size: more than ten thousand numbers are of no interest."""

CHECKPOINTS = (20, 40, 80)
DIGITS = 600
"""Images of digits, of 1,797, so that a training takes a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Data:
    """What is to be told from what."""

    inputs: Float[np.ndarray, "n d"]
    targets: Float[np.ndarray, "n c"]
    """One for the true class, or one number with mean 0 and variance 1."""

    @property
    def is_classes(self) -> bool:
        """Whether classes are told, not a number."""
        return bool(self.targets.shape[1] > 1)


def pipeline_breast_cancer() -> Problem:
    """Return two classes of tumours, of 30 measures of 569 images."""
    models = ("linear", "forest", "boosting", "network")
    return _problem("pipeline_breast_cancer", _classes(load_breast_cancer), models)


def pipeline_wine() -> Problem:
    """Return three classes of wine, of 13 measures of 178 bottles."""
    models = ("linear", "forest", "boosting", "neighbours")
    return _problem("pipeline_wine", _classes(load_wine), models)


def pipeline_digits() -> Problem:
    """Return ten digits, of 64 pixels of 600 images."""
    data = _classes(load_digits)
    chosen = np.random.default_rng(0).permutation(len(data.inputs))[:DIGITS]
    models = ("linear", "forest", "neighbours", "network")
    return _problem("pipeline_digits", Data(data.inputs[chosen], data.targets[chosen]), models)


def pipeline_diabetes() -> Problem:
    """Return how a disease goes on after a year, from 10 measures of 442 patients."""
    inputs, targets = load_diabetes(return_X_y=True)
    scaled = (targets - targets.mean()) / targets.std()
    models = ("linear", "forest", "boosting", "network")
    return _problem("pipeline_diabetes", Data(inputs, scaled[:, None]), models, worst=0.7)


def space(features: int, models: Sequence[str]) -> list[Parameter]:
    """Return the parameters of a pipeline, each kind of model with its own."""
    own: dict[str, list[Parameter]] = {
        "linear": [Continuous("strength", 1e-4, 1e3, log=True, when=When("model", "linear"))],
        "forest": [
            Integer("forest_trees", 1, 24, log=True, when=When("model", "forest")),
            Integer("forest_depth", 1, 12, when=When("model", "forest")),
            Integer("forest_leaf", 1, 20, log=True, when=When("model", "forest")),
            Continuous("forest_columns", 0.1, 1.0, when=When("model", "forest")),
        ],
        "boosting": [
            Integer("boosting_trees", 1, 20, log=True, when=When("model", "boosting")),
            Integer("boosting_depth", 1, 4, when=When("model", "boosting")),
            Continuous("boosting_rate", 0.03, 1.0, log=True, when=When("model", "boosting")),
        ],
        "network": [
            Integer("units", 2, 48, log=True, when=When("model", "network")),
            Continuous("decay", 1e-4, 1e2, log=True, when=When("model", "network")),
            Categorical("activation", ["relu", "tanh"], when=When("model", "network")),
        ],
        "neighbours": [
            Integer("neighbours", 1, 32, log=True, when=When("model", "neighbours")),
            Categorical("weights", ["uniform", "distance"], when=When("model", "neighbours")),
        ],
    }
    return [
        Integer("features", 1, features, log=True),
        Categorical("scaled", [True, False]),
        Categorical("model", list(models)),
        *(parameter for model in models for parameter in own[model]),
    ]


def trained_loss_and_size(data: Data, parameters: Parameters) -> tuple[float, float]:
    """Return the mean squared error on the folds left out, and the numbers that a model holds.

    Of classes it is that of all probabilities together, the score of Brier.

    Source: Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather
    Review 78 (1950).
    """
    labels = data.targets.argmax(axis=1) if data.is_classes else data.targets[:, 0]
    losses, sizes = [], []
    for known, left_out in KFold(FOLDS, shuffle=True, random_state=0).split(data.inputs):
        chosen = SelectKBest(
            f_classif if data.is_classes else f_regression, k=parameters["features"]
        )
        scaler = [StandardScaler()] if parameters["scaled"] else []
        model = _model(data, parameters)
        pipeline = make_pipeline(*scaler, chosen, model)
        with warnings.catch_warnings():
            # Iterations are limited on purpose, and some pixels are the same in every image.
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", message="Features .* are constant")
            warnings.filterwarnings("ignore", message="invalid value encountered in divide")
            pipeline.fit(data.inputs[known], labels[known])
        if data.is_classes:
            predicted = pipeline.predict_proba(data.inputs[left_out])
        else:
            predicted = pipeline.predict(data.inputs[left_out])[:, None]
        losses.append(float(((predicted - data.targets[left_out]) ** 2).sum(axis=1).mean()))
        sizes.append(_SIZES[parameters["model"]](model))
    return float(np.mean(losses)), float(np.mean(sizes))


def _problem(name: str, data: Data, models: Sequence[str], *, worst: float = 0.5) -> Problem:
    def true_values(parameters: Parameters) -> Mapping[str, float]:
        loss, size = trained_loss_and_size(data, parameters)
        return {"loss": loss, "log10_size": math.log10(size)}

    # Whoever always says how often each class occurs, or the mean, has this loss.
    at_rest = float(data.targets.var(axis=0).sum())
    references = {"loss": worst * at_rest, "log10_size": LARGEST}
    return Problem(
        minimizing(name, space(data.inputs.shape[1], models), references),
        remembered(true_values),
        true_best=None,
        checkpoints=CHECKPOINTS,
        score=Score.HYPERVOLUME,
    )


def _classes(load: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Data:
    inputs, labels = load(return_X_y=True)
    return Data(inputs, np.eye(labels.max() + 1)[labels])


def _model(data: Data, given: Parameters) -> object:
    """Return a model to be trained, with the same random numbers at every call."""
    classes = data.is_classes
    match given["model"]:
        case "linear":
            if not classes:
                return Ridge(alpha=1 / given["strength"])
            return LogisticRegression(C=given["strength"], max_iter=100)
        case "forest":
            return (RandomForestClassifier if classes else RandomForestRegressor)(
                n_estimators=given["forest_trees"],
                max_depth=given["forest_depth"],
                min_samples_leaf=given["forest_leaf"],
                max_features=given["forest_columns"],
                random_state=0,
            )
        case "boosting":
            return (GradientBoostingClassifier if classes else GradientBoostingRegressor)(
                n_estimators=given["boosting_trees"],
                max_depth=given["boosting_depth"],
                learning_rate=given["boosting_rate"],
                random_state=0,
            )
        case "network":
            return (MLPClassifier if classes else MLPRegressor)(
                hidden_layer_sizes=(given["units"],),
                activation=given["activation"],
                alpha=given["decay"],
                solver="lbfgs",
                max_iter=40,
                random_state=0,
            )
        case _:
            return (KNeighborsClassifier if classes else KNeighborsRegressor)(
                given["neighbours"], weights=given["weights"]
            )


_SIZES: Mapping[str, Callable[..., int]] = {
    "linear": lambda model: model.coef_.size + np.size(model.intercept_),
    "forest": lambda model: sum(
        # Of a node: the feature, the threshold, and a value for each class.
        tree.tree_.node_count * (2 + tree.tree_.value[0].size)
        for tree in model.estimators_
    ),
    "boosting": lambda model: sum(tree.tree_.node_count * 3 for tree in model.estimators_.ravel()),
    "network": lambda model: sum(each.size for each in (*model.coefs_, *model.intercepts_)),
    "neighbours": lambda model: model.n_samples_fit_ * (model.n_features_in_ + 1),
}
"""Numbers that a trained model holds, by kind."""
