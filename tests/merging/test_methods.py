"""Every method against its formula, written a second time: in float64, as the papers have it.

Sums in float32 are off by a few roundings of their terms, which is what is allowed before the one
rounding to the result's dtype; after that it may be one unit in the last place. Draws in which
rounding decides (a vote that is nothing but rounding, a cosine at a threshold) are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jaxtyping import Float
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.methods import METHODS
from moopt.merging.methods.masked import sce_cut
from moopt.merging.methods.method import Base, Piece
from moopt.merging.one_tensor import merge_tensors
from moopt.merging.random_bits import mask_keys, uniforms
from moopt.merging.recipe import MergeRecipe, OptionValue
from moopt.merging.settings import settings_of

FEW = settings(max_examples=25, deadline=None)
SHAPES = ((), (1,), (7,), (3, 5), (4, 1), (2, 3, 4), (30, 41))
ROUNDINGS = 16
"""How many roundings of its terms in float32 a sum may be off."""

Options = Mapping[str, OptionValue]
Row = Float[np.ndarray, " p"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A tensor of a base and of experts, with a coefficient each."""

    base: Tensor
    experts: Sequence[Tensor]
    coefficients: Sequence[float]

    def merge(self, method: str, options: Options | None = None) -> Tensor:
        """Return what moopt makes of it."""
        known = METHODS[method]
        return merge_tensors(
            method,
            self.experts,
            self.coefficients if known.takes_coefficients else (),
            base=None if known.base is Base.UNUSED else self.base,
            options=options,
        )

    @property
    def start(self) -> Row:
        """The numbers of the base."""
        return numbers(self.base)

    @property
    def weights(self) -> list[Row]:
        """The numbers of each expert."""
        return [numbers(each) for each in self.experts]

    @property
    def vectors(self) -> list[Row]:
        """The task vectors, rounded to float32 as moopt has them: cuts are at such numbers."""
        start = self.base.float()
        return [numbers(each.float() - start) for each in self.experts]

    def shares(self, *, normalize: bool) -> list[float]:
        total = sum(self.coefficients)
        is_nothing = abs(total) <= 1e-6 * sum(map(abs, self.coefficients))
        return [c / (total if normalize and not is_nothing else 1) for c in self.coefficients]


def numbers(tensor: Tensor) -> Row:
    return tensor.double().flatten().numpy()


@st.composite
def draws(draw: st.DrawFn, fewest: int = 1, most: int = 4) -> Drawn:
    """Draw tensors of one shape and dtype, in which some numbers of an expert are the base's."""
    shape = draw(st.sampled_from(SHAPES))
    dtype = draw(st.sampled_from([torch.float32, torch.bfloat16]))
    size = draw(st.sampled_from([1e-3, 0.1, 3.0]))
    count = draw(st.integers(fewest, most))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    base = torch.randn(shape, generator=generator)
    experts = []
    for _ in range(count):
        changed = base + size * torch.randn(shape, generator=generator) ** 3
        is_kept = torch.rand(shape, generator=generator) < draw(st.sampled_from([0.0, 0.3, 1.0]))
        experts.append(torch.where(is_kept, base, changed).to(dtype))
    hundredths = st.lists(st.integers(-150, 150), min_size=count, max_size=count)
    return Drawn(base.to(dtype), experts, [number / 100 for number in draw(hundredths)])


DENSITIES = st.integers(1, 20).map(lambda twentieths: twentieths / 20)
SCALES = st.sampled_from([1.0, 0.3, -2.0])


def assert_is(merged: Tensor, expected: Row, terms: Row) -> None:
    """Assert that a merge is what is expected, up to rounding.

    Args:
        merged: A method's result.
        expected: Its numbers in float64.
        terms: Of each number, what its terms come to without their signs.
    """
    allowed = ROUNDINGS * 2.0**-24 * terms
    if merged.dtype == torch.bfloat16:
        allowed = allowed + 2.0**-7 * 2.0 ** np.floor(np.log2(np.maximum(abs(expected), 1e-30)))
    error = abs(numbers(merged) - expected)
    np.testing.assert_array_less(error, np.nextafter(allowed, np.inf))


