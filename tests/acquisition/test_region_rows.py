from dataclasses import replace

import torch

from moopt.acquisition.region_rows import relative_widths, rows_in_region
from moopt.encoding.search_box import SearchBox
from moopt.encoding.space import SpaceEncoding
from moopt.study.objectives import LinearConstraint, Maximize, Objective
from moopt.study.parameters import Categorical, Continuous, Integer
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.surrogates.outcomes import learn_outcomes
from tests.surrogates.made_kernels import uniform
from tests.surrogates.made_outcomes import data_of, outcomes_of

MIXED = Study(
    "mixed",
    parameters=[
        Continuous("x", 0, 1),
        Continuous("y", 0, 1),
        Integer("n", 1, 4),
        Categorical("kind", ["p", "q", "r"]),
        Simplex("mix", ["u", "v", "w"], max_nonzero=2),
    ],
    objectives=[Objective("a", Maximize)],
    linear_constraints=[LinearConstraint({"x": 1, "y": 1}, at_most=1.2)],
)


def plain(columns: int) -> SearchBox:
    return SearchBox(data_of(1, columns=columns)[0])


def test_rows_lie_in_the_region_of_their_centre_and_differ_from_it() -> None:
    box, centre = plain(60), uniform(1, 60, seed=2)
    widths = torch.linspace(0.1, 0.4, 60, dtype=torch.float64)

    rows = rows_in_region(box, centre, widths, 200, seed=0)

    away = (rows - centre).abs()
    assert (away <= widths / 2 + 1e-12).all()
    assert (away.amax(dim=1) > 0).all()
    # Forty columns are changed at most on average, one at least.
    assert 10 < (away > 0).sum(dim=1).double().mean() < 40


def test_half_of_the_rows_begin_at_the_first_centre() -> None:
    box, centres = plain(4), uniform(3, 4, seed=2)
    widths = torch.full((4,), 1e-6, dtype=torch.float64)

    rows = rows_in_region(box, centres, widths, 600, seed=0)

    nearest = torch.cdist(rows, centres).argmin(dim=1)
    shares = nearest.bincount() / len(rows)
    assert torch.allclose(shares, torch.tensor([2 / 3, 1 / 6, 1 / 6]), atol=0.06)


def test_rows_are_valid_in_every_kind_of_space() -> None:
    encoding = SpaceEncoding.of(MIXED)
    box = SearchBox(encoding)
    centre = box.to_points(box.sobol(1, seed=3))

    rows = rows_in_region(box, centre, torch.full((box.width,), 0.2).double(), 64, seed=0)

    points = box.to_points(rows)
    again = encoding.encode_all([encoding.decode(point) for point in points])
    assert torch.allclose(points, again, atol=1e-9)
    kinds = {str(encoding.decode(point)["kind"]) for point in points}
    assert kinds == {"p", "q", "r"}


def test_a_region_is_wider_where_outcomes_are_smoother() -> None:
    encoding, data = data_of(1, columns=3, count=40, noise=1e-3)
    steep = (data.points[:, :1] - 0.4).square() + 0.1 * (data.points[:, 1:2] - 0.2).square()
    outcomes = learn_outcomes(encoding, replace(data, outcomes=-steep), "rbf")

    widths = relative_widths(SearchBox(encoding), outcomes)

    assert widths[0] < widths[1] < widths[2]
    assert abs(float(widths.log().mean())) < 1e-9


def test_without_lengthscales_all_columns_are_as_wide() -> None:
    box = SearchBox(SpaceEncoding.of(MIXED))

    assert (relative_widths(box, outcomes_of(2)) == 1).all()
