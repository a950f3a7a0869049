"""A base model with an adapter in it, read as if the merged model were in a folder.

The names of the adapter and of the base may differ by a prefix, as when the adapter was trained on
a classifier and the base was saved without its head. Weights that the adapter changes are given in
float32, so that nothing of the change is lost to the dtype of the base; the others as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.adapters import ADAPTER_WEIGHTS, Adapter, Factors
from moopt.merging.checkpoint import Checkpoint, TensorInfo
from moopt.merging.prefixes import exchanged_prefixes


@dataclass(frozen=True, slots=True)
class AdaptedCheckpoint:
    """The tensors of a base model after an adapter was added to it, computed when asked for.

    It can be used where a `Checkpoint` is read.
    """

    base: Checkpoint
    adapter: Adapter
    tensors: Mapping[str, TensorInfo]
    """By the base's names, in alphabetical order; heads of the adapter are among them."""

    modules: Mapping[str, str]
    """The adapter's module that changes a weight, by the weight's name."""

    whole: Mapping[str, str]
    """The adapter's name of each tensor that it replaces or adds, by the base's name."""

    inputs_first: frozenset[str]
    """Weights that are stored with their inputs first."""

    @property
    def folder(self) -> Path:
        """The adapter's folder."""
        return self.adapter.folder

    def factors(self, name: str) -> Factors:
        """Load the factors whose product has the shape of the weight.

        Raises:
            MergeError: The adapter does not change this weight.
        """
        if name not in self.modules:
            raise MergeError(f"the adapter in {self.folder} does not change the weight {name!r}")
        module = self.modules[name]
        found = self.adapter.factors(module)
        turned = self.adapter.modules[module].is_embedding or name in self.inputs_first
        return found.transposed if turned else found

    def delta(self, name: str) -> Float[Tensor, "rows columns"]:
        """Return what the adapter adds to a weight, in float32.

        This is the weight's task vector without the rounding of a difference.

        Raises:
            MergeError: The adapter does not change this weight.
        """
        return self.factors(name).product()

    def load(self, name: str) -> Tensor:
        """Return one tensor of the merged model.

        Raises:
            MergeError: There is no such tensor, or a file is damaged.
        """
        if name not in self.tensors:
            raise MergeError(f"{self.folder} has no tensor {name!r}")
        info = self.tensors[name]
        return self.read(name, 0, info.count).view(info.shape)

    def read(self, name: str, start: int, stop: int) -> Tensor:
        """Return some numbers of a tensor of the merged model, in one dimension.

        Args:
            name: The tensor.
            start: Index of the first number.
            stop: Index behind the last.

        Raises:
            MergeError: There is no such tensor, or a file is damaged.
        """
        if name in self.whole:
            numbers = self.adapter.load_whole(self.whole[name]).flatten()[start:stop]
        else:
            numbers = self.base.read(name, start, stop)
        if name not in self.modules:
            return numbers
        factors = self.factors(name)
        columns = factors.a.shape[1]
        first, last = start // columns, -(-stop // columns)
        change = Factors(factors.a, factors.b[first:last], factors.scale).product().flatten()
        return numbers.float() + change[start - first * columns : stop - first * columns]

    def file(self, name: str) -> Path:
        """Return the file that holds a tensor, or what changes it."""
        is_own = name in self.whole or name in self.modules
        return self.adapter.folder / ADAPTER_WEIGHTS if is_own else self.base.file(name)


def add_adapter(base: Checkpoint, adapter: Adapter) -> AdaptedCheckpoint:
    """Match an adapter's names with those of its base.

    Where base weights are tied, the change of one is the change of all, as it is when PEFT merges.

    Raises:
        MergeError: The adapter changes weights that the base lacks or has in another shape, or it
            cannot be told which way round a square weight is stored.
    """
    own, other = _prefixes(base, adapter)

    def renamed(name: str) -> str:
        return own + name.removeprefix(other) if name.startswith(other) else name

    whole = {renamed(name): name for name in adapter.whole}
    modules = {f"{renamed(module)}.weight": module for module in adapter.modules}
    infos = {**base.tensors, **{name: adapter.whole[stored] for name, stored in whole.items()}}
    missing = [name for name in modules if name not in infos]
    if missing:
        raise MergeError(
            f"the adapter in {adapter.folder} changes {len(missing)} weights that {base.folder} "
            f"lacks, for example {missing[0]!r}; give the base that it was trained on. A head that "
            "is tied to the embedding has no weight of its own to change"
        )
    inputs_first = _stored_inputs_first(adapter, modules, infos)
    for name in modules:
        infos[name] = TensorInfo(infos[name].shape, torch.float32)
    ordered = {name: infos[name] for name in sorted(infos)}
    return AdaptedCheckpoint(base, adapter, ordered, modules, whole, inputs_first)


def _prefixes(base: Checkpoint, adapter: Adapter) -> tuple[str, str]:
    def matches(own: str, other: str) -> int:
        return sum(
            module.startswith(other) and f"{own}{module.removeprefix(other)}.weight" in base.tensors
            for module in adapter.modules
        )

    return exchanged_prefixes(base.tensors, adapter.modules, matches)


def _stored_inputs_first(
    adapter: Adapter, modules: Mapping[str, str], infos: Mapping[str, TensorInfo]
) -> frozenset[str]:
    """Tell by their shapes which weights are stored with their inputs first.

    Square ones are as the configuration says. PEFT changes this setting from layer to layer and
    saves the last, so a configuration that the other weights contradict says nothing of them.
    """
    turned, square, contradicted = set(), [], False
    for name, module in modules.items():
        adapted = adapter.modules[module]
        expected = (adapted.b.shape[0], adapted.a.shape[1])
        found = infos[name].shape
        allowed = (expected[::-1],) if adapted.is_embedding else (expected, expected[::-1])
        if found not in allowed:
            raise MergeError(
                f"{name!r} has the shape {found}, and the change of the adapter in "
                f"{adapter.folder} has {allowed[0]}; give the base that it was trained on"
            )
        if adapted.is_embedding:
            continue
        if found == expected[::-1] == expected:
            square.append(name)
            continue
        if found != expected:
            turned.add(name)
        contradicted |= (found != expected) != adapter.config.fan_in_fan_out
    if square and contradicted:
        raise MergeError(
            f"the adapter in {adapter.folder} says fan_in_fan_out="
            f"{adapter.config.fan_in_fan_out}, which is not so for all of its weights, so it "
            f"cannot be told how the square weight {square[0]!r} is stored; merge the adapter into "
            "its base with PEFT and give the model folder"
        )
    return frozenset(turned | set(square) if adapter.config.fan_in_fan_out else turned)
