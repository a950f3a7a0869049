"""Where moopt and mergekit 0.1.5 differ, a test holds both facts.

moopt's numbers are those of the formula, written out here in float64; mergekit's are others, and
where it is known which, those of another formula.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from moopt.merging.methods import METHODS
from moopt.merging.one_tensor import merge_tensors
from moopt.merging.recipe import OptionValue
from tests.merging.oracle.mergekit_oracle import MergekitOracle, configuration
from tests.merging.oracle.tiny_families import Family, write_family

pytestmark = pytest.mark.slow

Weights = Mapping[str, Tensor]
NORM = "model.norm.weight"
MATRIX = "model.layers.0.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Family:
    return write_family("llama", tmp_path_factory.mktemp("llama"))


def rewritten(family: Family, folder: Path, experts: Sequence[Weights]) -> Family:
    """Return the same base with other experts."""
    folders = []
    for index, weights in enumerate(experts):
        folders.append(folder / str(index))
        folders[-1].mkdir()
        config = (family.base / "config.json").read_text()
        (folders[-1] / "config.json").write_text(config)
        save_file(dict(weights), folders[-1] / "model.safetensors", {"format": "pt"})
    return Family(family.base, tuple(folders))


def moved(family: Family, sizes: Sequence[float]) -> list[dict[str, Tensor]]:
    """Return experts at a part of their distance to the base."""
    base, experts = family.tensors()
    return [
        {name: each + size * (expert[name] - each) for name, each in base.items()}
        for size, expert in zip(sizes, experts, strict=True)
    ]


def vectors(family: Family, name: str) -> list[Tensor]:
    base, experts = family.tensors()
    return [expert[name].double() - base[name].double() for expert in experts]


def ours(
    family: Family,
    method: str,
    name: str,
    coefficients: Sequence[float] = (),
    options: Mapping[str, OptionValue] | None = None,
) -> Tensor:
    base, experts = family.tensors()
    count = METHODS[method].most_experts or len(experts)
    return merge_tensors(
        method,
        [expert[name] for expert in experts[:count]],
        coefficients,
        base=base[name],
        options=options,
        name=name,
    )


def theirs(
    oracle: MergekitOracle,
    family: Family,
    method: str,
    weights: Sequence[float] | None = None,
    own: Mapping[str, float] | None = None,
    **shared: float,
) -> dict[str, Tensor]:
    parameters = [
        {**(own or {}), **({} if weights is None else {"weight": weights[index]})}
        for index in range(len(family.experts))
    ]
    experts = list(zip(family.experts, parameters, strict=True))
    return oracle.merge(configuration(method, family.base, experts, **shared))


def distance(merged: Tensor, expected: Tensor, base: Tensor) -> float:
    """Return how far a merge is from a merged task vector, by the task vector's largest number."""
    found = merged.double() - base.double()
    return float((found - expected).abs().max() / expected.abs().max())


def test_dare_divides_by_the_density_and_mergekit_restores_the_sum_of_absolute_values(
    oracle: MergekitOracle, llama: Family
) -> None:
    base, _ = llama.tensors()
    vector = vectors(llama, NORM)[0]
    experts = [(llama.experts[0], {"weight": 0.6, "density": 0.3})]

    merged = ours(llama, "dare_linear", NORM, (0.6, 0, 0), {"density": 0.3}).double() - base[NORM]
    other, masks = oracle.merge_and_masks(configuration("dare_linear", llama.base, experts))

    kept = merged != 0
    dropped = torch.where(masks[0][NORM], vector, 0.0)
    by_sums = 0.6 * dropped * vector.abs().sum() / dropped.abs().sum()
    assert 0 < kept.sum() < len(vector)
    torch.testing.assert_close(merged[kept], 0.6 * vector[kept] / 0.3, rtol=1e-3, atol=1e-6)
    assert distance(other[NORM], by_sums, base[NORM]) < 1e-4
    assert distance(other[NORM], 0.6 * dropped / 0.3, base[NORM]) > 0.05


