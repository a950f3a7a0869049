"""How to make the models of a front again: the command, and all that goes into them."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from moopt.reports.sheet import html_table
from moopt.reports.tables import point_to_json
from moopt.study.trials import Trial

MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Source:
    """Where a study lies, as commands name it."""

    study: str
    """A study file, or the name of a study in the store."""

    store: str = ""
    """Empty: the usual one."""

    writes_models: bool = True
    """The study file defines `export`."""

    def export_command(self, trial: Trial) -> str:
        """Return the command that writes the model of a trial to a folder."""
        words = ["moopt", "export", self.study, "--trial", str(trial.number)]
        words += ["--store", self.store] if self.store else []
        return shlex.join([*words, "--to", f"models/trial-{trial.number}"])


def making_again(trials: Sequence[Trial], source: Source) -> str:
    """Return an HTML table with the command and the parameters of each trial.

    Args:
        trials: Of the front, in the order of the rows; of many only the first are there.
        source: How commands name the study.
    """
    rows = []
    for trial in trials[:MOST_ROWS]:
        # Every digit: the parameters are what makes the model, not what is read.
        recipe = json.dumps(point_to_json(trial)["parameters"], ensure_ascii=False)
        command = f"<code>{escape(source.export_command(trial))}</code>"
        cell = f'<td class="message">{command}</td>' if source.writes_models else ""
        rows.append(
            f'<tr><th scope="row">{trial.number}</th>{cell}'
            f'<td class="message"><code>{escape(recipe)}</code></td><td>{trial.seed}</td></tr>'
        )
    head = ["<th>trial</th>"]
    head += ['<th class="text">command</th>'] if source.writes_models else []
    head += ['<th class="text">parameters</th>', "<th>seed</th>"]
    return html_table(head, rows)
