"""Merge into a model that is already in memory.

A search tries many coefficients on one model. Base and task vectors stay in memory beside it, and a
candidate is written into its parameters in place: no file is touched and nothing is loaded again.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moopt.errors import MergeError
from moopt.merging.layer_groups import layer_groups
from moopt.merging.methods import METHODS
from moopt.merging.recipe import MergeRecipe
from moopt.merging.task_vectors import TaskVectors


class LiveModel:
    """A module whose parameters become whichever merge is asked for.

    Holds state on purpose: base and task vectors take as much memory as base and experts, and are
    loaded once.
    """

    def __init__(self, module: nn.Module, sources: TaskVectors, groups: Sequence[str]) -> None:
        """Load base and task vectors to where the module is.

        Args:
            module: Takes the base's architecture; its parameters are overwritten by `apply`.
            sources: Where base and experts are read from.
            groups: Names of the layer groups, lowest layers first.

        Raises:
            MergeError: The module's parameters are not those of the base.
        """
        self.module = module
        self._experts = tuple(sources.experts)
        self._groups = tuple(groups)
        self._group_of = layer_groups(sources.names, groups)
        self._parameters = _matching_parameters(module, sources)
        self._tensors: dict[str, tuple[Tensor, list[Tensor]]] = {}
        for name, parameter in self._parameters.items():
            base, vectors = sources.load(name)
            self._tensors[name] = (
                base.to(parameter.device),
                [vector.to(parameter.device) for vector in vectors],
            )

    def apply(self, recipe: MergeRecipe) -> None:
        """Overwrite the module's parameters by the merge of a recipe.

        Raises:
            MergeError: The recipe is for other experts or other layer groups.
        """
        if tuple(recipe.experts) != self._experts or recipe.layer_groups != self._groups:
            raise MergeError(
                f"the live model holds the experts {list(self._experts)} in the layer groups "
                f"{list(self._groups)}; the recipe has {list(recipe.experts)} in "
                f"{list(recipe.layer_groups)}"
            )
        method = METHODS[recipe.method]
        coefficients = {group: recipe.for_group(group) for group in self._groups}
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                base, vectors = self._tensors[name]
                parameter.copy_(method(base, vectors, coefficients[self._group_of[name]]))


def _matching_parameters(module: nn.Module, sources: TaskVectors) -> dict[str, nn.Parameter]:
    """Return the module's parameters by the base's names, tied ones once."""
    parameters = dict(module.named_parameters())
    missing = [name for name in parameters if name not in sources.base.tensors]
    if missing:
        raise MergeError(
            f"{len(missing)} parameters of the live model are not in {sources.base.folder}, for "
            f"example {missing[0]!r}; load the model from this folder"
        )
    unequal = [
        name
        for name, parameter in parameters.items()
        if tuple(parameter.shape) != sources.base.tensors[name].shape
    ]
    if unequal:
        raise MergeError(
            f"{unequal[0]!r} has the shape {tuple(parameters[unequal[0]].shape)} in the live model "
            f"and {sources.base.tensors[unequal[0]].shape} in {sources.base.folder}"
        )
    return parameters
