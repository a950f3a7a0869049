import pytest
import torch

from moopt.benchmarks.draws import Kernel
from moopt.benchmarks.gradients import Function, main


def test_slopes_are_those_of_the_function_but_for_their_errors() -> None:
    function = Function(Kernel.RBF, 2, 0)
    points, _, slopes = function.measured(200)
    step = 1e-3 * torch.eye(2, dtype=torch.float64)

    true = torch.stack([Function(Kernel.RBF, 2, 0).at(points + each) for each in step])
    below = torch.stack([Function(Kernel.RBF, 2, 0).at(points - each) for each in step])

    away = slopes - ((true - below) / 2e-3).mT
    assert 0.02 < float(away.std() / slopes.std()) < 0.1


def test_gradients_tell_more_than_values_alone(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--seeds", "1", "--inputs", "2"])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [line[:3] for line in lines] == [
        [kernel, "2", points] for kernel in ("matern", "rbf") for points in ("3", "4")
    ]
    errors = [[float(each) for each in line[3:]] for line in lines]
    assert sum(row[1] for row in errors) < sum(row[0] for row in errors)
    with pytest.raises(SystemExit):
        main(["--seeds", "0"])
