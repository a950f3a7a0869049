"""Kernels of each kind over four features in three groups, and numbers to feed them."""

import torch
from torch import Tensor

from moopt.surrogates.choice_kernels import Choices
from moopt.surrogates.dense_and_sparse import DenseAndSparse
from moopt.surrogates.guided_kernel import Guided
from moopt.surrogates.kernels import Kernel, Stationary
from moopt.surrogates.quadratic import Quadratic
from moopt.surrogates.shared_choices import Shared
from moopt.surrogates.sparse_axes import SparseAxes
from moopt.surrogates.warped_kernels import Warped

GROUPS = torch.tensor([0, 1, 1, 2])
WARPED_COLUMNS = torch.tensor([0, 3])
MATERN, RBF = Stationary(GROUPS, rough=True), Stationary(GROUPS, rough=False)
KERNELS: dict[str, Kernel] = {
    "matern": MATERN,
    "rbf": RBF,
    "choices": Choices.of(GROUPS, (1,)),
    "choices alone": Choices.of(GROUPS, (0, 1, 2)),
    "shared": Shared.of(GROUPS, (1,), ((1,),)),
    "quadratic": Quadratic(RBF),
    "sparse": SparseAxes.of(GROUPS),
    "dense and sparse": DenseAndSparse.of(GROUPS),
    "warped_matern": Warped(MATERN, WARPED_COLUMNS),
    "warped_quadratic": Warped(Quadratic(RBF), WARPED_COLUMNS),
    "guided": Guided(Stationary(GROUPS[:3], rough=True)),
}


def uniform(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def near_start(kernel: Kernel, seed: int = 0) -> Tensor:
    return kernel.start + 0.3 * normal(len(kernel.start), seed=seed)
