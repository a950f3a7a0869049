from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from moopt.benchmarks.ahead import Play, Setting, main
from moopt.benchmarks.problems import problem_named
from moopt.samplers.quasi_random import QuasiRandomSampler
from moopt.study.study import Study
from moopt.study.trials import Candidate, Trial, TrialState

SETTING = Setting(workers=2, trials=6, span="2", proposal=1.0, stock=0)


@dataclass
class ModellingSampler:
    """Takes the time of a model, and remembers how many trials were pending."""

    pending: list[int] = field(default_factory=list)

    def propose(
        self, study: Study, trials: Sequence[Trial], count: int, seed: int
    ) -> list[Candidate]:
        unended = {TrialState.PROPOSED, TrialState.RUNNING}
        self.pending.append(sum(trial.state in unended for trial in trials))
        made = QuasiRandomSampler().propose(study, trials, count, seed)
        return [replace(each, sampler="bayesian") for each in made]


def busy(stock: int, sampler: ModellingSampler) -> float:
    problem = problem_named("branin_currin")
    return Play(problem, sampler, replace(SETTING, stock=stock), 0).run().busy


def test_without_a_stock_each_trial_waits_for_its_proposal() -> None:
    sampler = ModellingSampler()

    # Two workers start at 1, 2, 4, 5, 7 and 8 s, each after a trial of 2 s and a proposal of 1 s.
    assert busy(0, sampler) == pytest.approx((4 * 2 + 1) / 16)
    assert sampler.pending == [0, 1, 1, 1, 1, 1]


def test_with_a_stock_of_one_only_the_first_trials_wait() -> None:
    sampler = ModellingSampler()

    # They start at 1, 2, 3, 4, 5 and 6 s.
    assert busy(1, sampler) == pytest.approx((4 * 2 + 1) / 12)
    assert sampler.pending == [0, 1, 2, 2, 2, 2]


@pytest.mark.slow
def test_the_command_prints_a_row_for_each_stock(capsys: pytest.CaptureFixture[str]) -> None:
    size = ["--trials", "8", "--seeds", "1", "--workers", "2", "--proposal", "cpu"]

    main(["--problems", "branin_currin", "--stocks", "0,auto", *size])

    title, head, *rows = capsys.readouterr().out.strip().splitlines()
    assert title.startswith("branin_currin: log10 of the gap")
    assert head.split()[:4] == ["stock", "median", "mean", "busy"]
    assert [row.split()[0] for row in rows] == ["0", "auto"]
    assert rows[0].endswith("0 of 1")
