import pytest
import torch
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    T5Config,
    T5EncoderModel,
)

from moopt.errors import MergeError
from moopt.merging.alignment import permute_neurons
from moopt.merging.mlp_blocks import MlpBlock, MlpPattern, check_blocks, find_mlp_blocks


def t5(kind: str) -> PreTrainedModel:
    return T5EncoderModel(
        T5Config(
            vocab_size=16,
            d_model=8,
            d_kv=4,
            d_ff=12,
            num_layers=2,
            num_heads=2,
            feed_forward_proj=kind,
        )
    )


def model(kind: str) -> PreTrainedModel:
    """Return a model of two layers with 12 hidden neurons each."""
    torch.manual_seed(0)
    match kind:
        case "llama":
            return LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=16,
                    hidden_size=8,
                    intermediate_size=12,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                    mlp_bias=True,
                )
            )
        case "bert":
            return BertModel(
                BertConfig(
                    vocab_size=16,
                    hidden_size=8,
                    intermediate_size=12,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                )
            )
        case "gpt2":
            return GPT2LMHeadModel(
                GPT2Config(
                    vocab_size=16,
                    n_positions=8,
                    n_embd=8,
                    n_inner=12,
                    n_layer=2,
                    n_head=2,
                    bos_token_id=0,
                    eos_token_id=0,
                )
            )
        case "t5":
            return t5("relu")
    return t5("gated-gelu")


@torch.no_grad()
def outputs(network: nn.Module) -> Tensor:
    found: Tensor = network(input_ids=torch.arange(8)[None])[0]
    return found


@pytest.mark.parametrize(
    ("kind", "name", "tensors"),
    [
        ("llama", "model.layers.1.mlp", 5),
        ("bert", "encoder.layer.1", 3),
        ("gpt2", "transformer.h.1.mlp", 3),
        ("t5", "encoder.block.1.layer.1.DenseReluDense", 2),
        ("gated t5", "encoder.block.1.layer.1.DenseReluDense", 3),
    ],
)
def test_the_blocks_of_an_architecture_are_found_and_their_order_does_not_matter(
    kind: str, name: str, tensors: int
) -> None:
    network = model(kind).eval()
    state = network.state_dict()
    generator = torch.Generator().manual_seed(0)

    blocks = find_mlp_blocks(state)
    permuted = permute_neurons(
        state, blocks, {block.name: torch.randperm(12, generator=generator) for block in blocks}
    )

    assert [(block.name, len(block.axes)) for block in blocks][1:] == [(name, tensors)]
    assert {block.reader for block in blocks} <= {each for each, _ in network.named_modules()}
    changed = {each for each in state if not torch.equal(state[each], permuted[each])}
    named = {each for block in blocks for each in block.axes}
    assert changed == {each for each in named if not each.endswith("bias")}  # which are all 0
    before = outputs(network)
    network.load_state_dict(permuted)
    torch.testing.assert_close(outputs(network), before)


def test_names_of_an_own_architecture_are_found_by_an_own_pattern() -> None:
    pattern = MlpPattern({"up.weight": 0, "down.weight": 1}, "down", frozenset({"up.weight"}))

    blocks = find_mlp_blocks(["a.up.weight", "a.down.weight", "b.down.weight"], [pattern])

    assert blocks == [MlpBlock("a", {"a.up.weight": 0, "a.down.weight": 1}, "a.down")]


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["layer.0.attention.output.dense.weight"],
        ["attention.wo.weight"],
        ["mlp.c_fc.weight", "mlp.c_proj.weight"],  # without biases: whose names are these?
        ["x_down_proj.weight", "x_up_proj.weight"],
    ],
)
def test_what_is_no_block_is_not_taken_for_one(names: list[str]) -> None:
    with pytest.raises(MergeError, match="describe the blocks yourself"):
        find_mlp_blocks(names)


def test_an_axis_that_is_the_wrong_one_is_told() -> None:
    block = MlpBlock("mlp", {"up": 1, "down": 1}, reader="down")

    with pytest.raises(MergeError, match=r"'mlp' have different numbers of neurons.*'up': 8"):
        check_blocks([block], {"up": (12, 8), "down": (8, 12)})


@pytest.mark.parametrize("shapes", [{"up": (12, 8)}, {"up": (12, 8), "down": (8,)}])
def test_a_tensor_that_is_not_there_is_told(shapes: dict[str, tuple[int, ...]]) -> None:
    block = MlpBlock("mlp", {"up": 0, "down": 1}, reader="down")

    with pytest.raises(MergeError, match="needs the axis 1 of 'down'"):
        check_blocks([block], shapes)
