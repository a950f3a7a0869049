"""Real and small: a Llama of two layers with random weights, which answers in single words."""

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from moopt.training.transformers_models import load_language_model, quiet
from tests.tiny_models import WORDS

SPECIAL = ("<end>", "<unknown>", "<user>", "<answer>")
CHAT = (
    "{% for message in messages %}<user> {{ message.content }} {% endfor %}"
    "{% if add_generation_prompt %}<answer>{% endif %}"
)
END = 0


def tiny_config() -> LlamaConfig:
    """Return a Llama of two layers with 16 numbers a token, whose output layer is its embedding."""
    return LlamaConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.3,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=END,
        pad_token_id=END,
    )


def write_language_base(folder: Path, seed: int = 0) -> Path:
    """Write a model folder with tokenizer, chat template and random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(tiny_config())
    folder.mkdir(parents=True)
    with quiet():
        model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def write_language_expert(folder: Path, base: Path, seed: int) -> Path:
    """Write a language model whose weights are those of a base and some noise."""
    model = load_language_model(base)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    folder.mkdir(parents=True)
    with quiet():
        model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer with a number for each word."""
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    end, unknown, *_ = SPECIAL
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=unknown))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=end, pad_token=end, unk_token=unknown
    )
    made.chat_template = CHAT
    return made