def test_della_divides_by_each_probability_and_mergekit_enlarges_what_is_large(
    oracle: MergekitOracle, llama: Family
) -> None:
    base, _ = llama.tensors()
    name = "lm_head.weight"
    vector = vectors(llama, name)[0]
    ranks = vector.abs().argsort(dim=1).argsort(dim=1)
    large, small = ranks >= 12, ranks < 4
    own = {"density": 0.5, "epsilon": 0.4}

    found = {
        "ours": ours(llama, "della_linear", name, (1.0, 0.0, 0.0), {"density": 0.5, "window": 0.4}),
        "theirs": theirs(oracle, llama, "della_linear", (1.0, 0.0, 0.0), own)[name],
    }

    def grown(which: str, part: Tensor) -> float:
        """Return how much the sum of absolute values of a part has grown."""
        change = (found[which] - base[name]).double()
        return float(change[part].abs().sum() / vector[part].abs().sum())

    # 160 numbers in each part, kept with probabilities around .8 and .2
    assert grown("ours", large) == pytest.approx(1.0, abs=0.15)
    assert grown("ours", small) == pytest.approx(1.0, abs=0.6)
    assert grown("theirs", large) > 1.1
    assert grown("theirs", small) < 0.5


def test_sce_weighs_light_fine_tunes_by_their_squares_and_mergekit_alike(
    oracle: MergekitOracle, llama: Family, tmp_path: Path
) -> None:
    light = rewritten(llama, tmp_path, moved(llama, (0.005, 0.01, 0.02)))
    base, _ = llama.tensors()
    own = vectors(light, MATRIX)
    squares = torch.stack([each.square().mean() for each in own])

    def erased(shares: Tensor) -> Tensor:
        sign = torch.where(torch.stack(own).sum(dim=0) >= 0, 1.0, -1.0)
        agree = torch.stack([(each.sign() == sign).double() for each in own])
        weights = shares[:, None, None] * agree
        return (weights * torch.stack(own)).sum(dim=0) / weights.sum(dim=0)

    merged = ours(light, "sce", MATRIX, options={"select": 1.0})
    other = theirs(oracle, light, "sce")[MATRIX]

    assert squares.sum() < 1e-6
    assert distance(merged, erased(squares / squares.sum()), base[MATRIX]) < 1e-4
    assert distance(other, erased(torch.ones(3) / 3), base[MATRIX]) < 1e-4
    assert distance(other, erased(squares / squares.sum()), base[MATRIX]) > 0.01


def test_model_stock_follows_the_angles_of_light_fine_tunes_and_mergekit_stays_at_the_base(
    oracle: MergekitOracle, llama: Family, tmp_path: Path
) -> None:
    base, experts = llama.tensors()
    shared = {name: experts[0][name] - each for name, each in base.items()}
    light = rewritten(
        llama,
        tmp_path,
        [
            {
                name: each + 1e-4 * shared[name] + 5e-5 * (expert[name] - each)
                for name, each in base.items()
            }
            for expert in experts
        ],
    )
    own = torch.stack(vectors(light, MATRIX)).view(3, -1)
    unit = own / own.norm(dim=1, keepdim=True)
    cosine = (unit @ unit.T)[*torch.triu_indices(3, 3, 1)].mean()
    expected = 3 * cosine / (1 + 2 * cosine) * own.mean(dim=0).view(base[MATRIX].shape)

    merged = ours(light, "model_stock", MATRIX)
    other = theirs(oracle, light, "model_stock")[MATRIX]

    assert cosine > 0.5
    assert distance(merged, expected, base[MATRIX]) < 1e-2  # the weights are stored in float32
    assert (other - base[MATRIX]).norm() < 0.1 * expected.norm()


def test_slerp_goes_straight_from_a_tensor_of_zeros_and_mergekit_jumps(
    oracle: MergekitOracle, tmp_path: Path
) -> None:
    bert = write_family("bert", tmp_path)
    base, (expert, *_) = bert.tensors()
    name = "encoder.layer.0.output.dense.bias"
    config = configuration("slerp", bert.base, [(bert.experts[0], {})], t=0.4)

    merged = merge_tensors("slerp", [base[name], expert[name]], [0.6, 0.4])
    other = oracle.merge(config)[name]

    assert not base[name].any()
    torch.testing.assert_close(merged, 0.4 * expert[name])
    torch.testing.assert_close(other, math.sin(0.4 * math.pi / 2) * expert[name])


def test_nuslerp_goes_straight_from_a_task_vector_of_zeros_and_mergekit_jumps(
    oracle: MergekitOracle, llama: Family, tmp_path: Path
) -> None:
    base, experts = llama.tensors()
    frozen = rewritten(llama, tmp_path, [experts[0] | {NORM: base[NORM]}, experts[1]])

    merged = ours(frozen, "nuslerp", NORM, (0.6, 0.4))
    other = theirs(oracle, frozen, "nuslerp", (0.6, 0.4))[NORM]

    second = experts[1][NORM] - base[NORM]
    torch.testing.assert_close(merged, base[NORM] + 0.4 * second)
    torch.testing.assert_close(other, base[NORM] + math.sin(0.4 * math.pi / 2) * second)


