"""Gradients of a loss with respect to every coefficient of a merge, in one backward pass.

The merged weights are linear in the coefficients, so the derivative by a coefficient is the scalar
product of the weights' gradient with its task vector: `∂L/∂c_i = ⟨∂L/∂θ, d_i⟩`. One ordinary
backward pass on the live model gives them all, whatever the parametrisation.

Source: Zhang et al., "Knowledge Composition using Task Vectors with Learned Anisotropic Scaling",
NeurIPS 2024 (aTLAS), which learns the coefficients by them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from moopt.errors import MergeError
from moopt.merging.live_model import LiveModel
from moopt.merging.methods import METHODS
from moopt.merging.methods.method import ScaledTerms, Table
from moopt.merging.recipe import MergeRecipe
from moopt.merging.sources import pieces
from moopt.merging.space import MergeSpace
from moopt.study.parameters import Parameters

Loss = Callable[[nn.Module], Tensor]
"""Returns the loss of a module, a scalar that can be differentiated."""


def coefficient_gradients(live: LiveModel, recipe: MergeRecipe, loss: Loss) -> Table:
    """Return the derivative of a loss by the coefficient of each tensor and expert.

    The live model becomes the merge of the recipe. For coarser blocks, sum over their tensors.

    Args:
        live: Its parameters must be differentiable and float32.
        recipe: The merge at which to differentiate.
        loss: Called once, with the live module.

    Returns:
        A row for each of `live.names`, a column for each expert.

    Raises:
        MergeError: The method's weights are not linear in its coefficients.
    """
    method = METHODS[recipe.method]
    settings = live.settings(recipe)
    unit = replace(settings, coefficients=np.ones_like(settings.coefficients))
    facts = live.facts(recipe)
    terms = None if method.terms is None else method.terms(unit, facts)
    bends = settings.flags.get("normalize") or method.most_experts == 2
    if bends or not method.takes_coefficients or not isinstance(terms, ScaledTerms):
        raise MergeError(
            f"the weights of a merge by {recipe.method} are not linear in its coefficients; use "
            "task_arithmetic, dare_linear or della_linear, or linear with normalize off"
        )
    live.apply(recipe)
    live.module.zero_grad(set_to_none=True)
    torch.autograd.backward(loss(live.module))
    layout, resident = live.resident.layout, live.resident
    parameters = dict(live.module.named_parameters())
    products = np.zeros_like(settings.coefficients)
    for index, name in enumerate(layout.names):
        gradient = parameters[name].grad if name in parameters else None
        if gradient is None:
            continue
        vectors = [layout.numbers(rows, name) for rows in facts.experts]
        base = None
        if terms.from_base and resident.base is not None:
            base = layout.numbers(resident.base, name)
        flat = gradient.flatten().float()
        for start, stop in pieces(layout.shapes[name]):
            rows = torch.stack([vector[start:stop].float() for vector in vectors])
            if base is not None:
                rows -= base[start:stop].float()
            products[index] += (rows @ flat[start:stop]).double().cpu().numpy()
    gradients: Table = terms.scalars * products
    return gradients


def parameter_gradients(
    space: MergeSpace, live: LiveModel, parameters: Parameters, loss: Loss
) -> Mapping[str, float]:
    """Return the derivative of a loss by each coefficient's parameter of a space.

    Args:
        space: Its design matrix leads from the coefficients to the parameters.
        live: Holds the space's models.
        parameters: Where to differentiate.
        loss: Called once, with the live module.

    Raises:
        MergeError: As for `coefficient_gradients`.
    """
    recipe = space.recipe(parameters)
    by_tensor = coefficient_gradients(live, recipe, loss)
    names, matrix, _ = space.design_matrix()
    blocks = space.model_blocks()
    block_of = live.block_of(recipe.blocks)
    by_block = np.zeros((by_tensor.shape[1], len(blocks)))
    for row, name in zip(by_tensor, live.names, strict=True):
        by_block[:, blocks.index(block_of[name])] += row
    return dict(zip(names, np.einsum("eb,ebp->p", by_block, matrix).tolist(), strict=True))
