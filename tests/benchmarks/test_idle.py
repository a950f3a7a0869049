import pytest

from moopt.benchmarks.idle import Idle, main


def test_a_worker_that_waits_as_long_as_it_evaluates_is_busy_half_of_the_time() -> None:
    assert Idle(waits=(0.1, 0.3), seconds=0.2).busy == pytest.approx(0.5)


@pytest.mark.slow
def test_the_command_prints_a_row_for_each_sampler(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Set here, so that what the command sets is undone.
    monkeypatch.setenv("MOOPT_BENCHMARK_SECONDS", "0")

    main(["--samplers", "sobol,random", "--seconds", "0.1", "--trials", "18"])

    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["sampler", "trial", "s"]
    assert [row.split()[:2] for row in rows] == [["sobol", "0.1"], ["random", "0.1"]]
    assert all(float(row.split()[2]) >= 0.0 for row in rows)
