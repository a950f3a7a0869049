import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from moopt.encoding.enumeration import all_parameters
from moopt.errors import SelectionError
from moopt.samplers.choices import ChoiceSpace
from moopt.samplers.history import key
from moopt.study.conditions import When
from moopt.study.parameters import Categorical, Continuous, Parameter
from moopt.study.study import Study
from moopt.study.validation import check_parameters
from tests.samplers.choice_studies import OBJECTIVES, choice_studies

ANY = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def study(*parameters: Parameter) -> Study:
    return Study("choices", parameters=list(parameters), objectives=OBJECTIVES)


@ANY
@given(choice_studies())
def test_all_rows_are_all_parameters(drawn: Study) -> None:
    space = ChoiceSpace.of(drawn, "any")
    expected = all_parameters(drawn, 100_000)

    rows = space.everything(100_000)

    assert rows is not None
    assert expected is not None
    assert {key(space.values(row)) for row in rows} == {key(each) for each in expected}
    assert len(rows) == len(expected)


@ANY
@given(choice_studies())
def test_rows_and_parameters_are_each_others_inverse(drawn: Study) -> None:
    space = ChoiceSpace.of(drawn, "any")
    rows = space.drawn(20, np.random.default_rng(0))

    values = [space.values(row) for row in rows]

    assert np.array_equal(space.rows(values), rows)
    for each in values:
        check_parameters(drawn.parameters, [], each, "drawn")


@ANY
@given(choice_studies())
def test_neighbours_are_valid_and_differ(drawn: Study) -> None:
    space = ChoiceSpace.of(drawn, "any")
    row = space.drawn(1, np.random.default_rng(0))

    neighbours = space.neighbours(row)

    for each in neighbours:
        check_parameters(drawn.parameters, [], space.values(each), "neighbour")
    assert not (neighbours == row).all(axis=1).any()


def test_neighbours_without_conditions_are_all_rows_at_one_choice() -> None:
    space = ChoiceSpace.of(study(*(Categorical(f"c{k}", ["p", "q", "r"]) for k in range(3))), "any")
    rows = space.everything(27)
    assert rows is not None

    neighbours = space.neighbours(rows[5:6])

    expected = rows[(rows != rows[5]).sum(axis=1) == 1]
    assert np.array_equal(neighbours, expected)


def test_what_becomes_active_takes_its_first_choice() -> None:
    parameters = [Categorical("c", ["p", "q"]), Categorical("d", [4, 5], when=When("c", "q"))]
    space = ChoiceSpace.of(study(*parameters), "any")

    neighbours = space.neighbours(space.rows([{"c": "p"}]))

    assert [space.values(row) for row in neighbours] == [{"c": "q", "d": 4}]


def test_a_large_space_is_not_listed() -> None:
    space = ChoiceSpace.of(study(*(Categorical(f"c{k}", ["p", "q"]) for k in range(8))), "any")

    assert space.everything(255) is None


def test_other_parameters_are_refused_by_name() -> None:
    with pytest.raises(SelectionError, match=r"sampler 'any'.*has \['rate'\]; choose 'auto'"):
        ChoiceSpace.of(study(Categorical("c", ["p", "q"]), Continuous("rate", 0, 1)), "any")
