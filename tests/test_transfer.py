"""Runs that learn from earlier studies, and go on later."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from moopt.errors import SelectionError, StudyError
from moopt.loop import optimize
from moopt.samplers.auto import AutoSampler
from moopt.store.store import Store
from moopt.study.evaluation import Context
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Continuous
from moopt.study.source import Source
from moopt.study.study import Study
from moopt.study.trials import Trial

EARLIER = Study(
    "earlier",
    parameters=[Continuous("x", 0.0, 1.0), Continuous("y", 0.0, 1.0)],
    objectives=[
        Objective("gain", Maximize, reference=0.0),
        Objective("cost", Minimize, reference=2.0),
    ],
)
STUDY = replace(EARLIER, name="now")


def evaluate(trial: Trial, context: Context) -> dict[str, float]:
    del context
    x, away = trial.parameters["x"], (trial.parameters["y"] - 0.3) ** 2
    return {"gain": x - away, "cost": x**2 + away + 0.1}


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = "sqlite://" if request.param == "memory" else request.getfixturevalue("postgres_url")
    with Store(url) as opened:
        optimize(
            EARLIER, evaluate, trials=8, sampler="sobol", store=opened, directory=tmp_path / "runs"
        )
        yield opened


def test_a_run_that_goes_on_proposes_what_one_without_a_break_does(
    store: Store, tmp_path: Path
) -> None:
    source = store.source("earlier")
    whole = replace(STUDY, name="whole")
    search = partial(
        optimize, evaluate=evaluate, sampler=AutoSampler(budget=8), store=store, directory=tmp_path
    )
    search(whole, trials=8, transfer_from=[source])

    search(STUDY, trials=6, transfer_from=["earlier"])
    # What the earlier study finds meanwhile changes nothing.
    optimize(EARLIER, evaluate, trials=9, sampler="sobol", store=store, directory=tmp_path)
    search(STUDY, trials=8)

    at_once, with_break = store.trials("whole"), store.trials("now")
    assert [each.parameters for each in with_break] == [each.parameters for each in at_once]
    assert [each.sampler for each in with_break][0::7] == ["transfer", "bayesian"]
    assert len(store.sources("now")[0].trials) == 8


def test_a_sampler_that_cannot_learn_from_others_goes_on_without(tmp_path: Path) -> None:
    with Store("sqlite://") as store:
        store.register(STUDY)
        store.keep_sources("now", [Source(EARLIER, [])])

        run = optimize(STUDY, evaluate, trials=2, sampler="sobol", store=store, directory=tmp_path)

    assert len(run.front.trials) > 0


def test_nothing_is_kept_of_sources_that_cannot_be_used(tmp_path: Path) -> None:
    other = Source(replace(EARLIER, parameters=[Continuous("rate", 0.0, 1.0)]), [])
    with Store("sqlite://") as store:
        with pytest.raises(SelectionError, match="does not learn from earlier studies"):
            optimize(STUDY, evaluate, trials=2, sampler="sobol", store=store, transfer_from=[other])
        with pytest.raises(StudyError, match="which shares no parameter with it"):
            optimize(STUDY, evaluate, trials=2, store=store, transfer_from=[other])
        with pytest.raises(SelectionError, match="the store has no study 'before'"):
            optimize(STUDY, evaluate, trials=2, store=store, transfer_from=["before"])
        with pytest.raises(SelectionError, match="learns from its own trials anyway"):
            optimize(STUDY, evaluate, trials=2, store=store, transfer_from=["now"])

        assert store.sources("now") == ()
    assert list(tmp_path.iterdir()) == []
