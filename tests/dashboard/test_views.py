"""What tabs show, asked of the functions behind them."""

from dataclasses import replace

from moopt.benchmarks.made_trials import tuning_study, tuning_trials, wide_study, wide_trials
from moopt.dashboard.axes import axes_of
from moopt.dashboard.front_figures import Look
from moopt.dashboard.front_tab import LINES, MATRIX, PROGRESS, front_figure, hidden_fields
from moopt.dashboard.live import snapshot_of
from moopt.dashboard.many_figures import lines_figure
from moopt.dashboard.marks import LOWER, STOPPED, groups_of
from moopt.dashboard.pick_tab import pressed_number, trial_options
from moopt.dashboard.pick_view import pick_figure
from moopt.dashboard.picking import Choice
from moopt.dashboard.trial_rows import columns_of
from moopt.dashboard.trials_tab import is_hiding_alike
from moopt.study.study import Study
from moopt.study.trials import TrialState

SNAPSHOT = snapshot_of(tuning_study(), tuning_trials(30))
NO_AXES = (None, None, None)


def test_the_view_of_one_objective_has_no_control_that_does_nothing() -> None:
    assert hidden_fields(PROGRESS) == (True, True, True, True, True)
    assert hidden_fields(LINES)[3:] == (False, False)


def test_an_outcome_with_an_upper_limit_only_is_best_at_the_bottom() -> None:
    toxicity = next(axis for axis in axes_of(SNAPSHOT.study) if axis.name == "toxicity")
    shown = [t for group in groups_of(SNAPSHOT) for t in group.trials if t.measurements]
    least = min(shown, key=lambda each: each.measurements["toxicity"].mean)

    figure = lines_figure(SNAPSHOT, Look((toxicity, toxicity)))

    heights = {
        number: y
        for trace in figure.data
        for number, y in zip(trace.customdata, trace.y, strict=True)
        if y is not None
    }
    assert heights[least.number] == 1.0


def test_the_matrix_is_cut_and_the_lines_are_not() -> None:
    many = snapshot_of(wide_study(11), wide_trials(11, 6))

    lines = front_figure(many, view=LINES, axes=NO_AXES)
    matrix = front_figure(many, view=MATRIX, axes=NO_AXES)

    assert len(lines.layout.xaxis.tickvals) == 11
    assert len(matrix.data[0].dimensions) == 9


def test_a_chosen_trial_that_left_the_front_stays_among_the_options() -> None:
    on_front = {trial.number for trial in SNAPSHOT.front.trials}
    gone = next(t.number for t in SNAPSHOT.trials if t.number not in on_front)

    assert trial_options(SNAPSHOT, gone)[-1] == {
        "label": f"trial {gone}, no longer on the front",
        "value": gone,
    }
    assert len(trial_options(SNAPSHOT, None)) == len(on_front)


def test_only_a_point_of_a_trial_can_be_pressed() -> None:
    assert pressed_number({"points": [{"customdata": 3}]}) == 3
    assert pressed_number({"points": [{"x": 1.0}]}) is None
    assert pressed_number(None) is None


def test_a_completed_trial_without_a_place_has_a_lower_fidelity_and_was_not_stopped() -> None:
    trial = next(t for t in SNAPSHOT.trials if t.state is TrialState.COMPLETED)
    low = replace(trial, number=90, measurements={})
    stopped = replace(low, number=91, state=TrialState.STOPPED)

    found = {g.label: g.trials for g in groups_of(snapshot_of(tuning_study(), [low, stopped]))}

    assert [each.number for each in found[LOWER]] == [90]
    assert [each.number for each in found[STOPPED]] == [91]


def test_columns_of_standard_errors_appear_with_the_first_of_them() -> None:
    empty = columns_of(snapshot_of(tuning_study(), []))
    full = columns_of(SNAPSHOT)

    assert [each["field"] for each in empty] == [each["field"] for each in full]
    assert next(each for each in empty if each["field"] == "sem0")["hide"]
    assert not next(each for each in full if each["field"] == "sem0")["hide"]
    assert not is_hiding_alike(empty, full)
    assert is_hiding_alike(full, columns_of(SNAPSHOT))


def test_the_axis_beside_one_objective_has_a_place_for_every_trial() -> None:
    study = tuning_study()
    parameters = [each for each in study.parameters if each.name != "mixture"]
    one = Study("one", parameters=parameters, objectives=[study.objectives[0]])
    trials = [
        replace(t, measurements={"accuracy": t.measurements["accuracy"]})
        for t in SNAPSHOT.trials
        if "accuracy" in t.measurements
    ]
    snapshot = snapshot_of(one, trials)

    figure = pick_figure(snapshot, Choice(snapshot.front.trials[0]))

    assert figure.layout.xaxis.title.text == "optimizer"
