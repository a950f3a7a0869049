"""Experts of one base model, fine-tuned once and kept in a cache folder.

The folder's name is a digest of everything that the experts depend on: the weights of the base, the
data and the settings. A change of any of them makes new experts, and equal ones are found again.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from moopt.training.expert_tuning import tune_expert
from moopt.training.folders import cache_root, new_folder
from moopt.training.gguf import SUFFIX, convert_gguf
from moopt.training.labelled_texts import read_split
from moopt.training.packaged_models import PackagedModel
from moopt.training.settings import FineTuning, LanguageTuning
from moopt.training.training_run import Step
from moopt.training.transformers_models import (
    load_encoder,
    load_language_model,
    load_tokenizer,
    save_model,
)

FORMAT = 1
"""To be raised when a change of the code makes other experts from equal arguments."""

Report = Callable[[str, float], None]
"""Takes what is being done and the share of all the work that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ExpertSet:
    """A base model and an expert for each task: a classifier, or a language model of a domain."""

    base: PackagedModel
    layers: int | None
    """Layers of the base that are kept, the lowest ones. None: all."""

    tasks: Mapping[str, Path]
    """A table with the columns text, label and split for each expert, by its name. A language
    model is tuned on the texts alone."""

    settings: FineTuning | LanguageTuning
    """Its type says what the experts are."""

    @property
    def folder(self) -> Path:
        """Where base and experts are kept: below `MOOPT_CACHE`, or `~/.cache/moopt`."""
        return cache_root() / f"experts-{self.digest()}"

    @property
    def base_folder(self) -> Path:
        """Folder of the base as the experts start from it."""
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
            report("writing the base model", 0.0)
            self._write_base()
        for index, (name, folder) in enumerate(self.expert_folders.items()):
            if not folder.is_dir():
                self._train(name, folder, _share(report, index, len(self.tasks)))
        report("base model and experts are ready", 1.0)

    def _write_base(self) -> None:
        source = self.base.locate()
        if self.base.weights.endswith(SUFFIX):
            with new_folder(self.base_folder) as unfinished:
                convert_gguf(source / self.base.weights, unfinished, self.layers)
            return
        match self.settings:
            case FineTuning():
                model = load_encoder(source, self.layers)
            case LanguageTuning():
                model = load_language_model(source, self.layers)
        save_model(self.base_folder, model, load_tokenizer(source))

    def _train(self, name: str, folder: Path, report: Report) -> None:
        report(f"fine-tuning the expert {name}: reading the data", 0.0)

        def on_step(step: Step) -> None:
            report(
                f"fine-tuning the expert {name}: step {step.done} of {step.total}, "
                f"loss {step.loss:.2f}",
                step.done / step.total,
            )

        train, validation = (
            read_split(self.tasks[name], split) for split in ("train", "validation")
        )
        tune_expert(
            self.base_folder,
            folder,
            train=train,
            validation=validation,
            settings=self.settings,
            on_step=on_step,
        )


def _share(report: Report, index: int, count: int) -> Report:
    """Return a report of one part of equal ones, in shares of the whole."""

    def within(message: str, done: float) -> None:
        report(message, (index + done) / count)

    return within