def assert_sums(merged: Tensor, start: Row, parts: Sequence[Row], scale: float = 1.0) -> None:
    expected = start + scale * sum(parts)
    assert_is(merged, expected, abs(start) + abs(scale) * sum(abs(part) for part in parts))


def assert_elects(
    merged: Tensor,
    drawn: Drawn,
    vectors: Sequence[Row],
    *,
    shares: Sequence[float],
    votes: Sequence[float],
    scale: float,
    normalize: bool,
) -> None:
    """Assert a sum over the experts that agree with the elected sign, number by number."""
    expected, terms = drawn.start.copy(), abs(drawn.start)
    for place in range(len(expected)):
        own = [vector[place] for vector in vectors]
        cast = [vote * number for vote, number in zip(votes, own, strict=True)]
        assume(not any(cast) or abs(sum(cast)) > 1e-6 * sum(map(abs, cast)))
        sign = 1 if sum(cast) >= 0 else -1
        agreeing = [(c, c * v) for c, v in zip(shares, own, strict=True) if sign * c * v > 0]
        divisor = sum(share for share, _ in agreeing) if normalize else 1
        weighed = sum(abs(share) for share, _ in agreeing) if normalize else 1
        if abs(divisor) <= 1e-6 * weighed:
            divisor = weighed = 1
        expected[place] += scale * sum(part for _, part in agreeing) / divisor
        size = abs(scale / divisor) * sum(abs(part) for _, part in agreeing)
        terms[place] += size * weighed / abs(divisor)  # weights that nearly cancel round coarsely
    assert_is(merged, expected, terms)


@FEW
@given(drawn=draws(), scale=SCALES, normalize=st.booleans())
def test_task_arithmetic(drawn: Drawn, scale: float, *, normalize: bool) -> None:
    merged = drawn.merge("task_arithmetic", {"scale": scale, "normalize": normalize})

    shares = drawn.shares(normalize=normalize)
    parts = [share * vector for share, vector in zip(shares, drawn.vectors, strict=True)]
    assert_sums(merged, drawn.start, parts, scale)


@FEW
@given(drawn=draws(), normalize=st.booleans())
def test_linear(drawn: Drawn, *, normalize: bool) -> None:
    merged = drawn.merge("linear", {"normalize": normalize})

    shares = drawn.shares(normalize=normalize)
    parts = [share * weights for share, weights in zip(shares, drawn.weights, strict=True)]
    assert_sums(merged, np.zeros_like(drawn.start), parts)


def on_the_arc(models: Sequence[Row], coefficients: Sequence[float], straight: float) -> list[Row]:
    """Return the two terms of a spherical interpolation."""
    first, second = models
    total = sum(coefficients)
    share = 0.5 if abs(total) < 1e-6 else coefficients[1] / total
    norms = np.linalg.norm(first) * np.linalg.norm(second)
    cosine = first @ second / norms if norms else 0.0
    assume(abs(abs(cosine) - straight) > 1e-13 and not 1 - 1e-6 < abs(cosine) < straight)
    if norms == 0 or abs(cosine) > straight:
        return [(1 - share) * first, share * second]
    angle = np.arccos(cosine)
    return [
        np.sin((1 - share) * angle) / np.sin(angle) * first,
        np.sin(share * angle) / np.sin(angle) * second,
    ]


@FEW
@given(draws(2, 2))
def test_slerp(drawn: Drawn) -> None:
    merged = drawn.merge("slerp")

    parts = on_the_arc(drawn.weights, drawn.coefficients, 0.9995)
    assert_sums(merged, np.zeros_like(drawn.start), parts)


@FEW
@given(draws(2, 2))
def test_nuslerp(drawn: Drawn) -> None:
    merged = drawn.merge("nuslerp")

    exact = [each - drawn.start for each in drawn.weights]
    assert_sums(merged, drawn.start, on_the_arc(exact, drawn.coefficients, 1 - 1e-12))


def largest(vector: Row, density: float) -> Row:
    """Return the numbers that TIES keeps: as many as the density says, and their equals."""
    count = len(vector) if density >= 1 else max(1, int(density * len(vector)))
    return np.where(abs(vector) >= np.sort(abs(vector))[len(vector) - count], vector, 0.0)


