"""What a causal language model is worth in each domain, and what its answers cost.

The model is live: its weights may be other ones at each call. Texts are tokenised once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from moopt.errors import EvaluationError
from moopt.evaluators.greedy_answers import greedy_answers
from moopt.evaluators.metrics.generated_tokens import generated_tokens
from moopt.evaluators.metrics.perplexity import log_perplexity
from moopt.merging.sources import Sources
from moopt.training.batches import Batch, batches_by_length, token_number, tokenized_with_end
from moopt.training.labelled_texts import read_split
from moopt.training.language_loss import text_losses
from moopt.training.transformers_models import load_language_model, load_tokenizer, move


@dataclass(frozen=True, slots=True)
class LanguageModelLosses:
    """Measures `<domain>_loss` for every domain, and `generated_tokens`, of a merge."""

    tables: Mapping[str, Path]
    """A table with the columns text, label and split for each domain; texts of the splits `search`
    and `held_out` are measured."""

    _: KW_ONLY
    prompts: Mapping[str, Sequence[str]]
    """What a user says, in the splits `search` and `held_out`."""

    max_tokens: int
    """Longer texts are cut; as in tuning."""

    texts: int
    """How many texts of each domain are measured, the first ones."""

    longest_answer: int
    """Tokens after which an answer is cut."""

    batch_size: int = 16
    """Texts that are measured at once."""

    def load(self, base: Path, experts: Mapping[str, Path], device: str) -> "LanguageModelMeasures":
        """Load the base; the experts are language models like it and need nothing of their own."""
        del experts
        model = load_language_model(base)
        move(model, device)
        return LanguageModelMeasures(
            model,
            load_tokenizer(base),
            tables=self.tables,
            prompts=self.prompts,
            max_tokens=self.max_tokens,
            texts=self.texts,
            longest_answer=self.longest_answer,
            batch_size=self.batch_size,
        )

    def write_extras(self, sources: Sources, directory: Path) -> None:
        """Write nothing: a language model is whole."""


@dataclass(frozen=True, slots=True)
class LanguageModelMeasures:
    """Measures `<domain>_loss` for every domain, and `generated_tokens`.

    Raises:
        EvaluationError: There are fewer than two texts or prompts to measure, or the tokenizer has
            no chat template.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    _: KW_ONLY
    tables: Mapping[str, Path]
    """A table with the columns text, label and split for each domain, by its name."""

    prompts: Mapping[str, Sequence[str]]
    """What a user says, for each split. They are answered greedily."""

    max_tokens: int
    """Longer texts are cut; as in tuning."""

    texts: int
    """How many texts of each domain are measured in a split, the first ones."""

    longest_answer: int
    """Tokens after which an answer is cut."""

    batch_size: int
    kept: dict[tuple[str, str], list[Batch]] = field(default_factory=dict)
    """By domain and split. Filled when first asked for."""

    def __post_init__(self) -> None:
        few = {split: len(asked) for split, asked in self.prompts.items() if len(asked) < 2}
        if few or self.texts < 2:
            raise EvaluationError(
                "a standard error needs two texts and two prompts in every split, got "
                f"texts={self.texts} and prompts {few or 'enough'}"
            )
        if self.tokenizer.chat_template is None:
            raise EvaluationError(
                "the tokenizer has no chat template, so prompts cannot be put to the model; use "
                "the tokenizer of a model that was tuned to answer"
            )

    def measure(self, split: str) -> dict[str, tuple[float, float]]:
        """Return mean and standard error of every measurement on a split.

        A loss is in nats a token, the logarithm of perplexity.

        Raises:
            TrainingError: A table lacks the split.
        """
        measured = {f"{domain}_loss": self.loss(domain, split) for domain in self.tables}
        measured["generated_tokens"] = generated_tokens(self.answers(split), self._end)
        return measured

    def loss(self, domain: str, split: str) -> tuple[float, float]:
        """Return the mean loss of a token on the texts of a domain, and its standard error."""
        with torch.inference_mode():
            of_batches = [
                text_losses(
                    self.model(
                        input_ids=batch.input_ids,
                        attention_mask=batch.attention_mask,
                        use_cache=False,
                    ).logits,
                    batch,
                )
                for batch in self._batches(domain, split)
            ]
        return log_perplexity(
            torch.cat([losses for losses, _ in of_batches]),
            torch.cat([tokens for _, tokens in of_batches]),
        )

    def answers(self, split: str) -> Int[Tensor, "n tokens"]:
        """Return what the model answers to the prompts of a split, token by token.

        Raises:
            EvaluationError: There are no prompts for the split.
        """
        if split not in self.prompts:
            raise EvaluationError(
                f"there are no prompts for the split {split!r}, only for {list(self.prompts)}"
            )
        asked = self._asked(split)
        return greedy_answers(
            self.model,
            asked.input_ids,
            asked.attention_mask,
            end=self._end,
            longest=self.longest_answer,
        )

    @property
    def _end(self) -> int:
        return token_number(self.tokenizer.eos_token_id, "end")

    def _asked(self, split: str) -> Batch:
        """Return the prompts of a split as chats, padded in front: answers begin side by side."""
        rendered = [
            str(
                self.tokenizer.apply_chat_template(
                    [{"role": "user", "content": prompt}],
                    add_generation_prompt=True,
                    tokenize=False,
                )
            )
            for prompt in self.prompts[split]
        ]
        chats = self.tokenizer(rendered, add_special_tokens=False)["input_ids"]
        longest = max(map(len, chats))
        input_ids = torch.full((len(chats), longest), self._end)
        attention_mask = torch.zeros_like(input_ids)
        for row, ids in enumerate(chats):
            input_ids[row, longest - len(ids) :] = torch.tensor(ids)
            attention_mask[row, longest - len(ids) :] = 1
        return Batch(input_ids, attention_mask, torch.zeros(len(chats), dtype=torch.long)).to(
            str(self.model.device)
        )

    def _batches(self, domain: str, split: str) -> list[Batch]:
        if (domain, split) not in self.kept:
            texts = read_split(self.tables[domain], split).texts[: self.texts]
            self.kept[domain, split] = [
                batch.to(str(self.model.device))
                for batch in batches_by_length(
                    tokenized_with_end(texts, self.tokenizer, self.max_tokens), self.batch_size
                )
            ]
        return self.kept[domain, split]
