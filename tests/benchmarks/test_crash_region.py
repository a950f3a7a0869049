import pytest

from moopt.benchmarks.crash_region import main


@pytest.mark.slow
def test_the_command_prints_a_row_for_each_seed_and_their_mean(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Set here, so that what the command sets is undone.
    monkeypatch.setenv("MOOPT_BENCHMARK_REGION", "edge")

    main(["--regions", "band", "--sampler", "sobol", "--trials", "12", "--seeds", "1"])

    head, row, average = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["region", "seed", "failed"]
    assert row.split()[:2] == ["band", "0"]
    # Sobol puts about 30 % of its points into the region.
    assert 1 <= int(row.split()[2]) <= 6
    assert 0.5 < float(row.split()[4]) <= 1.0
    assert average.startswith("band: ")