def between(vector: Row, density: float, outliers: float) -> Row:
    """Return the numbers that breadcrumbs keep: no outliers, and below them as many as it says."""
    count, dropped = int(density * len(vector)), int(outliers * len(vector))
    if density >= 1 or count == 0:
        return vector if density >= 1 else np.zeros_like(vector)
    first = max(0, len(vector) - count - dropped)
    sizes = np.sort(abs(vector))
    low, high = sizes[first], sizes[first + count - 1]
    return np.where((low <= abs(vector)) & (abs(vector) <= high), vector, 0.0)


@FEW
@given(
    drawn=draws(), density=DENSITIES, scale=SCALES, normalize=st.booleans(), weighted=st.booleans()
)
def test_ties(
    drawn: Drawn, density: float, scale: float, *, normalize: bool, weighted: bool
) -> None:
    election = "weighted" if weighted else "unweighted"
    options: Options = {
        "density": density,
        "scale": scale,
        "normalize": normalize,
        "election": election,
    }

    merged = drawn.merge("ties", options)

    assert_elects(
        merged,
        drawn,
        [largest(vector, density) for vector in drawn.vectors],
        shares=drawn.coefficients,
        votes=drawn.coefficients if weighted else np.sign(drawn.coefficients).tolist(),
        scale=scale,
        normalize=normalize,
    )


@FEW
@given(drawn=draws(), density=DENSITIES, outliers=st.sampled_from([0.0, 0.01, 0.3]))
def test_breadcrumbs(drawn: Drawn, density: float, outliers: float) -> None:
    merged = drawn.merge("breadcrumbs", {"density": density, "outliers": outliers})

    kept = [between(vector, density, outliers) for vector in drawn.vectors]
    parts = [c * vector for c, vector in zip(drawn.coefficients, kept, strict=True)]
    assert_sums(merged, drawn.start, parts)


@FEW
@given(drawn=draws(), density=DENSITIES, normalize=st.booleans())
def test_breadcrumbs_ties(drawn: Drawn, density: float, *, normalize: bool) -> None:
    options: Options = {"density": density, "outliers": 0.1, "normalize": normalize}

    merged = drawn.merge("breadcrumbs_ties", options)

    assert_elects(
        merged,
        drawn,
        [between(vector, density, 0.1) for vector in drawn.vectors],
        shares=drawn.coefficients,
        votes=drawn.coefficients,
        scale=1.0,
        normalize=normalize,
    )


def dice(drawn: Drawn, seed: int) -> list[Row]:
    """Return the random numbers that each expert's mask is drawn by."""
    names = [str(index) for index in range(len(drawn.experts))]
    return [
        uniforms(key, len(drawn.start), 0, torch.device("cpu")).numpy()
        for key in mask_keys(seed, "tensor", names)
    ]


def rescaled(vector: Row, keep: Row, probability: Row | float, rescale: str) -> Row:
    """Return a masked task vector."""
    masked: Row = np.where(keep, vector, 0.0)
    sums = float(abs(vector).sum()), float(abs(masked).sum())
    match rescale:
        case "inverse":
            masked = masked / probability
        case "l1" if all(sums):
            masked = masked * sums[0] / sums[1]
    return masked


def thinned(drawn: Drawn, density: float, rescale: str, seed: int) -> list[Row]:
    """Return the task vectors of DARE."""
    return [
        rescaled(vector, thrown < density, density, rescale)
        for vector, thrown in zip(drawn.vectors, dice(drawn, seed), strict=True)
    ]


def thinned_by_size(drawn: Drawn, density: float, window: float, rescale: str) -> list[Row]:
    """Return the task vectors of DELLA."""
    if density >= 1:
        return drawn.vectors
    shape = drawn.base.shape
    rows = shape[0] if len(shape) > 1 else 1
    found = []
    for vector, thrown in zip(drawn.vectors, dice(drawn, 0), strict=True):
        ranks = abs(vector).reshape(rows, -1).argsort(axis=1, kind="stable").argsort(axis=1)
        width = ranks.shape[1]
        place = ranks / (width - 1) if width > 1 else np.full(ranks.shape, 0.5)
        probability = (density - window + 2 * window * place).ravel()
        found.append(rescaled(vector, thrown < probability, probability, rescale))
    return found


