"""What every trial of a study trains: a base model, a task and texts, read once in each worker."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from moopt.errors import EvaluationError
from moopt.training.base_folder import base_folder
from moopt.training.batches import TokenizedTexts
from moopt.training.configuration import TrainingConfig
from moopt.training.fine_tuning import ModelMaker
from moopt.training.labelled_texts import LabelledTexts, read_split
from moopt.training.packaged_models import PackagedModel
from moopt.training.run_checkpoint import identity
from moopt.training.text_tasks import Classification, LanguageModelling, TextTask
from moopt.training.transformers_models import load_tokenizer

Texts = LabelledTexts | TokenizedTexts
Base = Path | PackagedModel | ModelMaker
Data = Path | Callable[[str], Texts]

TRAIN, SEARCH = "train", "search"


def resolved(base: Base) -> Path:
    """Return the folder of a base model that has one.

    Raises:
        EvaluationError: It is a model of one's own.
    """
    match base:
        case Path():
            return base
        case PackagedModel():
            return base_folder(base)
        case _:
            raise EvaluationError("a model of one's own has no folder; measure it by a function")


class TrainingMaterial:
    """Base model, task and texts."""

    def __init__(
        self,
        base: Base,
        data: Data,
        *,
        language: bool,
        pooled: bool,
        train_texts: int | None,
        search_texts: int | None,
    ) -> None:
        """Remember where they are; nothing is read yet."""
        self._base = base
        self._data = data
        self._language = language
        self._pooled = pooled
        self._limits = {TRAIN: train_texts, SEARCH: search_texts}
        self._texts: dict[str, Texts] = {}
        self._tokens: dict[tuple[str, int], TokenizedTexts] = {}
        self._folder: Path | None = None

    @property
    def base(self) -> Path | ModelMaker:
        """The folder of the base model, or what makes one."""
        if not isinstance(self._base, PackagedModel):
            return self._base
        if self._folder is None:
            self._folder = base_folder(self._base)
        return self._folder

    @property
    def task(self) -> TextTask:
        """What is learned: the words of the texts, or their labels."""
        if self._language:
            return LanguageModelling()
        texts = self.texts(TRAIN)
        if isinstance(texts, TokenizedTexts):
            return Classification(tuple(map(str, sorted(set(texts.labels)))))
        if len(texts.classes) < 2:
            raise EvaluationError(
                f"the {len(texts.labels)} texts to train on are all {texts.classes[0]!r}; shuffle "
                "the table, or take more train_texts"
            )
        return Classification(texts.classes, pooled=self._pooled)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """That of the base model."""
        base = self.base
        if not isinstance(base, Path):
            raise EvaluationError(
                "a model of one's own comes without a tokenizer; let `data` return TokenizedTexts"
            )
        return load_tokenizer(base)

    def texts(self, split: str) -> Texts:
        """Return the texts of a split, as many as are wanted."""
        if split not in self._texts:
            data = self._data
            texts = read_split(data, split) if isinstance(data, Path) else data(split)
            self._texts[split] = texts[: self._limits.get(split)]
        return self._texts[split]

    def tokens(self, split: str, max_tokens: int) -> TokenizedTexts:
        """Return the texts of a split as token numbers."""
        texts = self.texts(split)
        if isinstance(texts, TokenizedTexts):
            return texts
        key = (split, max_tokens)
        if key not in self._tokens:
            self._tokens[key] = self.task.encode(texts, self.tokenizer, max_tokens)
        return self._tokens[key]

    def identity(self, train: TokenizedTexts, config: TrainingConfig) -> str:
        """Return what tells a run from runs with another base, task, data or configuration."""
        tokens = repr((train.ids, train.labels)).encode()
        return identity(
            base=self._base_identity(),
            task=self.task.name,
            data=hashlib.sha256(tokens).hexdigest(),
            config=config.to_dict(),
        )

    def _base_identity(self) -> str:
        match self._base:
            case PackagedModel():
                return self._base.sha256
            case Path():
                files = sorted(each for each in self._base.iterdir() if each.is_file())
                return repr(
                    [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files]
                )
            case maker:
                return f"{maker.__module__}.{getattr(maker, '__qualname__', type(maker).__name__)}"
