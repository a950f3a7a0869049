"""Where the hidden neurons of a model's MLP blocks are in its tensors.

The neurons between the two layers of an MLP can be put in any order without changing what the model
computes, if every tensor that has a number for each of them is put in this order. A block names
these tensors, and in each the axis along which the neurons are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from moopt.errors import MergeError


@dataclass(frozen=True, slots=True)
class MlpBlock:
    """Hidden neurons and the tensors that belong to them.

    For `nn.Sequential(nn.Linear(…), nn.ReLU(), nn.Linear(…))`:
    `MlpBlock("hidden", {"0.weight": 0, "0.bias": 0, "2.weight": 1}, reader="2")`.
    """

    name: str
    axes: Mapping[str, int]
    """The axis of the neurons, by the tensor's name: for a linear layer 0 in the weight and bias
    that write them, 1 in the weight that reads them."""

    reader: str
    """The layer whose inputs are the neurons."""


@dataclass(frozen=True, slots=True)
class MlpPattern:
    """How an architecture names the parts of its MLP blocks, after a common beginning."""

    axes: Mapping[str, int]
    """As in `MlpBlock`; those that a model lacks are left out."""

    reader: str
    required: frozenset[str]
    """What a block needs to have, beside a weight that writes the neurons."""


PATTERNS: Mapping[str, MlpPattern] = {
    "llama": MlpPattern(
        {
            "gate_proj.weight": 0,
            "gate_proj.bias": 0,
            "up_proj.weight": 0,
            "up_proj.bias": 0,
            "down_proj.weight": 1,
        },
        "down_proj",
        frozenset({"up_proj.weight"}),
    ),
    "bert": MlpPattern(
        {"intermediate.dense.weight": 0, "intermediate.dense.bias": 0, "output.dense.weight": 1},
        "output.dense",
        frozenset({"intermediate.dense.weight"}),
    ),
    "t5": MlpPattern(
        {"wi.weight": 0, "wi_0.weight": 0, "wi_1.weight": 0, "wo.weight": 1}, "wo", frozenset()
    ),
    # Without the bias it could not be told from models of the same names that use nn.Linear.
    "gpt2": MlpPattern(
        {"c_fc.weight": 1, "c_fc.bias": 0, "c_proj.weight": 0}, "c_proj", frozenset({"c_fc.bias"})
    ),
}
"""Llama and its kin (Mistral, Qwen, Gemma), BERT and its kin (RoBERTa, ViT), T5, and GPT-2, whose
weights are stored with their inputs first."""


def find_mlp_blocks(
    tensors: Iterable[str], patterns: Iterable[MlpPattern] = tuple(PATTERNS.values())
) -> list[MlpBlock]:
    """Return the MLP blocks of a model, told by the names of its tensors.

    Args:
        tensors: Names of a state dict.
        patterns: How the parts of a block are named.

    Raises:
        MergeError: No block was found.
    """
    names = list(tensors)
    known = frozenset(names)
    blocks = [
        block
        for pattern in patterns
        for name in names
        if (block := _block(name, pattern, known)) is not None
    ]
    if not blocks:
        raise MergeError(
            f"no names among {len(names)} tensors are those of an MLP block of a known kind "
            f"({', '.join(PATTERNS)}); describe the blocks yourself, as MlpBlock or MlpPattern"
        )
    return blocks


def check_blocks(blocks: Sequence[MlpBlock], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Check that each block has as many neurons in all of its tensors.

    Args:
        blocks: What to check.
        shapes: The shape of each tensor of the model.

    Raises:
        MergeError: A tensor is missing, or tensors of a block have different numbers of neurons.
    """
    for block in blocks:
        for name, axis in block.axes.items():
            if name not in shapes or axis >= len(shapes[name]):
                raise MergeError(
                    f"the block {block.name!r} needs the axis {axis} of {name!r}; the model has "
                    f"{shapes.get(name, 'no such tensor')}"
                )
        sizes = {name: shapes[name][axis] for name, axis in block.axes.items()}
        if len(set(sizes.values())) != 1:
            raise MergeError(
                f"the tensors of the block {block.name!r} have different numbers of neurons: "
                f"{sizes}; check the axes, weights of nn.Linear are outputs x inputs"
            )


def _block(name: str, pattern: MlpPattern, known: frozenset[str]) -> MlpBlock | None:
    """Return the block whose reading weight has this name."""
    start = name.removesuffix(f"{pattern.reader}.weight")
    if start == name or (start and not start.endswith(".")):
        return None
    axes = {start + end: axis for end, axis in pattern.axes.items() if start + end in known}
    writers = [each for each in axes if each != name and each.endswith(".weight")]
    if not writers or not all(start + end in known for end in pattern.required):
        return None
    return MlpBlock(start.removesuffix(".") or pattern.reader, axes, start + pattern.reader)
