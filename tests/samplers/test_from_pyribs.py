from collections.abc import Callable

import numpy as np
import pytest

from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.errors import SelectionError
from moopt.front.archive import archive_of
from moopt.front.features import Feature
from moopt.optimizer import Optimizer
from moopt.samplers.from_pyribs import MapElitesSampler, grid_of
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.samplers.registry import sampler_named
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Categorical, Continuous, Parameters
from moopt.study.study import Study
from moopt.study.trials import Measurement, Trial, TrialState

STUDY = Study(
    "plane",
    parameters=[
        Continuous("x", 0, 1),
        Continuous("y", 0, 1),
        Categorical("kind", ["p", "q", "r"]),
    ],
    objectives=[Objective("score", Maximize), Objective("cost", Minimize)],
)
FEATURES = (Feature("x", cells=4), Feature("cost", cells=3, low=0.0, high=1.0))


def measure(parameters: Parameters) -> dict[str, float]:
    bonus = {"p": 0.0, "q": 0.1, "r": 0.2}[parameters["kind"]]
    return {"score": 1 - (parameters["y"] - 0.5) ** 2 + bonus, "cost": parameters["y"] ** 2}


def history(count: int) -> list[Trial]:
    points = [each.parameters for each in QuasiRandomSampler().propose(STUDY, [], count, 0)]
    return [
        Trial(
            number,
            point,
            state=TrialState.COMPLETED,
            measurements={name: Measurement(value) for name, value in measure(point).items()},
        )
        for number, point in enumerate(points)
    ]


def test_the_archive_is_that_of_pyribs() -> None:
    trials = history(60)
    archive = archive_of(STUDY, trials, FEATURES, "score")
    box = SearchBox(SpaceEncoding.of(STUDY))

    grid = grid_of(box, archive, seed=0)

    cells = grid.int_to_grid_index(grid.data("index")).tolist()
    theirs = dict(zip(map(tuple, cells), grid.data("objective"), strict=True))
    ours = {cell: quality for cell, (_, quality) in archive.elites.items()}
    assert ours.keys() == theirs.keys()
    assert [theirs[cell] for cell in ours] == pytest.approx(list(ours.values()))


def test_children_are_near_elites_of_all_kinds() -> None:
    trials = history(40)
    elites = [each for each, _ in archive_of(STUDY, trials, FEATURES, "score").elites.values()]

    sampler = MapElitesSampler(FEATURES, "score", spread=0.05)
    children = sampler.propose(STUDY, trials, 12, 0)

    assert {each.sampler for each in children} == {"map_elites"}
    places = np.array([[each.parameters["x"], each.parameters["y"]] for each in elites])
    for each in children:
        apart = np.abs(places - [each.parameters["x"], each.parameters["y"]]).max(axis=1)
        assert apart.min() < 0.3
    assert {min(int(each.parameters["x"] * 4), 3) for each in children} == {0, 1, 2, 3}


def test_at_first_the_space_is_covered() -> None:
    (first,) = MapElitesSampler().propose(STUDY, history(19), 1, 0)
    (later,) = MapElitesSampler().propose(STUDY, history(20), 1, 0)

    assert (first.sampler, later.sampler) == ("sobol", "map_elites")


def test_more_kinds_are_found_and_better_ones_than_at_random() -> None:
    def worth(sampler: str) -> tuple[int, float]:
        optimizer = Optimizer(STUDY, sampler, seed=0)
        for trial in (optimizer.ask()[0] for _ in range(70)):
            optimizer.tell(trial.number, measure(trial.parameters))
        features = [Feature("x", cells=5), Feature("cost", cells=4, low=0.0, high=1.0)]
        elites = archive_of(optimizer.study, optimizer.trials, features, "score").elites
        scores = [trial.measurements["score"].mean for trial, _ in elites.values()]
        return len(scores), sum(scores)

    (kinds, total), (random_kinds, random_total) = (
        worth("map_elites:x:5,cost:4:0:1"),
        worth("random"),
    )

    assert kinds >= random_kinds
    assert total > random_total


def test_names_say_the_features() -> None:
    assert sampler_named("map_elites:rank:4,latency_ms:10:0:50") == MapElitesSampler(
        (Feature("rank", cells=4), Feature("latency_ms", cells=10, low=0.0, high=50.0))
    )
    assert sampler_named("map_elites") == MapElitesSampler()


def test_what_is_not_of_the_study_is_refused_before_the_first_trial() -> None:
    with pytest.raises(SelectionError, match="no feature 'size'"):
        MapElitesSampler((Feature("size"),)).propose(STUDY, [], 1, 0)
    with pytest.raises(SelectionError, match="quality 'x' is no objective"):
        MapElitesSampler(quality="x").propose(STUDY, [], 1, 0)
    with pytest.raises(SelectionError, match="at least 2 trials, got 1"):
        MapElitesSampler(population=1)


def test_a_missing_package_is_named_with_how_to_install_it(hide: Callable[[str], None]) -> None:
    hide("pyribs")
    hide("ribs")

    with pytest.raises(
        SelectionError, match=r"'map_elites' needs .* ribs.*'moopt\[illumination\]'"
    ):
        sampler_named("map_elites")
