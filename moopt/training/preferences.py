"""Training a causal language model on preferences, by the trainers of TRL.

TRL takes many seconds to import, so it is imported when a run asks for it. There is one device and
no pausing: a run goes from the base model to its end.
"""

import importlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from types import ModuleType

import torch
from transformers import PreTrainedModel

from moopt.errors import MissingDependencyError, TrainingError
from moopt.training.adapters import add_adapters
from moopt.training.configuration import Lora
from moopt.training.transformers_models import load_language_model, load_tokenizer, move, quiet

Reward = Callable[[Sequence[str], Sequence[str]], list[float]]
"""Takes prompts and an answer to each, and says how good each answer is; larger is better."""


@dataclass(frozen=True, slots=True)
class Preference:
    """Two answers to one prompt, of which somebody likes one better."""

    prompt: str
    chosen: str
    rejected: str


@dataclass(frozen=True, slots=True)
class PreferenceConfig:
    """How to train on preferences.

    Raises:
        TrainingError: A setting is out of its range.
    """

    _: KW_ONLY
    learning_rate: float
    steps: int
    batch_size: int = 4
    """Pairs in a step of DPO; answers in a step of GRPO, a multiple of `generations`."""

    beta: float = 0.1
    """How dear it is to move away from the base model."""

    max_tokens: int = 64
    """Of a prompt and its answer, in DPO. Longer ones are cut."""

    generations: int = 4
    """Answers to a prompt that are compared, in GRPO."""

    longest_answer: int = 32
    """Tokens after which an answer is cut, in GRPO."""

    temperature: float = 1.0
    """At which answers are drawn, in GRPO."""

    lora: Lora | None = None
    """None: all weights are trained."""

    seed: int = 0

    def __post_init__(self) -> None:
        rules = {
            "learning_rate > 0": self.learning_rate > 0,
            "steps >= 1": self.steps >= 1,
            "batch_size >= 1": self.batch_size >= 1,
            "beta >= 0": self.beta >= 0,
            "generations >= 2": self.generations >= 2,
            "longest_answer >= 1": self.longest_answer >= 1,
            "temperature > 0": self.temperature > 0,
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            raise TrainingError(f"training on preferences needs {', '.join(broken)}, got {self}")


def train_on_pairs(
    base: Path, pairs: Sequence[Preference], config: PreferenceConfig, *, device: str = "cpu"
) -> PreTrainedModel:
    """Return a model that makes chosen answers likelier than rejected ones.

    Source: Rafailov et al., "Direct preference optimization: your language model is secretly a
    reward model", NeurIPS 2023.

    Args:
        base: Folder of a causal language model; it is only read.
        pairs: One or more.
        config: How.
        device: Where, as torch names it.

    Raises:
        MissingDependencyError: TRL is not installed.
        TrainingError: There are no pairs.
    """
    rows = [{"prompt": p.prompt, "chosen": p.chosen, "rejected": p.rejected} for p in pairs]
    own = {"max_length": config.max_tokens, "beta": config.beta}
    return _trained("DPO", base, rows, config, own=own, more={}, device=device)


def train_on_rewards(
    base: Path,
    prompts: Sequence[str],
    rewards: Mapping[str, Reward],
    weights: Mapping[str, float],
    config: PreferenceConfig,
    *,
    device: str = "cpu",
) -> PreTrainedModel:
    """Return a model whose answers have a larger weighted sum of rewards.

    Source: Shao et al., "DeepSeekMath: pushing the limits of mathematical reasoning in open
    language models", arXiv:2402.03300, for the group of answers that is compared (GRPO).

    Args:
        base: Folder of a causal language model; it is only read.
        prompts: One or more.
        rewards: By name.
        weights: Of each reward, by its name.
        config: How.
        device: Where, as torch names it.

    Raises:
        MissingDependencyError: TRL is not installed.
        TrainingError: There are no prompts, a reward has no weight, or the batch cannot be split
            into groups.
    """
    if set(rewards) != set(weights) or not rewards:
        raise TrainingError(
            f"every reward needs a weight: rewards {sorted(rewards)}, weights {sorted(weights)}"
        )
    if config.batch_size % config.generations:
        raise TrainingError(
            "batch_size needs to be a multiple of generations, got "
            f"batch_size={config.batch_size}, generations={config.generations}"
        )
    own = {
        "beta": config.beta,
        "num_generations": config.generations,
        "max_completion_length": config.longest_answer,
        "temperature": config.temperature,
        "reward_weights": [float(weights[name]) for name in rewards],
    }
    functions = [_as_trl(name, reward) for name, reward in rewards.items()]
    rows, more = [{"prompt": prompt} for prompt in prompts], {"reward_funcs": functions}
    return _trained("GRPO", base, rows, config, own=own, more=more, device=device)


def _as_trl(name: str, reward: Reward) -> Callable[..., list[float]]:
    def called(
        prompts: Sequence[str], completions: Sequence[str], **_others: object
    ) -> list[float]:
        return reward(prompts, completions)

    called.__name__ = name  # TRL tells rewards apart by it
    return called


def _trained(
    method: str,
    base: Path,
    rows: list[dict[str, str]],
    config: PreferenceConfig,
    *,
    own: Mapping[str, object],
    more: Mapping[str, object],
    device: str,
) -> PreTrainedModel:
    if not rows:
        raise TrainingError("there is nothing to train on: neither pairs nor prompts")
    trl, datasets = _module("trl"), _module("datasets")
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng(), quiet():
        torch.manual_seed(config.seed)
        model = load_language_model(base)
        if config.lora is not None:
            add_adapters(model, config.lora)
        reference = {"ref_model": load_language_model(base)} if method == "DPO" else {}
        arguments = getattr(trl, f"{method}Config")(
            output_dir=folder,
            learning_rate=config.learning_rate,
            max_steps=config.steps,
            per_device_train_batch_size=config.batch_size,
            seed=config.seed % 2**31,
            use_cpu=device == "cpu",
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            **own,
        )
        trainer = getattr(trl, f"{method}Trainer")(
            model=model,
            args=arguments,
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=load_tokenizer(base),
            **reference,
            **more,
        )
        # It prints a line at the end of the run.
        trainer.remove_callback(importlib.import_module("transformers").PrinterCallback)
        trainer.train()
    move(model, device)
    model.train(mode=False)
    return model


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"trl", "datasets"}:
            raise
        raise MissingDependencyError(
            f"training on preferences needs the package {name}, which is not installed; "
            "pip install 'moopt[preferences]'"
        ) from error
