"""Which kernels suit a space?"""

from collections.abc import Mapping

from moopt.surrogates.choice_kernels import Choices
from moopt.surrogates.dense_and_sparse import DenseAndSparse
from moopt.surrogates.features import Features
from moopt.surrogates.kernels import Kernel, Stationary
from moopt.surrogates.quadratic import Quadratic
from moopt.surrogates.shared_choices import Shared
from moopt.surrogates.sparse_axes import SparseAxes
from moopt.surrogates.warped_kernels import Warped, warped_versions

ANYWHERE = "matern"
"""The kernel that every space has and that expects least."""

FEW_GROUPS, MANY_GROUPS = 3, 30
"""Groups from which a quadratic surface comes first, and up to which it and warped inputs are
considered."""

MANY_AXES = 15
"""Groups from which it is likely that few of them matter."""

ENOUGH_FOR_BOTH = 20
"""Measurements from which a kernel of dense and sparse axes comes first where there is one: before,
it has more to learn than there is to learn from."""


def kernels_for(features: Features) -> dict[str, Kernel]:
    """Return the kernels that suit a space, in the order for few measurements, warped ones last."""
    kernels = _dense_kernels(features)
    columns = features.numbers if features.plain and features.group_count <= MANY_GROUPS else ()
    warped = warped_versions(kernels, columns)
    if features.group_count >= MANY_AXES:
        layout = SparseAxes if features.categorical else DenseAndSparse
        kernels["sparse"] = layout.of(features.groups)
    return kernels | warped


def in_turn(kernels: Mapping[str, Kernel], count: int) -> list[str]:
    """Return the names of the kernels on plain inputs, the usual one first.

    Args:
        kernels: Those that suit a space.
        count: How many measurements there are.
    """
    names = [name for name, kernel in kernels.items() if not isinstance(kernel, Warped)]
    if count >= ENOUGH_FOR_BOTH:
        names.sort(key=lambda name: not isinstance(kernels[name], DenseAndSparse))
    return names


def _dense_kernels(features: Features) -> dict[str, Kernel]:
    rough, smooth = (Stationary(features.groups, rough=each) for each in (True, False))
    if not features.categorical:
        kernels: dict[str, Kernel] = {"rbf": smooth, "matern": rough}
        surface = {"quadratic": Quadratic(smooth)}
        if not features.plain or features.group_count > MANY_GROUPS:
            return kernels
        return surface | kernels if features.group_count >= FEW_GROUPS else kernels | surface
    if features.group_count == 1:
        return {"matern": rough}
    choices: dict[str, Kernel] = {"choices": Choices.of(features.groups, features.categorical)}
    if features.alike:
        choices["shared"] = Shared.of(features.groups, features.categorical, features.alike)
    return choices | {"matern": rough}
