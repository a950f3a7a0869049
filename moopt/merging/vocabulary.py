"""Which token each row of the embeddings stands for, read from `tokenizer.json`.

Two models whose tokens have other numbers cannot be added row by row: the sum would be of the
vectors of different words. So vocabularies are compared before anything is merged.
"""

import json
from pathlib import Path

from moopt.errors import MergeError

TOKENIZER = "tokenizer.json"
SHOWN = 5
"""Tokens that a message names before it says how many more there are."""


def check_same_vocabulary(expert: str, reference: Path, folder: Path) -> None:
    """Refuse an expert whose tokens have other numbers than those of the reference.

    Tokens that only one of the two has are refused too. Where one of them has no `tokenizer.json`
    there is nothing to compare.

    Raises:
        MergeError: The vocabularies differ; the tokens are named.
    """
    ours, theirs = reference / TOKENIZER, folder / TOKENIZER
    if not (ours.is_file() and theirs.is_file()) or ours.read_bytes() == theirs.read_bytes():
        return
    own, other = token_numbers(ours), token_numbers(theirs)
    differing = sorted(token for token in own | other if own.get(token) != other.get(token))
    if differing:
        shown = ", ".join(repr(token) for token in differing[:SHOWN])
        more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        raise MergeError(
            f"the expert {expert!r} in {folder} has another vocabulary than {reference}: "
            f"{shown}{more} differ ({len(own)} tokens against {len(other)}); rows of the "
            "embeddings would be of different words, so fine-tune with the base's tokenizer, or "
            "bring the expert to it first"
        )


def token_numbers(tokenizer: Path) -> dict[str, int]:
    """Return the number of each token.

    Raises:
        MergeError: The file is no tokenizer of the `tokenizers` library.
    """
    try:
        content = json.loads(tokenizer.read_text(encoding="utf-8"))
        vocabulary = content["model"]["vocab"]
        if isinstance(vocabulary, list):  # a unigram model: pairs of token and score
            numbers = {str(entry[0]): index for index, entry in enumerate(vocabulary)}
        else:
            numbers = {str(token): int(number) for token, number in vocabulary.items()}
        for token in content.get("added_tokens") or []:
            numbers[str(token["content"])] = int(token["id"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise MergeError(f"{tokenizer} is not a tokenizer: {error!r}") from error
    return numbers
