import pytest

from moopt.benchmarks import ray_overhead

SMALL = ("--workers", "1", "--trials", "5", "--repeats", "1", "--seconds", "0.05", "--search", "4")


def test_executors_are_printed_side_by_side(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOOPT_BENCHMARK_SECONDS", "0")

    ray_overhead.main([*SMALL, "--executors", "local,local"])

    head, start_up, round_trip, together, busy = capsys.readouterr().out.splitlines()
    assert head.split() == ["local", "local"]
    assert start_up.startswith("start-up, s ")
    assert 0.0 < float(round_trip.split()[-1]) < 1000.0
    assert float(together.split()[-1]) > 1.0
    assert busy.endswith("%")
