import pytest

from moopt.benchmarks.idle import Idle, Job, main


def test_the_time_of_workers_is_evaluating_messages_or_waiting() -> None:
    # One worker: an evaluation of 2 s recorded after 3 s, 1 s of waiting, another start, the end.
    jobs = (Job(0.0, 3.0, 2.0), Job(4.0, 7.0, 3.0))

    found = Idle(jobs, workers=1, start_up=0.0, cpu_seconds=0.0)

    assert (found.busy, found.messages, found.waiting) == pytest.approx((0.5, 0.25, 0.25))


def test_until_the_end_the_tail_counts() -> None:
    jobs = (Job(0.0, 2.0, 2.0), Job(0.0, 4.0, 4.0))

    found = Idle(jobs, workers=2, start_up=0.0, cpu_seconds=0.0)

    assert (found.seconds, found.ideal_seconds, found.busy_to_the_end) == (4.0, 3.0, 0.75)


@pytest.mark.slow
def test_the_command_prints_a_row_for_each_sampler(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Set here, so that what the command sets is undone.
    monkeypatch.setenv("MOOPT_BENCHMARK_SECONDS", "0")
    options = ["--samplers", "sobol,random", "--seconds", "0.1-0.2", "--workers", "2"]

    main([*options, "--trials", "18"])

    _, head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["executor", "sampler", "seed", "busy"]
    assert [row.split()[:3] for row in rows] == [["local", "sobol", "0"], ["local", "random", "0"]]
    shares = [float(cell.rstrip("%")) for cell in rows[0].split()[3:6]]
    assert sum(shares) == pytest.approx(100.0, abs=0.2)
