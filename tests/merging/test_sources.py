"""Base and experts are matched by name, and refused where they do not fit together."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.sources import open_sources, pieces
from tests.merging.small_models import write_weights

BASE = {
    "embed_tokens.weight": torch.arange(12.0).view(4, 3),
    "layers.0.weight": torch.ones(3, 3),
    "norm.weight": torch.ones(3),
}


def below(prefix: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": each for name, each in weights.items()}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_weights(tmp_path / "base", BASE)


def test_an_expert_with_a_head_is_matched_below_its_prefix(base: Path, tmp_path: Path) -> None:
    head = {"score.weight": torch.ones(2, 3)}
    expert = write_weights(tmp_path / "expert", below("model", BASE) | head)

    found = open_sources(base, {"expert": expert}).experts["expert"]

    assert dict(found.names) == {name: f"model.{name}" for name in BASE}
    assert found.head == ("score.weight",)


def test_a_head_on_the_base_side_is_matched_too(tmp_path: Path) -> None:
    base = write_weights(tmp_path / "base", below("model", BASE))
    expert = write_weights(tmp_path / "expert", BASE)

    found = open_sources(base, {"expert": expert}).experts["expert"]

    assert dict(found.names) == {f"model.{name}": name for name in BASE}


def test_embeddings_stand_for_a_head_that_the_expert_ties_to_them(
    base: Path, tmp_path: Path
) -> None:
    untied = write_weights(tmp_path / "untied", BASE | {"lm_head.weight": torch.ones(4, 3)})

    found = open_sources(untied, {"expert": base})

    assert found.experts["expert"].names["lm_head.weight"] == "embed_tokens.weight"


def test_a_stored_head_that_equals_the_embeddings_is_tied(base: Path, tmp_path: Path) -> None:
    stored = BASE | {"lm_head.weight": BASE["embed_tokens.weight"].clone()}
    expert = write_weights(tmp_path / "expert", stored)

    assert open_sources(base, {"expert": expert}).names == tuple(sorted(BASE))


def test_a_head_of_its_own_where_the_base_ties_it_is_refused(base: Path, tmp_path: Path) -> None:
    expert = write_weights(tmp_path / "expert", BASE | {"lm_head.weight": torch.ones(4, 3)})

    with pytest.raises(MergeError, match=r"'lm_head\.weight' of its own, .* untie the base too"):
        open_sources(base, {"expert": expert})


def test_whole_numbers_are_never_merged(tmp_path: Path) -> None:
    base = write_weights(tmp_path / "base", BASE | {"position_ids": torch.arange(3)})

    assert open_sources(base, {"expert": base}).names == tuple(sorted(BASE))


def test_missing_tensors_are_named(base: Path, tmp_path: Path) -> None:
    expert = write_weights(tmp_path / "expert", {"norm.weight": BASE["norm.weight"]})

    with pytest.raises(
        MergeError,
        match=r"'expert' in .* lacks 2 of the 3 tensors of .*base: "
        r"embed_tokens\.weight, layers\.0\.weight; fine-tune",
    ):
        open_sources(base, {"expert": expert})


def test_unequal_shapes_are_named(base: Path, tmp_path: Path) -> None:
    expert = write_weights(tmp_path / "expert", BASE | {"norm.weight": torch.ones(4)})

    with pytest.raises(MergeError, match=r"other shapes .* norm\.weight \(3,\) against \(4,\)"):
        open_sources(base, {"expert": expert})


def write_vocabulary(folder: Path, tokens: list[str]) -> None:
    numbers = {token: index for index, token in enumerate(tokens)}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": numbers}}))


def test_the_same_words_with_other_numbers_are_refused(base: Path, tmp_path: Path) -> None:
    expert = write_weights(tmp_path / "expert", BASE)
    write_vocabulary(base, ["a", "film", "good", "mail"])
    write_vocabulary(expert, ["a", "good", "film", "mail"])

    with pytest.raises(MergeError, match=r"another vocabulary .* 'film', 'good' differ \(4 tokens"):
        open_sources(base, {"expert": expert})


def test_another_number_of_words_is_told_before_the_shapes(base: Path, tmp_path: Path) -> None:
    longer = {"embed_tokens.weight": torch.ones(5, 3)}
    expert = write_weights(tmp_path / "expert", BASE | longer)
    write_vocabulary(base, ["a", "film", "good", "mail"])
    write_vocabulary(expert, ["a", "film", "good", "mail", "new"])

    with pytest.raises(MergeError, match=r"'new' differ \(4 tokens against 5\)"):
        open_sources(base, {"expert": expert})


def test_the_order_in_which_a_tokenizer_lists_its_words_does_not_matter(
    base: Path, tmp_path: Path
) -> None:
    expert = write_weights(tmp_path / "expert", BASE)
    (base / "tokenizer.json").write_text('{"model": {"vocab": {"a": 0, "b": 1}}}')
    (expert / "tokenizer.json").write_text('{"model": {"vocab": {"b": 1, "a": 0}}}')

    assert open_sources(base, {"expert": expert}).names == tuple(sorted(BASE))


def test_words_of_a_unigram_model_are_numbered_by_place(base: Path, tmp_path: Path) -> None:
    expert = write_weights(tmp_path / "expert", BASE)
    (base / "tokenizer.json").write_text('{"model": {"vocab": [["a", -1.0], ["b", -2.0]]}}')
    (expert / "tokenizer.json").write_text('{"model": {"vocab": [["b", -1.0], ["a", -2.0]]}}')

    with pytest.raises(MergeError, match="'a', 'b' differ"):
        open_sources(base, {"expert": expert})


def test_a_tokenizer_that_is_none_is_named(base: Path, tmp_path: Path) -> None:
    expert = write_weights(tmp_path / "expert", BASE)
    write_vocabulary(base, ["a"])
    (expert / "tokenizer.json").write_text("{}")

    with pytest.raises(MergeError, match=r"expert/tokenizer\.json is not a tokenizer"):
        open_sources(base, {"expert": expert})


def test_without_a_base_the_first_expert_lends_the_names(base: Path, tmp_path: Path) -> None:
    second = write_weights(tmp_path / "second", below("model", BASE))

    found = open_sources(None, {"first": base, "second": second})

    assert found.base is None
    assert found.names == tuple(sorted(BASE))
    assert found.experts["second"].names["norm.weight"] == "model.norm.weight"


def test_a_merge_of_nothing_is_refused(base: Path) -> None:
    with pytest.raises(MergeError, match="needs at least one expert"):
        open_sources(base, {})


@pytest.mark.parametrize(
    ("shape", "most", "expected"),
    [
        ((4, 3), 7, [(0, 6), (6, 12)]),
        ((4, 3), 2, [(0, 3), (3, 6), (6, 9), (9, 12)]),
        ((2, 2, 2), 4, [(0, 4), (4, 8)]),
        ((), 1, [(0, 1)]),
        ((0, 3), 2, []),
    ],
)
def test_pieces_are_whole_rows(
    shape: tuple[int, ...], most: int, expected: list[tuple[int, int]]
) -> None:
    assert list(pieces(shape, most)) == expected
