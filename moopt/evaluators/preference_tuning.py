"""Train a language model on several rewards as a trial says, then measure each reward.

How much each reward weighs is a parameter like the others, a `Simplex` over their names: its front
shows what one reward costs in the others.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from moopt.errors import EvaluationError
from moopt.evaluators.greedy_answers import greedy_answers
from moopt.study.evaluation import Context, Split
from moopt.study.parameters import Parameters
from moopt.study.trials import Trial
from moopt.training.adapters import merge_adapters
from moopt.training.batches import token_number
from moopt.training.preferences import PreferenceConfig, Reward, train_on_rewards
from moopt.training.transformers_models import load_tokenizer, quiet

SETTINGS = tuple(
    each.name for each in fields(PreferenceConfig) if each.name not in {"_", "lora", "seed"}
)


@dataclass(frozen=True, slots=True)
class RewardTuning:
    """Trains on a weighted sum of rewards (GRPO) and measures `<reward>` for each of them."""

    base: Path
    """Folder of a causal language model."""

    prompts: Mapping[str, Sequence[str]]
    """What is answered in the splits `train`, `search` and `held_out`; two or more in each."""

    rewards: Mapping[str, Reward]
    """By the name of their measurement."""

    config: PreferenceConfig
    """What the parameters do not say."""

    _: KW_ONLY
    weights: str = "reward_weights"
    """Name of the parameter, a simplex, that weighs the rewards. Other parameters have names of
    settings of `PreferenceConfig`."""

    def __call__(self, trial: Trial, context: Context) -> dict[str, tuple[float, float]]:
        """Return the mean of each reward over answers and its standard error, on search prompts."""
        return self._measured(trial, context, Split.SEARCH)

    def held_out(self, trial: Trial, context: Context) -> dict[str, tuple[float, float]]:
        """Return the same on held-out prompts; the model is trained again."""
        return self._measured(trial, context, Split.HELD_OUT)

    def export(self, trial: Trial, directory: Path) -> None:
        """Train again on the CPU and write a Hugging Face model folder."""
        model = self._model(trial, "cpu")
        merge_adapters(model)
        with quiet():
            model.save_pretrained(directory)
            load_tokenizer(self.base).save_pretrained(directory)

    def _measured(
        self, trial: Trial, context: Context, split: Split
    ) -> dict[str, tuple[float, float]]:
        model = self._model(trial, context.device)
        prompts = self._prompts(split.value)
        answers = _answers(model, load_tokenizer(self.base), prompts, self.config.longest_answer)
        return {name: _mean(reward(prompts, answers)) for name, reward in self.rewards.items()}

    def _model(self, trial: Trial, device: str) -> PreTrainedModel:
        config, weights = self._split(trial.parameters, trial.seed)
        return train_on_rewards(
            self.base, self._prompts("train"), self.rewards, weights, config, device=device
        )

    def _prompts(self, split: str) -> Sequence[str]:
        if split not in self.prompts:
            raise EvaluationError(
                f"there are no prompts for the split {split!r}, only for {list(self.prompts)}"
            )
        return self.prompts[split]

    def _split(
        self, parameters: Parameters, seed: int
    ) -> tuple[PreferenceConfig, Mapping[str, float]]:
        others: dict[str, Any] = {k: v for k, v in parameters.items() if k != self.weights}
        unknown = sorted(set(others) - set(SETTINGS))
        if unknown or self.weights not in parameters:
            raise EvaluationError(
                f"training on rewards takes the simplex {self.weights!r} and the settings "
                f"{', '.join(SETTINGS)}; got {sorted(parameters)}"
            )
        return replace(self.config, **others, seed=seed), parameters[self.weights]


def _answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    longest: int,
) -> list[str]:
    """Answer each prompt greedily, padded in front: answers begin side by side."""
    end = token_number(tokenizer.eos_token_id, "end")
    ids = tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
    width = max(map(len, ids))
    asked = torch.tensor([[end] * (width - len(each)) + list(each) for each in ids])
    mask = torch.tensor([[0] * (width - len(each)) + [1] * len(each) for each in ids])
    device = model.device
    answers = greedy_answers(model, asked.to(device), mask.to(device), end=end, longest=longest)
    return [str(tokenizer.decode(each, skip_special_tokens=True)) for each in answers.tolist()]


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of rewards and its standard error."""
    rewards = torch.tensor(values, dtype=torch.float64)
    return rewards.mean().item(), rewards.std().item() / math.sqrt(len(values))
