"""Experts of one base model, fine-tuned once and kept in a cache folder.

The folder's name is a digest of everything that the experts depend on: the weights of the base, the
data and the settings. A change of any of them makes new experts, and equal ones are found again.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from moopt.training.fine_tune import Step, fine_tune
from moopt.training.folders import new_folder
from moopt.training.labelled_texts import read_split
from moopt.training.packaged_models import PackagedModel
from moopt.training.settings import FineTuning
from moopt.training.transformers_models import load_encoder, load_tokenizer, quiet

FORMAT = 1
"""To be raised when a change of the code makes other experts from equal arguments."""

Report = Callable[[str, float], None]
"""Takes what is being done and the share of all the work that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ExpertSet:
    """A base model, cut to its first layers, and an expert for each task."""

    base: PackagedModel
    layers: int
    """Layers of the base that are kept, the lowest ones."""

    tasks: Mapping[str, Path]
    """A table with the columns text, label and split for each expert, by its name."""

    settings: FineTuning

    @property
    def folder(self) -> Path:
        """Where base and experts are kept: below `MOOPT_CACHE`, or `~/.cache/moopt`."""
        root = Path(os.environ.get("MOOPT_CACHE") or Path.home() / ".cache" / "moopt")
        return root / f"experts-{self.digest()}"

    @property
    def base_folder(self) -> Path:
        """Folder of the cut base."""
        return self.folder / "base"

    @property
    def expert_folders(self) -> dict[str, Path]:
        """Folder of each expert."""
        return {name: self.folder / name for name in self.tasks}

    def digest(self) -> str:
        """Return 16 hexadecimal digits that tell this set from others."""
        tables = {
            name: hashlib.sha256(table.read_bytes()).hexdigest()
            for name, table in self.tasks.items()
        }
        identity = {
            "format": FORMAT,
            "base": self.base.sha256,
            "layers": self.layers,
            "tables": tables,
            "settings": asdict(self.settings),
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]

    def prepare(self, report: Report) -> None:
        """Make what is missing; return at once where everything is there.

        Args:
            report: Called at the start of each part and after each training step.
        """
        if not self.base_folder.is_dir():
            report("cutting the base model", 0.0)
            self._cut_base()
        for index, (name, folder) in enumerate(self.expert_folders.items()):
            if not folder.is_dir():
                self._train(name, folder, _share(report, index, len(self.tasks)))
        report("base model and experts are ready", 1.0)

    def _cut_base(self) -> None:
        source = self.base.locate()
        model = load_encoder(source, self.layers)
        tokenizer = load_tokenizer(source)
        with new_folder(self.base_folder) as unfinished, quiet():
            model.save_pretrained(unfinished)
            tokenizer.save_pretrained(unfinished)

    def _train(self, name: str, folder: Path, report: Report) -> None:
        report(f"fine-tuning the expert {name}: reading the data", 0.0)

        def on_step(step: Step) -> None:
            report(
                f"fine-tuning the expert {name}: step {step.done} of {step.total}, "
                f"loss {step.loss:.2f}",
                step.done / step.total,
            )

        fine_tune(
            self.base_folder,
            folder,
            train=read_split(self.tasks[name], "train"),
            validation=read_split(self.tasks[name], "validation"),
            settings=self.settings,
            on_step=on_step,
        )


def _share(report: Report, index: int, count: int) -> Report:
    """Return a report of one part of equal ones, in shares of the whole."""

    def within(message: str, done: float) -> None:
        report(message, (index + done) / count)

    return within
