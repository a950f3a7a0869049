"""What stands in a candidate's notes: words for people, and what a sampler wants to find again.

A name with a colon is the sampler's own business; everything else is shown.
"""

from moopt.study.trials import Trial

CHOICE = "choice"
"""Which sampler was chosen, and why, in words."""


def told_by_sampler(trial: Trial) -> str:
    """Return who proposed a trial and what it wrote for people to read, in one line."""
    shown = {name: text for name, text in trial.notes.items() if ":" not in name}
    first = shown.pop(CHOICE, trial.sampler)
    return "; ".join([first, *(f"{name}: {text}" for name, text in shown.items())])
