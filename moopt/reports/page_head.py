"""The head of the HTML page: what was asked, what was searched, what it took, how far it came."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import assert_never

from moopt.front.front import Front
from moopt.reports.best import best_value_text, has_one_objective, numbers_text
from moopt.reports.formatting import ABSENT, duration_text, quantity_text
from moopt.reports.page_tables import objectives_table
from moopt.reports.sheet import html_table
from moopt.study.costs import spent
from moopt.study.objectives import LinearConstraint
from moopt.study.parameters import Categorical, Continuous, Integer, Parameter
from moopt.study.simplex import Simplex
from moopt.study.study import Study
from moopt.study.trials import ENDED_STATES, Trial, TrialState

Fact = tuple[str, str, str]
"""What, how much, and a note."""


def page_head(
    front: Front, trials: Sequence[Trial], question: str, inferred: Collection[str], given: Study
) -> str:
    """Return the head of the page as HTML.

    Args:
        front: With references.
        trials: In any state.
        question: What the study asks.
        inferred: Objectives whose reference the user did not give.
        given: The study as it was given, in which references may be missing.
    """
    cells = "\n".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd></div>"
        for name, value, note in facts_of(front, trials)
    )
    asked = f'<p class="question">{escape(question)}</p>' if question else ""
    origins = _origins(given, inferred)
    return f"""<header>
<h1>{escape(front.study.name)}</h1>
{asked}
<dl class="facts">
{cells}
</dl>
{objectives_table(front, origins)}
</header>"""


def facts_of(front: Front, trials: Sequence[Trial]) -> list[Fact]:
    """Return how many trials there are, how far they came and what they took."""
    counts = Counter(trial.state for trial in trials)
    states = ", ".join(f"{counts[state]} {state.value}" for state in TrialState if counts[state])
    return [("trials", str(len(trials)), states), *_reached(front), *_taken(front.study, trials)]


def space_table(study: Study) -> str:
    """Return what was searched as an HTML table."""
    rows = [
        f'<tr><th scope="row">{escape(each.name)}</th>'
        f'<td class="text">{escape(_kind(each))}</td>'
        f'<td class="text message">{escape(_range(each))}</td>'
        f'<td class="text">{escape(_condition(each))}</td></tr>'
        for each in study.parameters
    ]
    if study.fidelity is not None:
        span = f"{study.fidelity.low:g} to {study.fidelity.high:g}"
        rows.append(
            f'<tr><th scope="row">{escape(study.fidelity.name)}</th><td class="text">fidelity</td>'
            f'<td class="text">{span}</td><td></td></tr>'
        )
    rows += [
        f'<tr><th scope="row">{escape(_sum(each))}</th><td class="text">linear constraint</td>'
        f'<td class="text">{escape(_limits(each))}</td><td></td></tr>'
        for each in study.linear_constraints
    ]
    head = ["parameter", "kind", "values", "only when"]
    return html_table([f'<th class="text">{each}</th>' for each in head], rows)


def _origins(study: Study, inferred: Collection[str]) -> Mapping[str, str]:
    """Return for each objective where its reference comes from."""
    return {
        objective.name: "inferred"
        if objective.reference is None or objective.name in inferred
        else "given"
        for objective in study.objectives
    }


def _reached(front: Front) -> list[Fact]:
    if has_one_objective(front.study):
        if not front.trials:
            return []
        name = front.study.objectives[0].name
        return [(f"best {name}", best_value_text(front), numbers_text(front.trials))]
    facts = [("on the front", str(len(front.trials)), "no other trial beats them")]
    if front.trials:
        volume = f"{front.hypervolume():.5g}"
        facts += [
            ("hypervolume", volume, "from the reference point below"),
            ("knee", f"trial {front.knee().number}", "gives up least for what it gains"),
        ]
    return facts


def _taken(study: Study, trials: Sequence[Trial]) -> list[Fact]:
    """Return what the search took: time, worker time, time of GPUs, and cost."""
    facts: list[Fact] = []
    begun = [trial.started.timestamp() for trial in trials if trial.started is not None]
    ended = [trial.ended.timestamp() for trial in trials if trial.ended is not None]
    if begun and ended:
        facts.append(("time", duration_text(max(ended) - min(begun)), "first start to last end"))
    used = [trial.usage for trial in trials if trial.usage is not None]
    if used:
        busy = sum(each.wall_seconds for each in used)
        hosts = quantity_text(len({(each.host, each.device) for each in used}), "device")
        facts.append(("of evaluation", duration_text(busy), f"all workers, on {hosts}"))
    gpu = sum(each.gpu_seconds for each in used)
    if gpu:
        facts.append(("of GPUs", duration_text(gpu), "shares of one counted as shares"))
    if study.fidelity is not None:
        cost = spent(study, trials, ENDED_STATES)
        facts.append(("cost", f"{cost:.4g}", "in whole evaluations"))
    return facts


def _kind(parameter: Parameter) -> str:
    match parameter:
        case Continuous(log=log):
            return "continuous, log scale" if log else "continuous"
        case Integer(log=log):
            return "whole number, log scale" if log else "whole number"
        case Categorical(ordered=ordered):
            return "ordered choice" if ordered else "choice"
        case Simplex():
            return "weights that sum to 1"
        case never:
            assert_never(never)


def _range(parameter: Parameter) -> str:
    match parameter:
        case Continuous(low=low, high=high):
            return f"{low:g} to {high:g}"
        case Integer(low=low, high=high, step=step):
            return f"{low} to {high}" + (f" in steps of {step}" if step != 1 else "")
        case Categorical(choices=choices):
            return ", ".join(str(choice) for choice in choices)
        case Simplex(parts=parts):
            text = ", ".join(parts)
            most = f"; at most {parameter.usable} above 0"
            return text + (most if parameter.usable < len(parts) else "")
        case never:
            assert_never(never)


def _condition(parameter: Parameter) -> str:
    if parameter.when is None:
        return ABSENT
    values = " or ".join(str(value) for value in parameter.when.allowed)
    return f"{parameter.when.name} is {values}"


def _sum(constraint: LinearConstraint) -> str:
    return " + ".join(f"{weight:g} {name}" for name, weight in constraint.coefficients.items())


def _limits(constraint: LinearConstraint) -> str:
    low = "" if constraint.at_least is None else f"at least {constraint.at_least:g}"
    high = "" if constraint.at_most is None else f"at most {constraint.at_most:g}"
    return " and ".join(each for each in (low, high) if each)
