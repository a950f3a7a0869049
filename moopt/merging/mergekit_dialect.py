"""What mergekit 0.1.5 calls the methods' numbers, and what it takes for those that are left out.

Written once, read by both directions: `moopt.merging.mergekit` writes configurations by it and
`moopt.merging.from_mergekit` reads them.
"""

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum

COEFFICIENT = "coefficient"
"""Stands for the coefficients among the names of options."""

SHARE = "share"
"""Stands for the place between two models, which moopt tells by two coefficients."""

ADDITIONS = "+@"
"""Signs in a model's name that mergekit reads: an adapter follows, a revision follows."""


class BaseModel(Enum):
    """What `base_model` is to a method of mergekit."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    ONE_MORE_EXPERT = "one more expert"
    """It is merged like the others."""

    FIRST_EXPERT = "first expert"
    """It is one of the two that are merged."""


@dataclass(frozen=True, slots=True)
class Numeric:
    """A number, which may differ from tensor to tensor."""

    ours: str
    default: float | None = None
    """None: it has to be given."""

    _: KW_ONLY
    most: float = math.inf
    """What is above counts as this."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that is on or off for all tensors."""

    ours: str
    default: bool
    words: Mapping[bool, str] = field(default_factory=dict)
    """What moopt calls the two. Empty: true and false."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Something that moopt computes in one way only."""

    value: bool


@dataclass(frozen=True, slots=True)
class Idle:
    """Something that mergekit reads and that does not change the result."""


Parameter = Numeric | Switch | Fixed | Idle


@dataclass(frozen=True, slots=True)
class Dialect:
    """A method as mergekit has it."""

    base: BaseModel
    of_models: Mapping[str, Numeric | Idle]
    """Parameters of each model that is merged; the base has none."""

    of_merge: Mapping[str, Parameter]
    """Parameters that are given once."""


_WEIGHT = {"weight": Numeric(COEFFICIENT)}
_THINNED = {**_WEIGHT, "density": Numeric("density", 1.0, most=1.0)}
_WINDOWED = {**_THINNED, "epsilon": Numeric("window", 0.15)}
_CUT = {**_THINNED, "gamma": Numeric("outliers", 0.01)}
_RESCALE = Switch("rescale", default=True, words={True: "l1", False: "none"})


def _sum(of_models: Mapping[str, Numeric | Idle], rescale: Parameter, *, mean: bool) -> Dialect:
    """Return a method that sums task vectors; `mean` is mergekit's default for `normalize`."""
    return Dialect(
        BaseModel.REQUIRED,
        of_models,
        {
            "normalize": Switch("normalize", default=mean),
            "rescale": rescale,
            "lambda": Numeric("scale", 1.0),
            "int8_mask": Idle(),
        },
    )


DIALECTS: Mapping[str, Dialect] = {
    "task_arithmetic": _sum({**_WEIGHT, "density": Idle()}, Idle(), mean=False),
    "ties": _sum(_THINNED, Fixed(value=False), mean=True),
    "dare_linear": _sum(_THINNED, _RESCALE, mean=False),
    "dare_ties": _sum(_THINNED, _RESCALE, mean=False),
    "della": _sum(_WINDOWED, _RESCALE, mean=True),
    "della_linear": _sum(_WINDOWED, _RESCALE, mean=False),
    "breadcrumbs": _sum(_CUT, Fixed(value=False), mean=False),
    "breadcrumbs_ties": _sum(_CUT, Fixed(value=False), mean=False),
    "linear": Dialect(
        BaseModel.ONE_MORE_EXPERT,
        _WEIGHT,
        {"normalize": Switch("normalize", default=True), "int8_mask": Idle()},
    ),
    "slerp": Dialect(BaseModel.FIRST_EXPERT, {}, {"t": Numeric(SHARE), "int8_mask": Idle()}),
    "nuslerp": Dialect(
        BaseModel.OPTIONAL,
        _WEIGHT,
        {
            "nuslerp_flatten": Fixed(value=True),
            "nuslerp_row_wise": Idle(),  # it is read where `nuslerp_flatten` is false
            "int8_mask": Idle(),
        },
    ),
    "sce": Dialect(
        BaseModel.REQUIRED,
        {},
        {"select_topk": Numeric("select", 1.0, most=1.0), "int8_mask": Idle()},
    ),
    "model_stock": Dialect(
        BaseModel.REQUIRED, {}, {"filter_wise": Fixed(value=False), "int8_mask": Idle()}
    ),
}
"""Every method that both have."""
