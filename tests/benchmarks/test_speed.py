import numpy as np
import pytest

from moopt.benchmarks.batch_timing import Batch, made_batch
from moopt.benchmarks.speed import main
from moopt.benchmarks.synthetic import dtlz2
from moopt.benchmarks.timing import Case, known_points, timing
from moopt.front.dominance import is_nondominated
from moopt.study.trials import Failure


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_half_of_the_known_points_lie_near_the_front(objectives: int) -> None:
    problem = dtlz2(6, objectives)
    points = known_points(objectives, 40)

    told = [problem.true_values(each) for each in points]
    values = np.array([list(each.values()) for each in told if not isinstance(each, Failure)])

    # On the front of DTLZ2 the values have length 1.
    assert np.linalg.norm(values[20:], axis=1) == pytest.approx(np.ones(20), abs=0.02)
    assert np.linalg.norm(values[:20], axis=1).mean() > 1.1
    assert is_nondominated(-values)[20:].mean() > 0.5


def test_a_case_is_measured_from_the_first_proposal_on() -> None:
    measured = timing(Case("sobol", 2, 8, calls=3))

    assert measured.first > 0
    assert measured.further > 0
    assert measured.peak_mib is None or measured.peak_mib > 50


def test_known_points_have_as_many_parameters_as_are_asked_for() -> None:
    points = known_points(2, 10, dimension=30)

    assert {len(each) for each in points} == {30}


def test_a_batch_is_made_and_adds_to_the_hypervolume() -> None:
    made = {way: made_batch(Batch(way, 16, trials=40)) for way in ("in draws", "sobol")}

    assert made["in draws"].gain > made["sobol"].gain >= 0
    assert all(each.seconds > 0 for each in made.values())


@pytest.mark.slow
@pytest.mark.parametrize(("option", "rows"), [("--large", 1), ("--batches", 2)])
def test_large_studies_and_batches_have_tables(
    option: str, rows: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    main([option, "--quick"])

    assert len(capsys.readouterr().out.splitlines()) == 1 + rows


@pytest.mark.slow
def test_the_command_prints_a_row_for_each_case(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    main(["--quick", "--sampler", "sobol"])

    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["search", "objectives", "trials"]
    assert [row.split()[:3] for row in rows] == [["sobol", "2", "30"], ["sobol", "3", "30"]]


# Ax warns of what it calls itself, in Ax and in pandas.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
@pytest.mark.parametrize(("peer", "package"), [("optuna-gp", "optuna"), ("ax-client", "ax")])
def test_a_peer_is_timed_on_the_same_trials(peer: str, package: str) -> None:
    pytest.importorskip(package)

    measured = timing(Case(peer, 2, 12, calls=1))

    assert measured.first > 0