RESCALES = st.sampled_from(["inverse", "l1", "none"])


@FEW
@given(drawn=draws(), density=DENSITIES, rescale=RESCALES, seed=st.integers(0, 9))
def test_dare_linear(drawn: Drawn, density: float, rescale: str, seed: int) -> None:
    merged = drawn.merge("dare_linear", {"density": density, "rescale": rescale, "seed": seed})

    kept = thinned(drawn, density, rescale, seed)
    parts = [c * vector for c, vector in zip(drawn.coefficients, kept, strict=True)]
    assert_sums(merged, drawn.start, parts)


@FEW
@given(drawn=draws(), density=DENSITIES, rescale=RESCALES, normalize=st.booleans())
def test_dare_ties(drawn: Drawn, density: float, rescale: str, *, normalize: bool) -> None:
    options: Options = {"density": density, "rescale": rescale, "normalize": normalize}

    merged = drawn.merge("dare_ties", options)

    assert_elects(
        merged,
        drawn,
        thinned(drawn, density, rescale, 0),
        shares=drawn.coefficients,
        votes=drawn.coefficients,
        scale=1.0,
        normalize=normalize,
    )


WINDOWED = st.sampled_from([(1.0, 0.1), (0.5, 0.0), (0.5, 0.4), (0.2, 0.1), (0.8, 0.15)])


@FEW
@given(drawn=draws(), windowed=WINDOWED, rescale=RESCALES)
def test_della_linear(drawn: Drawn, windowed: tuple[float, float], rescale: str) -> None:
    density, window = windowed
    options: Options = {"density": density, "window": window, "rescale": rescale}

    merged = drawn.merge("della_linear", options)

    kept = thinned_by_size(drawn, density, window, rescale)
    parts = [c * vector for c, vector in zip(drawn.coefficients, kept, strict=True)]
    expected = drawn.start + sum(parts)
    # Divided numbers are kept as weights: base and all.
    terms = abs(drawn.start) * (1 + sum(map(abs, drawn.coefficients)))
    assert_is(merged, expected, terms + sum(abs(part) for part in parts))


@FEW
@given(drawn=draws(), windowed=WINDOWED, normalize=st.booleans())
def test_della(drawn: Drawn, windowed: tuple[float, float], *, normalize: bool) -> None:
    density, window = windowed
    options: Options = {
        "density": density,
        "window": window,
        "rescale": "none",
        "normalize": normalize,
    }

    merged = drawn.merge("della", options)

    assert_elects(
        merged,
        drawn,
        thinned_by_size(drawn, density, window, "none"),
        shares=drawn.coefficients,
        votes=drawn.coefficients,
        scale=1.0,
        normalize=normalize,
    )


@FEW
@given(draws(), st.sampled_from([0.1, 0.5, 1.0]))
def test_sce(drawn: Drawn, select: float) -> None:
    merged = drawn.merge("sce", {"select": select})

    vectors = np.stack(drawn.vectors)
    variance = vectors.var(axis=0)
    if select < 1:
        count = int(select * np.count_nonzero(np.ptp(vectors, axis=0)))
        ranked = np.sort(variance)[::-1]
        assume(count in {0, len(ranked)} or ranked[count] < (1 - 1e-5) * ranked[count - 1])
        chosen = variance >= ranked[count - 1] if count else np.zeros(len(ranked), bool)
        vectors = np.where(chosen, vectors, 0.0)
    squares = (vectors**2).mean(axis=1)
    total = squares.sum()
    shares = squares / total if total else np.full(len(squares), 1 / len(squares))
    assert_elects(
        merged,
        drawn,
        list(vectors),
        shares=shares.tolist(),
        votes=[1.0] * len(shares),
        scale=1.0,
        normalize=True,
    )


