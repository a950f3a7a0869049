"""What a teacher has to say, computed once: its logits and the importance of its parts.

The file's name is a digest of everything that the lesson depends on.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from moopt.training.batches import TokenizedTexts, batches_by_length, tokenized
from moopt.training.distillation import logits_of
from moopt.training.importance import Importance, importance
from moopt.training.labelled_texts import LabelledTexts, read_split
from moopt.training.transformers_models import class_names, load_classifier, load_tokenizer, move

FORMAT = 1
"""To be raised when a change of the code makes other lessons from equal arguments."""

TEXTS_AT_ONCE = 25


@dataclass(frozen=True, slots=True)
class Lesson:
    """A teacher's answers, and which of its parts they depend on."""

    logits: Float[Tensor, "n classes"]
    """One row for each text of the split `train`, in the table's order."""

    importance: Importance


@dataclass(frozen=True, slots=True)
class LessonPlan:
    """Which teacher is asked about which texts."""

    teacher: Path
    """A folder of a BERT classifier."""

    table: Path
    """Its split `train` is asked about."""

    max_tokens: int
    """Longer texts are cut; as in the teacher's own training."""

    scored_texts: int = 500
    """Importance is measured on so many texts, the first ones."""

    def file(self) -> Path:
        """Return where the lesson is kept: beside the teacher's folder."""
        parts = (
            str(FORMAT).encode(),
            (self.teacher / "model.safetensors").read_bytes(),
            self.table.read_bytes(),
            f"{self.max_tokens} {self.scored_texts}".encode(),
        )
        digest = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts))
        return self.teacher.parent / f"lesson-{digest.hexdigest()[:16]}.safetensors"

    def lesson(self, device: str = "cpu") -> Lesson:
        """Return the lesson, from its file where there is one.

        Raises:
            TrainingError: There is no such teacher or table, or the teacher is no BERT classifier.
        """
        texts = self.texts()
        file = self.file()
        if not file.is_file():
            _write(file, self._asked(texts, device))
        found = load_file(file)
        return Lesson(found["logits"], Importance(found["heads"], found["neurons"]))

    def texts(self) -> TokenizedTexts:
        """Return the texts that the teacher is asked about.

        Raises:
            TrainingError: There is no such teacher or table.
        """
        return self._tokenized(read_split(self.table, "train"))

    def _asked(self, texts: TokenizedTexts, device: str) -> Lesson:
        model = load_classifier(self.teacher)
        move(model, device)
        few = TokenizedTexts(
            texts.ids[: self.scored_texts], texts.labels[: self.scored_texts], texts.padding
        )
        batches = [batch.to(device) for batch in batches_by_length(few, TEXTS_AT_ONCE)]
        return Lesson(logits_of(model, texts, device=device), importance(model, batches))

    def _tokenized(self, texts: LabelledTexts) -> TokenizedTexts:
        classes = class_names(load_classifier(self.teacher))
        return tokenized(texts, classes, load_tokenizer(self.teacher), self.max_tokens)


def _write(file: Path, lesson: Lesson) -> None:
    """Write a file that appears when it is complete."""
    handle, unfinished = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    os.close(handle)
    save_file(
        {
            "logits": lesson.logits,
            "heads": lesson.importance.heads,
            "neurons": lesson.importance.neurons,
        },
        unfinished,
    )
    Path(unfinished).replace(file)
