"""Statistics of a model on data, as merge methods take them: computed once, kept in a file.

A file holds one tensor for each of the model's weights that have the statistic, by the weight's
name, and is read tensor by tensor beside the checkpoint. The tensors are stored divided by what
makes those of several experts comparable; what they were divided by is kept.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.checkpoint import TensorInfo
from moopt.merging.writing import write_tensors

NOTE = "moopt_statistics"
"""Under this key of a safetensors file's metadata is what a statistic says beside its tensors."""


class Kind(Enum):
    """Which statistic it is."""

    FISHER = "fisher"
    """Mean squared gradient of each parameter, divided by its norm over the whole model."""

    GRAM = "gram"
    """`XᵀX` of the inputs of each linear layer, divided by the number of rows of `X`."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """A tensor for each of a model's weights, in float32, in memory or in a file."""

    kind: Kind
    batches: int
    """How many batches they were computed from."""

    divisors: Mapping[str, float]
    """What each tensor was divided by, from name to number."""

    inputs_first: frozenset[str]
    """Weights of linear layers that are stored with their inputs first, as those of GPT-2."""

    tensors: Mapping[str, TensorInfo]
    """By the weight's name, in alphabetical order."""

    read: Callable[[str], Tensor]
    """Gives one tensor; `load` also checks that it is there."""

    def load(self, name: str) -> Tensor:
        """Load one tensor.

        Raises:
            MergeError: The weight has none, or the file is damaged.
        """
        if name not in self.tensors:
            raise MergeError(f"there is no {self.kind.value} statistic of the weight {name!r}")
        return self.read(name)


def statistics_in_memory(
    kind: Kind,
    tensors: Mapping[str, Tensor],
    divisors: Mapping[str, float],
    *,
    batches: int,
    inputs_first: frozenset[str] = frozenset(),
) -> Statistics:
    """Return statistics of tensors that are at hand.

    Args:
        kind: Which statistic it is.
        tensors: By the weight's name, already divided, in float32.
        divisors: What each was divided by.
        batches: How many batches they were computed from.
        inputs_first: Weights that are stored as inputs × outputs.
    """
    infos = {
        name: TensorInfo(tuple(tensors[name].shape), torch.float32) for name in sorted(tensors)
    }
    return Statistics(kind, batches, dict(divisors), inputs_first, infos, tensors.__getitem__)


def write_statistics(statistics: Statistics, path: Path) -> None:
    """Write statistics as a safetensors file, one tensor at a time.

    Args:
        statistics: What to write.
        path: The file; its folder is made if it is missing.
    """
    note = {
        "kind": statistics.kind.value,
        "batches": statistics.batches,
        "divisors": dict(sorted(statistics.divisors.items())),
        "inputs_first": sorted(statistics.inputs_first),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(
        path,
        statistics.tensors,
        lambda name: [statistics.load(name)],
        notes={NOTE: json.dumps(note)},
    )


def open_statistics(path: Path) -> Statistics:
    """Open a file that `write_statistics` wrote.

    Raises:
        MergeError: The file cannot be read, or is another safetensors file.
    """

    def read(name: str) -> Tensor:
        try:
            with safe_open(path, framework="pt") as file:
                tensor: Tensor = file.get_tensor(name)
        except (OSError, SafetensorError) as error:
            raise MergeError(f"cannot read {name!r} from {path}: {error}") from error
        return tensor

    try:
        with safe_open(path, framework="pt") as file:
            notes = file.metadata() or {}
            names = list(file.keys())
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
    except (OSError, SafetensorError) as error:
        raise MergeError(f"cannot read {path} as safetensors: {error}") from error
    try:
        note = json.loads(notes[NOTE])
        divisors = {str(name): float(divisor) for name, divisor in note["divisors"].items()}
        kind, batches = Kind(note["kind"]), int(note["batches"])
        inputs_first = frozenset(map(str, note["inputs_first"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MergeError(
            f"{path} is not a file of statistics: its metadata has no readable {NOTE!r} "
            f"({error!r}); write one with write_statistics"
        ) from error
    tensors = {name: TensorInfo(shapes[name], torch.float32) for name in sorted(shapes)}
    return Statistics(kind, batches, divisors, inputs_first, tensors, read)
