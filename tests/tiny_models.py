"""Real and small: a BERT and a Llama of few layers, random weights, and texts to learn from."""

import csv
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from moopt.training.transformers_models import quiet

WORDS = ("good", "fine", "bad", "poor", "film", "mail", "a", "the", "very", "quite")


def tiny_config(classes: Sequence[str] = ("negative", "positive")) -> BertConfig:
    """Return a BERT of four layers with 16 numbers a token."""
    return BertConfig(
        vocab_size=len(WORDS) + 5,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
        initializer_range=0.3,
        id2label=dict(enumerate(classes)),
    )


def write_base(folder: Path, seed: int = 0) -> Path:
    """Write a model folder with tokenizer and random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = BertModel(tiny_config())
    _save(model, folder)
    return folder


def write_expert(folder: Path, base: Path, seed: int, classes: Sequence[str]) -> Path:
    """Write a classifier whose weights are those of a base and some noise."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = BertForSequenceClassification(tiny_config(classes))
        with quiet():
            encoder = BertModel.from_pretrained(base)
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.bert = encoder
    _save(model, folder)
    return folder


def write_llama(folder: Path, seed: int = 0, layers: int = 3) -> Path:
    """Write a causal language model with tokenizer, generation config and random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(WORDS) + 5,
                hidden_size=16,
                num_hidden_layers=layers,
                num_attention_heads=2,
                num_key_value_heads=1,
                intermediate_size=32,
                max_position_embeddings=16,
                initializer_range=0.3,
                tie_word_embeddings=False,
                bos_token_id=2,
                eos_token_id=3,
            )
        )
    _save(model, folder)
    return folder


def write_table(path: Path, rows_by_split: Mapping[str, int]) -> Path:
    """Write a table of texts whose class is told by one word."""
    rows = []
    for split, count in rows_by_split.items():
        for index in range(count):
            label = ("negative", "positive")[index % 2]
            verdict = (("bad", "poor"), ("good", "fine"))[index % 2][index // 2 % 2]
            filling = ("a", "the a", "very", "quite the very")[index % 4]
            rows.append((f"{filling} {verdict} film", label, split))
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label", "split"))
        writer.writerows(rows)
    return path


def _save(model: PreTrainedModel, folder: Path) -> None:
    folder.mkdir(parents=True)
    with quiet():
        model.save_pretrained(folder)
    vocabulary = {
        word: index
        for index, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS))
    }
    BertTokenizer(vocab=vocabulary).save_pretrained(folder)
