"""Several processes and one record."""

import subprocess
import sys
from dataclasses import replace

from moopt.store.drivers import Watch, is_gone, new_driver
from moopt.store.store import Store
from moopt.study.trials import Candidate, TrialState
from tests.store.test_store import STUDY

ADD_TRIALS = """
import sys
from moopt.store.store import Store
from moopt.study.trials import Candidate
from tests.store.test_store import STUDY

with Store(sys.argv[1]) as store:
    store.register(STUDY)
    for index in range(25):
        trial = store.add("spam", Candidate({"rate": index}, sampler=sys.argv[2]), 0)
        store.start("spam", trial.number, driver=sys.argv[2])
        store.complete("spam", trial.number, {})
"""

TAKE_A_TRIAL = """
import sys
from moopt.store.drivers import new_driver
from moopt.store.store import Store

with Store(sys.argv[1]) as store:
    driver = new_driver()
    store.drivers.enter(driver, "spam", workers=1)
    store.start("spam", 0, driver=driver.name)
"""


def test_processes_that_add_at_once_never_share_a_number(store_url: str) -> None:
    command = [sys.executable, "-c", ADD_TRIALS, store_url]
    processes = [subprocess.Popen([*command, name]) for name in ("a", "b", "c")]

    assert [process.wait(60) for process in processes] == [0, 0, 0]
    with Store(store_url) as store:
        trials = store.trials("spam")
    assert [trial.number for trial in trials] == list(range(75))
    assert sorted(trial.sampler for trial in trials) == ["a"] * 25 + ["b"] * 25 + ["c"] * 25
    assert {trial.state for trial in trials} == {TrialState.COMPLETED}


def test_the_trials_of_a_dead_process_of_this_host_are_reclaimed_at_once(store_url: str) -> None:
    with Store(store_url) as store:
        store.register(STUDY)
        store.add("spam", Candidate({"rate": 0.5}), 0)
        subprocess.run([sys.executable, "-c", TAKE_A_TRIAL, store_url], check=True)
        assert store.trials("spam")[0].state is TrialState.RUNNING

        assert store.reclaim("spam", Watch()) == [0]


def test_a_living_process_is_not_gone() -> None:
    assert not is_gone(new_driver())


def test_nothing_is_known_of_other_hosts() -> None:
    assert not is_gone(replace(new_driver(), machine="far-away", process=1))