def test_nuslerp_goes_straight_between_opposite_task_vectors_and_mergekit_finds_an_angle(
    oracle: MergekitOracle, llama: Family, tmp_path: Path
) -> None:
    base, experts = llama.tensors()
    step = experts[0][MATRIX] - base[MATRIX]
    opposite = rewritten(
        llama,
        tmp_path,
        [
            experts[0] | {MATRIX: base[MATRIX] + step},
            experts[1] | {MATRIX: base[MATRIX] - 2 * step},
        ],
    )

    merged = ours(opposite, "nuslerp", MATRIX, (0.75, 0.25))
    other = theirs(oracle, opposite, "nuslerp", (0.75, 0.25))[MATRIX]

    straight = base[MATRIX] + 0.75 * step - 0.25 * 2 * step
    torch.testing.assert_close(merged, straight)
    assert not torch.allclose(other, straight, atol=1e-4)


def test_ties_keeps_all_equals_at_the_cut_and_mergekit_some(
    oracle: MergekitOracle, llama: Family, tmp_path: Path
) -> None:
    base, experts = llama.tensors()
    zero = {name: torch.zeros_like(each) for name, each in base.items()}
    steps = [
        {name: ((expert[name] - each) * 100).round() for name, each in base.items()}
        for expert in experts
    ]
    rounded = rewritten(Family(_zero(llama, tmp_path, zero), llama.experts), tmp_path, steps)
    config = configuration(
        "ties",
        rounded.base,
        [(folder, {"weight": 1, "density": 0.3}) for folder in rounded.experts],
    )

    _, masks = oracle.merge_and_masks(config)
    merged = merge_tensors(
        "ties", [steps[0][MATRIX]], [1.0], base=zero[MATRIX], options={"density": 0.3}
    )

    sizes = steps[0][MATRIX].abs()
    cut = sizes.flatten().sort(descending=True).values[int(0.3 * sizes.numel()) - 1]
    assert torch.equal(merged, torch.where(sizes >= cut, steps[0][MATRIX], 0.0))
    assert int(masks[0][MATRIX].sum()) == int(0.3 * sizes.numel()) < int(merged.count_nonzero())


def _zero(family: Family, folder: Path, weights: Weights) -> Path:
    base = folder / "base"
    base.mkdir()
    (base / "config.json").write_text((family.base / "config.json").read_text())
    save_file(dict(weights), base / "model.safetensors", {"format": "pt"})
    return base


def test_the_papers_election_does_not_weigh_votes_and_mergekits_does(
    oracle: MergekitOracle, llama: Family
) -> None:
    base, _ = llama.tensors()
    weights = torch.tensor([1.0, 0.1, 0.1]).double()
    own = torch.stack(vectors(llama, MATRIX))

    def elected(votes: Tensor) -> Tensor:
        sign = torch.where((votes[:, None, None] * own).sum(dim=0) >= 0, 1.0, -1.0)
        shares = weights[:, None, None] * (own.sign() == sign)
        return (shares * own).sum(dim=0) / shares.sum(dim=0)

    options: dict[str, OptionValue] = {"density": 1.0, "election": "unweighted"}
    merged = ours(llama, "ties", MATRIX, weights.tolist(), options)
    other = theirs(oracle, llama, "ties", weights.tolist(), density=1.0)[MATRIX]

    assert distance(merged, elected(torch.ones(3)), base[MATRIX]) < 1e-4
    assert distance(other, elected(weights), base[MATRIX]) < 1e-4
    assert distance(other, elected(torch.ones(3)), base[MATRIX]) > 0.01


def test_coefficients_that_cancel_divide_nothing_and_mergekit_divides_by_zero(
    oracle: MergekitOracle, llama: Family
) -> None:
    base, experts = llama.tensors()
    config = configuration(
        "linear",
        None,
        [(folder, {"weight": c}) for folder, c in zip(llama.experts, (0.5, -0.5), strict=False)],
    )

    merged = merge_tensors("linear", [each[MATRIX] for each in experts[:2]], [0.5, -0.5])
    other = oracle.merge(config)[MATRIX]

    torch.testing.assert_close(merged, 0.5 * experts[0][MATRIX] - 0.5 * experts[1][MATRIX])
    assert not other.isfinite().any()
    assert base[MATRIX].isfinite().all()
