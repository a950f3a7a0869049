from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from transformers import BertModel, GPT2Config, GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D

from moopt.errors import MergeError
from moopt.merging.gram_matrices import gram_matrices
from moopt.merging.methods.regmean import regmean
from moopt.merging.statistics import Kind, Statistics, open_statistics, write_statistics
from tests.tiny_models import tiny_config

Texts = dict[str, Tensor]


class Twice(nn.Module):
    """Uses one weight in two layers, and another in an embedding and a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 3)
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.words.weight
        self.unused = nn.Linear(3, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.head(self.second(input=self.first(self.words(tokens))))
        return found


def run(module: nn.Module, batch: Tensor) -> None:
    module(batch)


def read_texts(module: nn.Module, batch: Texts) -> None:
    module(**batch)


def attention_mask(batch: Texts, _layer: str) -> Tensor:
    return batch["attention_mask"]


def sums(statistics: Statistics) -> dict[str, Tensor]:
    return {name: statistics.load(name) * statistics.divisors[name] for name in statistics.tensors}


def by_loops(rows: Tensor) -> Tensor:
    """Return the sum of the outer products, row by row in float64."""
    found = torch.zeros(rows.shape[-1], rows.shape[-1], dtype=torch.float64)
    for row in rows.reshape(-1, rows.shape[-1]).double():
        found += torch.outer(row, row)
    return found.float()


def texts(rows: int, width: int, lengths: list[int], seed: int = 0) -> Texts:
    generator = torch.Generator().manual_seed(seed)
    places = torch.arange(width)[None] < torch.tensor(lengths)[:, None]
    return {
        "input_ids": torch.randint(5, 15, (rows, width), generator=generator),
        "attention_mask": places.long(),
    }


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 100), st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_they_are_the_mean_outer_products_of_what_the_layers_read(
    seed: int, sizes: list[int]
) -> None:
    generator = torch.Generator().manual_seed(seed)
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 2))
    batches = [torch.randn(size, 2, 3, generator=generator) for size in sizes]

    found = gram_matrices(module, batches, run)

    inputs = torch.cat(batches).reshape(-1, 3)
    hidden = torch.tanh(module[0](inputs)).detach()
    torch.testing.assert_close(
        sums(found), {"0.weight": by_loops(inputs), "3.weight": by_loops(hidden)}
    )
    assert found.divisors == {"0.weight": len(inputs), "3.weight": len(inputs)}
    assert (found.kind, found.batches, found.inputs_first) == (Kind.GRAM, len(sizes), frozenset())


def test_layers_that_share_a_weight_share_a_matrix_and_tied_embeddings_have_none() -> None:
    module = Twice()
    tokens = torch.tensor([[0, 1], [2, 3]])

    found = gram_matrices(module, [tokens], run)

    read = module.words(tokens).detach()
    expected = by_loops(read) + by_loops(module.first(read).detach())
    assert list(found.tensors) == ["first.weight"]
    torch.testing.assert_close(sums(found)["first.weight"], expected)
    assert found.divisors == {"first.weight": 8.0}


def test_a_weight_that_is_computed_from_others_has_none() -> None:
    module = nn.Sequential(weight_norm(nn.Linear(3, 4)), nn.Linear(4, 2))

    found = gram_matrices(module, [torch.ones(2, 3)], run)

    assert list(found.tensors) == ["1.weight"]


def test_padding_does_not_count() -> None:
    model = BertModel(tiny_config()).eval()
    padded = texts(2, 6, [6, 3])
    first = {name: each[:1] for name, each in padded.items()}
    short = {name: each[1:, :3] for name, each in padded.items()}

    together = gram_matrices(model, [padded], read_texts, mask=attention_mask)
    apart = gram_matrices(model, [first, short], read_texts, mask=attention_mask)

    torch.testing.assert_close(sums(together), sums(apart), rtol=1e-4, atol=1e-4)
    # the pooler reads one row a text, and has no padding
    pooler = "pooler.dense.weight"
    assert together.divisors[pooler] == 2
    assert {together.divisors[name] for name in together.tensors if name != pooler} == {9.0}


def test_gpt2_is_refused_until_its_layers_are_announced() -> None:
    config = GPT2Config(vocab_size=16, n_positions=8, n_embd=8, n_layer=1, n_head=2)
    model = GPT2LMHeadModel(config).eval()
    batch = texts(2, 4, [4, 4])

    with pytest.raises(MergeError, match=r"'transformer\.h\.0\.attn\.c_attn' is a Conv1D"):
        gram_matrices(model, [batch], read_texts)

    found = gram_matrices(model, [batch], read_texts, inputs_first=(Conv1D,))
    assert found.inputs_first == set(found.tensors)  # the head is tied to the embedding
    assert len(found.tensors) == 4
    assert found.tensors["transformer.h.0.mlp.c_proj.weight"].shape == (32, 32)


def test_regmean_from_files_of_gram_matrices_fits_both_experts(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    experts = [nn.Linear(6, 4, bias=False) for _ in range(2)]
    data = [torch.randn(50, 6, generator=generator) @ torch.diag(scale) for scale in scales()]

    files = [tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    for expert, rows, file in zip(experts, data, files, strict=True):
        write_statistics(gram_matrices(expert, [rows], run), file)
    grams = [open_statistics(file).load("weight") for file in files]
    weights = [expert.weight.detach() for expert in experts]
    merged = regmean(weights, grams, [1.0, 1.0], off_diagonal=1.0)

    def error(weight: Tensor) -> float:
        return sum(
            float((rows @ (weight - own).T).square().mean())
            for rows, own in zip(data, weights, strict=True)
        )

    assert error(merged) < 0.1 * error((weights[0] + weights[1]) / 2)


def scales() -> list[Tensor]:
    """Return what each expert's data has much of."""
    return [torch.tensor([5.0] * 3 + [0.1] * 3), torch.tensor([0.1] * 3 + [5.0] * 3)]


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(MergeError, match=r"mask for the layer '' has the shape \(3,\)"):
        gram_matrices(
            nn.Linear(3, 2), [torch.ones(2, 3)], run, mask=lambda _batch, _layer: torch.ones(3)
        )


def test_a_mask_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(MergeError, match="no rows of inputs in 1 batches for 1 linear layers"):
        gram_matrices(
            nn.Linear(3, 2), [torch.ones(2, 3)], run, mask=lambda _batch, _layer: torch.zeros(2)
        )


def test_a_model_without_linear_layers_is_refused() -> None:
    with pytest.raises(MergeError, match="0 linear layers"):
        gram_matrices(nn.ReLU(), [torch.ones(2, 3)], run)


def test_after_an_error_nothing_is_watched_and_the_mode_is_as_it_was() -> None:
    module = nn.Linear(3, 2).train()
    watched = []

    def mask(_batch: Tensor, layer: str) -> None:
        watched.append(layer)

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        gram_matrices(module, [torch.ones(2, 4)], run, mask=mask)
    module(torch.ones(2, 3))

    assert watched == [""]
    assert module.training
