from moopt.front.front import front_of
from moopt.reports.front_plots import lines_figure, plane_figure, steps
from moopt.reports.points import Role, hover_text, points_of
from moopt.reports.search_plots import held_out_figure, parameter_figures
from tests.reports.made_trials import (
    completed,
    crashed,
    front_of_three,
    many_objectives,
    spread,
    two_objectives,
)


def test_every_measured_trial_has_one_role() -> None:
    points = points_of(front_of(two_objectives(), front_of_three()), front_of_three())

    numbers = {role: [trial.number for trial in trials] for role, trials in points.roles.items()}
    assert numbers == {
        Role.DOMINATED: [3],
        Role.INFEASIBLE: [4],
        Role.FRONT: [0, 2],
        Role.KNEE: [1],
    }


def test_the_front_is_sorted_by_its_first_objective() -> None:
    points = points_of(front_of(two_objectives(), front_of_three()), front_of_three())

    assert [trial.number for trial in points.front] == [0, 1, 2]


def test_the_staircase_runs_from_the_reference_point_around_the_dominated_region() -> None:
    study = two_objectives()
    accuracy, latency = study.objectives
    trials = [completed(0, 0.9, 40.0), completed(1, 0.6, 10.0), completed(2, 0.4, 1.0)]

    corners = steps(trials, (accuracy, latency))

    # By hand; trial 2 is worse than the reference in accuracy.
    assert corners == [
        (0.5, 50.0),
        (0.5, 10.0),
        (0.6, 10.0),
        (0.6, 40.0),
        (0.9, 40.0),
        (0.9, 50.0),
        (0.5, 50.0),
    ]


def test_a_front_that_does_not_reach_the_reference_point_has_no_staircase() -> None:
    accuracy, latency = two_objectives().objectives

    assert steps([completed(0, 0.4, 60.0)], (accuracy, latency)) == []


def test_the_plane_shows_standard_errors_of_the_front() -> None:
    points = points_of(front_of(two_objectives(), front_of_three()), front_of_three())

    drawn = {trace.name: trace for trace in plane_figure(points).data}

    assert list(drawn["front"].error_x.array) == [0.01, 0.01]
    assert list(drawn["front"].error_y.array) == [0.5, 0.5]
    assert drawn["dominated"].error_x.array is None
    assert (drawn["reference point"].x[0], drawn["reference point"].y[0]) == (0.5, 50.0)


def test_parallel_coordinates_put_the_best_value_on_top() -> None:
    study = many_objectives(4)
    trials = spread(study, 7)
    points = points_of(front_of(study, trials), trials)

    heights = [list(trace.y) for trace in lines_figure(points).data]

    assert len(heights) == 7
    assert max(height[0] for height in heights) == 1.0
    assert min(height[0] for height in heights) == 0.0


def test_a_front_without_held_out_measurements_has_no_figure_of_them() -> None:
    study = many_objectives(3)
    trials = spread(study, 5)

    assert held_out_figure(points_of(front_of(study, trials), trials)) is None


def test_parameters_are_drawn_in_grids_of_a_few_columns() -> None:
    points = points_of(front_of(two_objectives(), front_of_three()), front_of_three())

    (figure,) = parameter_figures(points)

    # rate, optimizer, momentum (inactive everywhere), mixture.news, mixture.mail
    assert figure.layout.xaxis.type == "log"
    assert list(figure.layout.xaxis7.ticktext) == ["adamw", "&lt;b&gt;sgd&lt;/b&gt;"]


def test_hover_text_escapes_what_users_wrote() -> None:
    trial = crashed(0)
    shown = hover_text(
        type(trial)(0, {"optimizer": "<img src=x>"}, sampler="<i>mine</i>", state=trial.state)
    )

    assert "<img" not in shown
    assert "<i>" not in shown
