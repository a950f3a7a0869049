import warnings

import pytest
import torch
from linear_operator.utils.warnings import NumericalWarning

from moopt.surrogates.reproducible import reproducible


def test_equal_seeds_draw_equally_and_the_stream_outside_goes_on() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    drawn = []

    before = torch.rand(1)
    with reproducible(7):
        drawn.append(torch.rand(3))
    with reproducible(7):
        drawn.append(torch.rand(3))
    after = torch.rand(1)

    assert torch.equal(*drawn)
    assert torch.equal(torch.cat([before, after]), expected)


def test_the_number_of_threads_comes_back_even_after_an_error() -> None:
    before = torch.get_num_threads()

    with reproducible(0, threads=before + 1):
        inside = torch.get_num_threads()
    with pytest.raises(KeyError), reproducible(0, threads=before + 1):
        raise KeyError

    assert inside == before + 1
    assert torch.get_num_threads() == before


def test_repaired_matrices_are_not_worth_a_warning() -> None:
    with reproducible(0):
        warnings.warn("added jitter", NumericalWarning, stacklevel=1)
