import pytest
import torch

from moopt.benchmarks.contexts import Folds, main
from tests.surrogates.made_kernels import uniform


def test_folds_share_what_matters_and_the_best_mean_is_not_beaten_by_random_candidates() -> None:
    folds = Folds.of(0)
    points = uniform(500, 3)

    low, high = folds.ends()

    values = folds.values(points)
    assert float(values.mean()) == pytest.approx(low, abs=0.15)
    assert float(values.mean(dim=1).max()) <= high + 1e-6
    assert float(torch.corrcoef(values.mT).min()) > 0.5
    assert len(set(values.argmax(dim=0).tolist())) > 1
    assert torch.equal(Folds.of(0).values(points), values)


def test_ways_are_compared_at_equal_cost(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--seeds", "1", "--measurements", "15", "--ways", "one at a time,all at once"])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("15 measurements")
    assert [line[:30].strip() for line in lines[2:]] == ["one at a time", "all at once"]
    assert all(float(line.split()[-1]) <= 1.01 for line in lines[2:])


@pytest.mark.parametrize("wrong", [["--ways", "none"], ["--measurements", "14"], ["--seeds", "0"]])
def test_what_cannot_be_compared_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(wrong)
