"""Merge into a model that is already in memory.

A search tries many coefficients on one model. Base and experts stay in memory beside it, and a
candidate is written into its parameters in one pass: no file is touched and nothing is loaded
again. The parameters are views of one buffer, so that the pass needs no copy.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from moopt.errors import MergeError
from moopt.merging.blocks import Blocks, assign
from moopt.merging.methods import METHODS
from moopt.merging.methods.method import Method, Settings
from moopt.merging.model_facts import ModelFacts, ResidentFacts
from moopt.merging.passes import run_terms
from moopt.merging.random_bits import rounding_key
from moopt.merging.recipe import MergeRecipe
from moopt.merging.resident import Resident, load_resident
from moopt.merging.rounding import StochasticRounding, round_flat
from moopt.merging.settings import settings_of
from moopt.merging.sources import Sources


class LiveModel:
    """A module whose parameters become whichever merge is asked for.

    Holds state on purpose: base and experts are loaded once and take as much memory as they do on
    disk, and what does not depend on the candidate (ranks, scalar products, masks) is kept.
    """

    def __init__(self, module: nn.Module, sources: Sources) -> None:
        """Load base and experts to where the module is.

        The module's parameters move into one buffer and keep their dtype: load it in float32 where
        memory allows, because bfloat16 rounds small task vectors away. So do its buffers that the
        reference stores, such as the running statistics of batch norms.

        Args:
            module: Takes the architecture of the reference; `apply` overwrites its parameters.
            sources: Where base and experts are read from.

        Raises:
            MergeError: The module's parameters are not those of the reference, or a source holds
                NaN.
        """
        self.module = module
        self._sources = sources
        parameters = _matching_weights(module, sources)
        first = next(iter(parameters.values()))
        self._resident = load_resident(sources, list(parameters), first.device)
        layout = self._resident.layout
        self._rows = torch.zeros(
            (len(layout.owner), self._resident.experts[0].shape[1]),
            dtype=first.dtype,
            device=first.device,
        )
        for name, parameter in parameters.items():
            view = layout.numbers(self._rows, name)
            view.copy_(parameter.detach().flatten())
            parameter.data = view.view(parameter.shape)
        self._facts = ResidentFacts(self._resident)
        self._blocks: dict[str, Mapping[str, str]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The reference's names of parameters and buffers, tied ones once."""
        return self._resident.layout.names

    @property
    def resident(self) -> Resident:
        """Base and experts in memory."""
        return self._resident

    def settings(self, recipe: MergeRecipe) -> Settings:
        """Return the numbers of a recipe for each of `names`.

        Raises:
            MergeError: The recipe is for other sources, or its blocks are not the model's.
        """
        folders = [str(each.checkpoint.folder) for each in self._sources.experts.values()]
        base = None if self._sources.base is None else str(self._sources.base.folder)
        if set(recipe.statistics) != set(self._sources.statistics):
            raise MergeError("the live model was made without the statistics of this recipe")
        if (list(recipe.experts.values()), recipe.base) != (folders, base):
            raise MergeError(
                f"the live model holds the base {base} and the experts {folders}; the recipe has "
                f"{recipe.base} and {list(recipe.experts.values())}"
            )
        return settings_of(recipe, self.names, self.block_of(recipe.blocks))

    def block_of(self, blocks: Blocks) -> Mapping[str, str]:
        """Return the block of each tensor of the reference, of which the module may lack some.

        Raises:
            MergeError: The blocks are not the model's.
        """
        key = repr(blocks)
        if key not in self._blocks:
            self._blocks = {key: assign(blocks, self._sources.names)}
        return self._blocks[key]

    def facts(self, recipe: MergeRecipe) -> ModelFacts:
        """Return what the recipe's method asks of the experts, with its masks on them."""
        method = METHODS[recipe.method]
        return self._facts.under(method, self.settings(recipe), list(recipe.experts))

    def apply(self, recipe: MergeRecipe) -> None:
        """Overwrite the module's parameters by the merge of a recipe.

        The recipe's dtype is for files; here the parameters keep theirs.

        Raises:
            MergeError: The recipe is for other sources, or its blocks are not the model's.
        """
        settings = self.settings(recipe)
        method = METHODS[recipe.method]
        layout = self._resident.layout
        if method.terms is None:
            self._merge_whole(method, settings, recipe.rounding_seed)
            return
        with torch.no_grad():
            facts = self._facts.under(method, settings, list(recipe.experts))
            terms = method.terms(settings, facts)
            rounding = None
            if recipe.rounding_seed is not None:
                keys = [rounding_key(recipe.rounding_seed, name) for name in self.names]
                rounding = StochasticRounding(
                    torch.tensor(keys, device=self._rows.device), layout.places
                )
            run_terms(
                self._rows,
                self._resident.base,
                facts.experts,
                terms,
                layout.owner,
                rounding=rounding,
            )

    def _merge_whole(self, method: Method, settings: Settings, seed: int | None) -> None:
        layout = self._resident.layout
        with torch.no_grad():
            for index, name in enumerate(self.names):
                merged = method.merge_whole(self._facts.whole(index), settings.at(index))
                key = None if seed is None else rounding_key(seed, name)
                round_flat(layout.numbers(self._rows, name), merged.flatten(), key, 0)


def _matching_weights(module: nn.Module, sources: Sources) -> dict[str, Tensor]:
    """Return the module's parameters and buffers by the reference's names, tied ones once."""
    reference = sources.reference
    parameters: dict[str, Tensor] = dict(module.named_parameters())
    merged = set(sources.names)
    parameters |= {name: each for name, each in module.named_buffers() if name in merged}
    missing = [name for name in parameters if name not in reference.tensors]
    if missing:
        raise MergeError(
            f"{len(missing)} parameters of the live model are not in {reference.folder}, for "
            f"example {missing[0]!r}; load the model from this folder"
        )
    unequal = [
        name
        for name, parameter in parameters.items()
        if tuple(parameter.shape) != reference.tensors[name].shape
    ]
    if unequal:
        raise MergeError(
            f"{unequal[0]!r} has the shape {tuple(parameters[unequal[0]].shape)} in the live model "
            f"and {reference.tensors[unequal[0]].shape} in {reference.folder}"
        )
    kinds = sorted({f"{each.dtype} on {each.device}" for each in parameters.values()})
    if len(kinds) != 1:
        raise MergeError(
            "the parameters of the live model must have one dtype and one device, got "
            f"{', '.join(kinds) or 'no parameters'}; load it with one dtype, for example float32"
        )
    return parameters