@FEW
@given(draws(2, 4))
def test_model_stock(drawn: Drawn) -> None:
    merged = drawn.merge("model_stock")

    vectors = [each - drawn.start for each in drawn.weights]
    count = len(vectors)
    cosines = []
    for index, first in enumerate(vectors):
        for second in vectors[index + 1 :]:
            norms = np.linalg.norm(first) * np.linalg.norm(second)
            cosines.append(first @ second / norms if norms else 0.0)
    cosine = sum(cosines) / len(cosines)
    divisor = 1 + (count - 1) * cosine
    assume(abs(divisor) > 1e-3 or abs(divisor) < 1e-9)
    share = count * cosine / divisor if abs(divisor) > 1e-3 else 0.0
    assert_sums(merged, drawn.start, [share / count * vector for vector in vectors])


SUMS = [name for name, method in METHODS.items() if method.statistics is None]
"""The methods that need nothing but weights."""

FILLED = Drawn(torch.zeros(2, 3), [torch.ones(2, 3), torch.arange(6.0).view(2, 3)], [0.5, 0.25])


def test_task_arithmetic_by_hand() -> None:
    drawn = Drawn(
        torch.tensor([1.0, 2.0]), [torch.tensor([2.0, 2.0]), torch.tensor([1.0, -2.0])], [0.5, 0.25]
    )

    assert drawn.merge("task_arithmetic").tolist() == [1.5, 1.0]


def test_ties_by_hand() -> None:
    experts = [torch.tensor([4.0, 1.0, 3.0, 0.0]), torch.tensor([-2.0, 5.0, 1.0, 0.5])]
    drawn = Drawn(torch.zeros(4), experts, [1.0, 3.0])

    merged = drawn.merge("ties", {"density": 0.5})

    # Kept are 4, 3 and -2, 5. Votes are 4 - 6 < 0, 15, 3 and none.
    assert merged.tolist() == [-2.0, 5.0, 3.0, 0.0]


def test_votes_that_cancel_elect_plus() -> None:
    drawn = Drawn(torch.zeros(1), [torch.tensor([2.0]), torch.tensor([-1.0])], [1.0, 2.0])

    assert drawn.merge("ties", {"density": 1.0}).tolist() == [2.0]


def test_coefficients_that_cancel_divide_nothing() -> None:
    same = torch.ones(1)
    drawn = Drawn(torch.zeros(1), [same, same, -same], [0.3, 0.6, -0.9])

    # In float32 0.3 + 0.6 - 0.9 is 6e-8, by which the sum must not be divided.
    assert drawn.merge("ties", {"density": 1.0}).tolist() == pytest.approx([1.8])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("method", ["task_arithmetic", "ties", "breadcrumbs", "dare_ties", "della"])
def test_zero_coefficients_give_every_number_of_the_base(method: str, dtype: torch.dtype) -> None:
    base = torch.tensor([-0.0, 0.0, 1.1, -7.3]).to(dtype)
    drawn = Drawn(base, [torch.ones(4).to(dtype), torch.full((4,), 9.0).to(dtype)], [0.0, 0.0])

    merged = drawn.merge(method)

    assert torch.equal(merged, base)


def test_small_terms_are_not_lost_in_half_precision() -> None:
    base = torch.tensor([256.0], dtype=torch.bfloat16)
    experts = [torch.tensor([258.0], dtype=torch.bfloat16)] * 4
    drawn = Drawn(base, experts, [0.25] * 4)  # bfloat16 has steps of 2 here: each alone is lost

    assert drawn.merge("task_arithmetic").tolist() == [258.0]


@pytest.mark.parametrize("method", SUMS)
def test_inputs_stay_as_they_were(method: str) -> None:
    before = [FILLED.base.clone(), *(each.clone() for each in FILLED.experts)]

    merged = FILLED.merge(method)

    after = [FILLED.base, *FILLED.experts]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
    assert all(merged.data_ptr() != each.data_ptr() for each in after)


@pytest.mark.parametrize("method", SUMS)
def test_a_tensor_that_is_no_block_of_memory_is_merged(method: str) -> None:
    transposed = Drawn(FILLED.base.T, [each.T for each in FILLED.experts], FILLED.coefficients)
    copied = Drawn(
        FILLED.base.T.clone(memory_format=torch.contiguous_format),
        [each.T.clone(memory_format=torch.contiguous_format) for each in FILLED.experts],
        FILLED.coefficients,
    )

    assert torch.equal(transposed.merge(method), copied.merge(method))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
