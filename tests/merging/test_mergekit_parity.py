"""mergekit 0.1.5 and moopt compute the same, to 1e-6 of the largest number of a tensor, in float32.

No number is left out: in these models none is on a cut that others share. Random masks are those
that mergekit drew. Where the two differ on purpose, see `test_mergekit_differences`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor

from moopt.merging.engine import sources_of
from moopt.merging.live_model import LiveModel
from moopt.merging.methods import METHODS
from moopt.merging.methods.method import Mask, Piece
from moopt.merging.one_tensor import merged_pieces
from moopt.merging.recipe import MergeRecipe, OptionValue
from moopt.merging.settings import settings_of
from moopt.merging.tensor_facts import TensorSource
from tests.merging.oracle.mergekit_oracle import MergekitOracle, configuration
from tests.merging.oracle.tiny_families import EXPERTS, Family, write_family
from tests.merging.small_models import module_of

pytestmark = pytest.mark.slow

MIXED = (0.3, 0.7, -0.2)
POSITIVE = (0.5, 0.3, 0.9)
L1 = {"rescale": "l1"}


@dataclass(frozen=True, slots=True)
class Case:
    """A merge in moopt's words and in mergekit's."""

    method: str
    coefficients: Sequence[float] = ()
    """Empty: the method takes none."""

    options: Mapping[str, OptionValue] = field(default_factory=dict)
    own: Mapping[str, float | Sequence[float]] = field(default_factory=dict)
    """What mergekit is told of each expert beside its weight: one number for all, or one each."""

    shared: Mapping[str, float] = field(default_factory=dict)
    """What mergekit is told once."""

    has_base: bool = True

    def __str__(self) -> str:
        options = [f"{name}={value}" for name, value in self.options.items()]
        return " ".join([self.method, *map(str, self.coefficients), *options])

    @property
    def experts(self) -> Sequence[str]:
        """The experts, as many as the method takes."""
        return EXPERTS[: METHODS[self.method].most_experts]

    def recipe(self, family: Family) -> MergeRecipe:
        """Return the merge for moopt."""
        return MergeRecipe(
            self.method,
            dict(zip(self.experts, map(str, family.experts), strict=False)),
            base=str(family.base) if self.has_base else None,
            coefficients=dict(zip(self.experts, self.coefficients, strict=False)),
            options=self.options,
        )

    def configuration(self, family: Family) -> str:
        """Return the merge for mergekit."""
        told = {**self.own, **({"weight": self.coefficients} if self.coefficients else {})}
        parameters = [
            {
                name: each if isinstance(each, int | float) else each[index]
                for name, each in told.items()
            }
            for index in range(len(self.experts))
        ]
        return configuration(
            self.method,
            family.base if self.has_base else None,
            list(zip(family.experts, parameters, strict=False)),
            **self.shared,
        )


DENSITIES = {"first": 0.1, "second": 0.29, "third": 1.0}
CASES = [
    Case("task_arithmetic", MIXED),
    Case(
        "task_arithmetic",
        POSITIVE,
        {"normalize": True, "scale": 0.6},
        shared={"normalize": True, "lambda": 0.6},
    ),
    Case("linear", POSITIVE, has_base=False),
    Case("linear", MIXED, {"normalize": False}, shared={"normalize": False}, has_base=False),
    Case("nuslerp", (0.3, 0.9)),
    Case("nuslerp", (-1.0, 1.5)),
    Case("nuslerp", (0.3, 0.9), has_base=False),
    Case("ties", (1.0, 1.0, 1.0), {"density": 0.2}, own={"density": 0.2}),
    Case("ties", POSITIVE, {"density": 1.0, "scale": 0.6}, shared={"lambda": 0.6}),
    Case(
        "ties",
        MIXED,
        {"density": 0.5, "normalize": False},
        own={"density": 0.5},
        shared={"normalize": False},
    ),
    Case("ties", MIXED, {"density": DENSITIES}, own={"density": tuple(DENSITIES.values())}),
    Case("ties", (0.5, -0.5, 0.25), {"density": 0.7}, own={"density": 0.7}),
    Case("ties", POSITIVE, {"density": 0.01}, own={"density": 0.01}),  # one number of a norm
    Case(
        "breadcrumbs",
        POSITIVE,
        {"density": 0.7, "outliers": 0.1},
        own={"density": 0.7, "gamma": 0.1},
    ),
    Case(
        "breadcrumbs",
        MIXED,
        {"density": 0.95, "outliers": 0.2, "normalize": True},
        own={"density": 0.95, "gamma": 0.2},
        shared={"normalize": True},
    ),
    Case(
        "breadcrumbs",
        MIXED,
        {"density": 1.0, "outliers": 0.2},
        own={"density": 1.0, "gamma": 0.2},
    ),
    Case(
        "breadcrumbs_ties",
        POSITIVE,
        {"density": 0.7, "outliers": 0.1, "normalize": True},
        own={"density": 0.7, "gamma": 0.1},
        shared={"normalize": True},
    ),
    Case("breadcrumbs_ties", MIXED, {"density": 0.9}, own={"density": 0.9}),
    Case("breadcrumbs_ties", MIXED, {"density": 0.01}, own={"density": 0.01}),  # none of a norm
    Case("dare_linear", MIXED, {"density": 1.0, **L1}),
    Case("dare_ties", MIXED, {"density": 1.0, **L1, "normalize": True}, shared={"normalize": True}),
    Case("della", MIXED, {"density": 1.0, **L1, "normalize": True}),
    Case("sce", (), {"select": 0.2}, shared={"select_topk": 0.2}),
    Case("sce", (), {"select": 1.0}),
    Case("model_stock"),
]
MASKED = [
    Case(
        "dare_linear",
        POSITIVE,
        {"density": 0.3, **L1, "normalize": True, "scale": 0.6},
        own={"density": 0.3},
        shared={"normalize": True, "lambda": 0.6},
    ),
    Case(
        "dare_ties",
        POSITIVE,
        {"density": {"first": 0.3, "second": 1.0, "third": 0.6}, **L1},
        own={"density": (0.3, 1.0, 0.6)},
    ),
    Case(
        "della",
        MIXED,
        {"density": 0.5, "window": 0.2, **L1, "normalize": True},
        own={"density": 0.5, "epsilon": 0.2},
    ),
    Case(
        "della_linear",
        MIXED,
        {"density": 0.5, "window": 0.2, "rescale": "none"},
        own={"density": 0.5, "epsilon": 0.2},
        shared={"rescale": False},
    ),
]
SLERPS = (0.3, 0.0, 1.4)

Live = Mapping[tuple[bool, int], LiveModel]


@pytest.fixture(scope="module", params=["bert", "llama", "t5"])
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Family:
    """Return a base and three experts; gated T5 has tensors of the same kinds."""
    return write_family(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def live(family: Family) -> Live:
    """Return live models, by whether there is a base and by the number of experts."""
    base, _ = family.tensors()
    kinds = {(case.has_base, len(case.experts)): case for case in CASES}
    return {
        kind: LiveModel(module_of(base), sources_of(case.recipe(family)))
        for kind, case in kinds.items()
    }


def merge(live: Live, case: Case, family: Family) -> dict[str, Tensor]:
    model = live[case.has_base, len(case.experts)]
    model.apply(case.recipe(family))
    return {name: each.detach().clone() for name, each in model.module.named_parameters()}


def far(merged: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    """Return the tensors that differ, and by which part of their largest number."""
    distances = {
        name: float((each - expected[name]).abs().max() / expected[name].abs().max())
        for name, each in merged.items()
    }
    return [f"{name}: {distance:.1e}" for name, distance in distances.items() if distance > 1e-6]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_merge_is_that_of_mergekit(
    oracle: MergekitOracle, family: Family, live: Live, case: Case
) -> None:
    theirs = oracle.merge(case.configuration(family))

    assert far(merge(live, case, family), theirs) == []


@pytest.mark.parametrize("share", SLERPS)
def test_slerp_is_that_of_mergekit(
    oracle: MergekitOracle, family: Family, live: Live, share: float
) -> None:
    case = Case("slerp", (1 - share, share), has_base=False)
    first, second, _ = family.experts

    theirs = oracle.merge(configuration("slerp", first, [(second, {})], t=share))

    assert far(merge(live, case, family), theirs) == []


@pytest.mark.parametrize("case", MASKED, ids=str)
def test_under_the_same_masks_the_merge_is_that_of_mergekit(
    oracle: MergekitOracle, family: Family, case: Case
) -> None:
    base, experts = family.tensors()

    theirs, kept = oracle.merge_and_masks(case.configuration(family), seed=1)

    ours = {
        name: masked_merge(
            case.recipe(family),
            base[name],
            [expert[name] for expert in experts],
            [mask[name] for mask in kept],
        )
        for name in base
    }
    assert far(ours, theirs) == []


def masked_merge(
    recipe: MergeRecipe, base: Tensor, experts: Sequence[Tensor], kept: Sequence[Tensor]
) -> Tensor:
    """Merge a tensor under given masks. All but the masks is the method's own."""
    masks = [mask.flatten() for mask in kept]
    vectors = [expert.flatten() for expert in experts]
    start = base.flatten()

    def apply(piece: Piece, *_: object) -> list[Tensor]:
        return [
            torch.where(mask[piece.start :][: len(expert)], expert, piece.base)
            for mask, expert in zip(masks, piece.experts, strict=True)
        ]

    method = METHODS[recipe.method]
    assert method.mask is not None
    source = TensorSource(
        tuple(base.shape),
        len(experts),
        lambda first, last: (start[first:last], [each[first:last] for each in vectors]),
        lambda: (None, False),
    )
    pieces = merged_pieces(
        replace(method, mask=Mask(apply, method.mask.factors)),
        settings_of(recipe, ["tensor"]),
        source,
        [0] * len(experts),
        torch.float32,
    )
    return torch.cat(list(pieces)).view(base.shape)
