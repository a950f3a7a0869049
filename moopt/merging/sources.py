"""The models of a merge, opened together, with their tensors matched by name.

An expert that was fine-tuned with a head has names with a prefix (`bert.encoder…`) that the base
lacks, or the other way round. The prefixes are found by counting which pair makes most names equal.
Tensors of the expert that the base lacks are its head. A head that is tied to the embeddings is not
stored; where another model stores it, the embeddings stand for it. Tensors that are not floating
point, such as positions, are never merged.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.adapted_checkpoint import AdaptedCheckpoint, add_adapter
from moopt.merging.adapter_config import ADAPTER_CONFIG
from moopt.merging.adapters import open_adapter
from moopt.merging.checkpoint import Checkpoint, TensorInfo, open_checkpoint
from moopt.merging.prefixes import exchanged_prefixes
from moopt.merging.statistics import Statistics
from moopt.merging.vocabulary import check_same_vocabulary

NAMED = 5
"""Tensors that a message names before it says how many more there are."""

PIECE = 2**20
"""Numbers that are read at once where a tensor need not be in memory as a whole."""

TIED = re.compile(r"(?:^|\.)(?:lm_head|embed_out|embed_tokens)\.weight$")
EMBEDDINGS = re.compile(r"(?:^|\.)(?:embed_tokens|wte|shared|word_embeddings|embed_in)\.weight$")


Weights = Checkpoint | AdaptedCheckpoint


@dataclass(frozen=True, slots=True)
class Expert:
    """An expert's checkpoint and how its names answer to those of the reference."""

    checkpoint: Weights
    names: Mapping[str, str]
    """The expert's name of each merged tensor."""

    @property
    def head(self) -> tuple[str, ...]:
        """The tensors that the reference lacks."""
        shared = set(self.names.values())
        return tuple(
            name
            for name, info in self.checkpoint.tensors.items()
            if name not in shared and info.dtype.is_floating_point
        )

    def read(self, name: str, start: int, stop: int) -> Tensor:
        """Read some numbers of a tensor by the reference's name."""
        return self.checkpoint.read(self.names[name], start, stop)


@dataclass(frozen=True, slots=True)
class Sources:
    """A base model, if there is one, and the experts."""

    base: Checkpoint | None
    experts: Mapping[str, Expert]
    statistics: Mapping[str, Statistics] = field(default_factory=dict)
    """What is known of each expert from data; empty where nothing is."""

    @property
    def reference(self) -> Weights:
        """The model that lends the merge its names, shapes and dtypes."""
        return self.base or next(iter(self.experts.values())).checkpoint

    @property
    def names(self) -> tuple[str, ...]:
        """The reference's names of the tensors that are merged."""
        return _merged(self.reference)

    @property
    def stored_dtype(self) -> torch.dtype:
        """Bfloat16 if all the weights are stored in it, otherwise float32."""
        dtypes = {
            checkpoint.tensors[name].dtype
            for checkpoint, names in self._models()
            for name in names.values()
        }
        return torch.bfloat16 if dtypes == {torch.bfloat16} else torch.float32

    def info(self, name: str) -> TensorInfo:
        """Return shape and dtype of a tensor in the reference."""
        return self.reference.tensors[name]

    def read(self, name: str, start: int, stop: int) -> tuple[Tensor | None, list[Tensor]]:
        """Read some numbers of a tensor, of base and experts, as they are stored.

        Only float64 becomes float32, in which sums are computed: a live model holds no more.
        """
        base = None if self.base is None else _summable(self.base.read(name, start, stop))
        return base, [_summable(expert.read(name, start, stop)) for expert in self.experts.values()]

    def load_statistics(self, name: str) -> tuple[list[Tensor] | None, bool]:
        """Return the statistics of a tensor, and whether it is stored with its inputs first.

        There are none where one of the experts has none.
        """
        found, inputs_first = [], False
        for expert, statistics in self.statistics.items():
            own = self.experts[expert].names[name]
            stored = own if own in statistics.tensors else name
            if stored not in statistics.tensors:
                return None, False
            found.append(statistics.load(stored))
            inputs_first = stored in statistics.inputs_first
        return found or None, inputs_first

    def check_finite(self, report: Callable[[str, float], None] | None = None) -> None:
        """Read everything once and look for numbers that are none.

        Args:
            report: Told what is checked, and the share that is done.

        Raises:
            MergeError: A tensor holds NaN or infinity; file and tensor are named.
        """
        models = list(self._models())
        for index, (checkpoint, names) in enumerate(models):
            for place, name in enumerate(names.values()):
                if report is not None:
                    share = (index + place / len(names)) / len(models)
                    report(f"checking: {checkpoint.folder.name}", share)
                for start, stop in pieces(checkpoint.tensors[name].shape):
                    require_finite(checkpoint, name, checkpoint.read(name, start, stop))

    def _models(self) -> Iterator[tuple[Weights, Mapping[str, str]]]:
        if self.base is not None:
            yield self.base, {name: name for name in self.names}
        for expert in self.experts.values():
            yield expert.checkpoint, expert.names


