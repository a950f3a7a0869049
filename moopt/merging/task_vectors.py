"""Expert minus base, tensor by tensor, with the names of both matched.

An expert that was fine-tuned with a head has names with a prefix (`bert.encoder…`) that the base
lacks, or the other way round. The prefixes are found by counting which pair makes most names equal.
Tensors of the expert that the base lacks are its head. Tensors that are not floating point, such as
positions, are never merged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.checkpoint import Checkpoint, open_checkpoint

NAMED = 5
"""Tensors that a message names before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class Expert:
    """An expert's checkpoint and how its names answer to the base's."""

    checkpoint: Checkpoint
    names: Mapping[str, str]
    """The expert's name of each of the base's merged tensors."""

    @property
    def head(self) -> tuple[str, ...]:
        """The tensors that the base lacks."""
        shared = set(self.names.values())
        return tuple(
            name
            for name, info in self.checkpoint.tensors.items()
            if name not in shared and info.dtype.is_floating_point
        )


@dataclass(frozen=True, slots=True)
class TaskVectors:
    """A base model and its experts, from which task vectors are read when asked for."""

    base: Checkpoint
    experts: Mapping[str, Expert]

    @property
    def names(self) -> tuple[str, ...]:
        """The base's names of the tensors that are merged."""
        return _merged(self.base)

    def load(self, name: str) -> tuple[Tensor, list[Tensor]]:
        """Return the base's tensor and the task vector of each expert, in float32."""
        base = self.base.load(name)
        return base, [
            expert.checkpoint.load(expert.names[name]).float() - base.float()
            for expert in self.experts.values()
        ]


def open_task_vectors(base: Path, experts: Mapping[str, Path]) -> TaskVectors:
    """Open a base model and its experts and check that they fit together.

    Raises:
        MergeError: An expert lacks tensors of the base, or holds them in another shape.
    """
    checkpoint = open_checkpoint(base)
    return TaskVectors(
        checkpoint,
        {
            name: _matched(name, checkpoint, open_checkpoint(folder))
            for name, folder in experts.items()
        },
    )


def _matched(expert: str, base: Checkpoint, checkpoint: Checkpoint) -> Expert:
    own, other = _prefixes(base, checkpoint)
    names = {name: other + name.removeprefix(own) for name in _merged(base)}
    missing = [name for name, match in names.items() if match not in checkpoint.tensors]
    if missing:
        raise MergeError(
            f"the expert {expert!r} in {checkpoint.folder} lacks {len(missing)} of the base's "
            f"{len(names)} tensors: {_listed(missing)}; fine-tune it from this base, or give "
            "the base that it was fine-tuned from"
        )
    unequal = [
        f"{name} {base.tensors[name].shape} against {checkpoint.tensors[match].shape}"
        for name, match in names.items()
        if base.tensors[name].shape != checkpoint.tensors[match].shape
    ]
    if unequal:
        raise MergeError(
            f"the expert {expert!r} in {checkpoint.folder} has other shapes than the base: "
            f"{_listed(unequal)}; models of one size and one vocabulary can be merged"
        )
    return Expert(checkpoint, names)


def _prefixes(base: Checkpoint, expert: Checkpoint) -> tuple[str, str]:
    """Return the prefixes of base and expert whose removal makes most names equal."""
    own_names = _merged(base)
    candidates = [("", "")]
    candidates += [("", prefix) for prefix in _first_parts(expert)]
    candidates += [(prefix, "") for prefix in _first_parts(base)]

    def matches(pair: tuple[str, str]) -> int:
        own, other = pair
        return sum(other + name.removeprefix(own) in expert.tensors for name in own_names)

    return max(candidates, key=matches)  # of equals the first, which is the plainest


def _first_parts(checkpoint: Checkpoint) -> list[str]:
    return sorted({f"{name.split('.')[0]}." for name in checkpoint.tensors if "." in name})


def _merged(checkpoint: Checkpoint) -> tuple[str, ...]:
    return tuple(name for name, info in checkpoint.tensors.items() if info.dtype.is_floating_point)


def _listed(items: list[str]) -> str:
    shown = ", ".join(items[:NAMED])
    return shown if len(items) <= NAMED else f"{shown} and {len(items) - NAMED} more"