@pytest.mark.parametrize("method", SUMS)
def test_a_tensor_without_numbers_stays_one(method: str, shape: tuple[int, ...]) -> None:
    empty = torch.empty(shape)

    assert Drawn(empty, [empty, empty], [0.5, 0.5]).merge(method).shape == shape


def large(seed: int) -> Drawn:
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(50, 40, generator=generator)
    experts = [base + torch.randn(50, 40, generator=generator) for _ in range(2)]
    return Drawn(base, experts, [1.0, 0.0])


@pytest.mark.parametrize("method", ["dare_linear", "della_linear"])
def test_the_mask_of_an_expert_does_not_depend_on_the_others(method: str) -> None:
    both = large(0)
    alone = Drawn(both.base, both.experts[:1], [1.0])

    assert torch.equal(alone.merge(method), both.merge(method))


def test_a_smaller_density_keeps_fewer_of_the_same_numbers() -> None:
    drawn = large(0)

    kept = [drawn.merge("dare_linear", {"density": each}) != drawn.base for each in (0.2, 0.6)]

    assert 0.15 < float(kept[0].float().mean()) < 0.25
    assert 0.55 < float(kept[1].float().mean()) < 0.65
    assert not bool((kept[0] & ~kept[1]).any())


def test_masks_of_other_seeds_tensors_and_experts_are_others() -> None:
    keys = [
        *mask_keys(0, "a", ["x", "y"]),
        *mask_keys(0, "b", ["x", "y"]),
        *mask_keys(1, "a", ["x", "y"]),
    ]

    kept = torch.stack([uniforms(key, 4000, 0, torch.device("cpu")) < 0.5 for key in keys]).double()

    # Independent masks correlate by 1/√4000 = 0.016.
    assert float(torch.corrcoef(kept).fill_diagonal_(0).abs().max()) < 0.06


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "options"),
    [("dare_linear", {"density": 0.3}), ("della_linear", {"density": 0.5, "window": 0.3})],
)
def test_masked_task_vectors_are_right_on_average(method: str, options: dict[str, float]) -> None:
    generator = torch.Generator().manual_seed(0)
    expert = 1 + torch.rand(400, generator=generator)
    drawn = Drawn(torch.zeros(400), [expert], [1.0])

    merged = [drawn.merge(method, {**options, "seed": seed}) for seed in range(300)]

    mean = torch.stack(merged).mean(dim=0) / expert
    # By 1/ρ the standard deviation of one draw is up to √(1/0.2 − 1) = 2, of 300 draws 0.12, and of
    # 400 means of them 0.006.
    assert float((mean - 1).abs().max()) < 0.5
    assert float(mean.mean()) == pytest.approx(1.0, abs=0.02)


def test_sce_finds_the_same_cut_in_whatever_pieces() -> None:
    generator = torch.Generator().manual_seed(0)
    base = torch.zeros(301)
    experts = [torch.randn(301, generator=generator) for _ in range(5)]
    names = {str(index): "" for index in range(5)}
    own = settings_of(MergeRecipe("sce", names, base="", options={"select": 0.4}), ["tensor"])

    def cut(size: int) -> float:
        pieces = [
            Piece(base[at : at + size], [each[at : at + size] for each in experts], at, 301)
            for at in range(0, 301, size)
        ]
        return sce_cut(lambda: iter(pieces), own)

    assert cut(301) == cut(100) == cut(1)


def test_the_number_of_coefficients_is_that_of_the_experts() -> None:
    with pytest.raises(MergeError, match="got 1 coefficients for 2 experts"):
        merge_tensors("linear", [torch.ones(1), torch.ones(1)], [1.0])


def test_what_needs_a_base_says_so() -> None:
    with pytest.raises(MergeError, match="ties merges task vectors and needs the base model"):
        merge_tensors("ties", [torch.ones(1)], [1.0])


def test_della_needs_probabilities() -> None:
    with pytest.raises(MergeError, match=r"density 0\.9 and window 0\.1; use a window below 0\.1"):
        Drawn(torch.zeros(2), [torch.ones(2)], [1.0]).merge("della", {"density": 0.9})