def open_sources(base: Path | None, experts: Mapping[str, Path]) -> Sources:
    """Open base and experts and check that they fit together.

    Args:
        base: Folder of the base model. None: the first expert is the reference.
        experts: Folder of each expert.

    Raises:
        MergeError: There are no experts, or one lacks tensors of the reference, holds them in
            another shape, or has another vocabulary.
    """
    if not experts:
        raise MergeError("a merge needs at least one expert")
    origin = None if base is None else open_checkpoint(base)
    opened = {name: _opened(name, folder, origin) for name, folder in experts.items()}
    reference: Weights = next(iter(opened.values())) if origin is None else origin
    return Sources(
        origin,
        {name: _matched(name, reference, checkpoint) for name, checkpoint in opened.items()},
    )


def pieces(shape: tuple[int, ...], most: int | None = None) -> Iterator[tuple[int, int]]:
    """Return where the pieces of a tensor begin and end: whole rows, as many as fit.

    Args:
        shape: Of the tensor.
        most: Numbers in a piece, unless one row has more. None: `PIECE`.
    """
    count = torch.Size(shape).numel()
    row = count // shape[0] if len(shape) > 1 and count else 1
    step = max(1, (PIECE if most is None else most) // row) * row
    for start in range(0, count, step):
        yield start, min(start + step, count)


def require_finite(checkpoint: Weights, name: str, numbers: Tensor) -> None:
    """Refuse numbers that are none.

    Raises:
        MergeError: There is NaN or infinity among them; file and tensor are named.
    """
    if not bool(torch.isfinite(numbers).all()):
        raise MergeError(
            f"the tensor {name!r} in {checkpoint.file(name)} holds NaN or infinity; the training "
            "that made it diverged, so take an earlier checkpoint"
        )


def _opened(expert: str, folder: Path, base: Checkpoint | None) -> Weights:
    if not (folder / ADAPTER_CONFIG).is_file():
        return open_checkpoint(folder)
    if base is None:
        raise MergeError(
            f"the expert {expert!r} in {folder} is an adapter and needs the model that it was "
            "trained on; give `base`"
        )
    return add_adapter(base, open_adapter(folder))


def _summable(numbers: Tensor) -> Tensor:
    return numbers.float() if numbers.dtype == torch.float64 else numbers


def _matched(expert: str, reference: Weights, checkpoint: Weights) -> Expert:
    own, other = _prefixes(reference, checkpoint)
    names = {}
    for name in _merged(reference):
        match = other + name.removeprefix(own)
        names[name] = match if match in checkpoint.tensors else _tied(match, checkpoint)
    missing = [name for name, match in names.items() if match not in checkpoint.tensors]
    if missing:
        raise MergeError(
            f"the expert {expert!r} in {checkpoint.folder} lacks {len(missing)} of the "
            f"{len(names)} tensors of {reference.folder}: {_listed(missing)}; fine-tune it from "
            "this base, or give the base that it was fine-tuned from"
        )
    check_same_vocabulary(expert, reference.folder, checkpoint.folder)
    unequal = [
        f"{name} {reference.tensors[name].shape} against {checkpoint.tensors[match].shape}"
        for name, match in names.items()
        if reference.tensors[name].shape != checkpoint.tensors[match].shape
    ]
    if unequal:
        raise MergeError(
            f"the expert {expert!r} in {checkpoint.folder} has other shapes than "
            f"{reference.folder}: {_listed(unequal)}; models of one size and one vocabulary can be "
            "merged"
        )
    if own == other:
        _check_untied(expert, reference, checkpoint)
    return Expert(checkpoint, names)


def _tied(name: str, checkpoint: Weights) -> str:
    """Return the embeddings that stand for a tensor which is not stored, or the name itself."""
    found = [each for each in checkpoint.tensors if EMBEDDINGS.search(each)]
    return found[0] if TIED.search(name) and len(found) == 1 else name


def _check_untied(expert: str, reference: Weights, checkpoint: Weights) -> None:
    for name in checkpoint.tensors:
        embeddings = _tied(name, checkpoint)
        if name in reference.tensors or embeddings == name:
            continue
        if not torch.equal(checkpoint.load(name), checkpoint.load(embeddings)):
            raise MergeError(
                f"the expert {expert!r} in {checkpoint.folder} has a {name!r} of its own, which in "
                f"{reference.folder} is tied to the embeddings; untie the base too (store its "
                f"{name!r}), or take an expert whose head is tied"
            )


def _prefixes(reference: Weights, expert: Weights) -> tuple[str, str]:
    own_names = _merged(reference)

    def matches(own: str, other: str) -> int:
        return sum(other + name.removeprefix(own) in expert.tensors for name in own_names)

    return exchanged_prefixes(reference.tensors, expert.tensors, matches)


def _merged(checkpoint: Weights) -> tuple[str, ...]:
    return tuple(name for name, info in checkpoint.tensors.items() if info.dtype.is_floating_point)


def _listed(items: list[str]) -> str:
    shown = ", ".join(items[:NAMED])
    return shown if len(items) <= NAMED else f"{shown} and {len(items) - NAMED} more"
