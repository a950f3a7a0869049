"""What a merge method is: which settings it takes, and which pass over the weights it comes to.

A method does not touch the models' weights. It turns the settings of each tensor, and what is known
of its task vectors, into a few numbers a tensor; `moopt.merging.passes` does the rest. So a method
costs a candidate nothing but its pass, and is the same for a tensor in a stream and for a model in
memory. Methods that draw masks say how the masked experts are made, once for all candidates.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.statistics import Kind

Table = Float[np.ndarray, "t n"]
"""A number for each tensor and expert, float64."""

Column = Float[np.ndarray, " t"]
"""A number for each tensor, float64."""

Grams = Float[np.ndarray, "t n n"]
"""Scalar products of the experts of each tensor, float64."""


class Base(Enum):
    """What a method does with the base model."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    """With a base it merges task vectors, without one the weights themselves."""

    UNUSED = "unused"
    """It merges the weights; a base only lends its names, configuration and tokenizer."""


@dataclass(frozen=True, slots=True)
class Number:
    """An option that is a number."""

    default: float
    low: float
    high: float
    _: KW_ONLY
    is_of_experts: bool = False
    """Whether each expert may have its own; all of these may differ from block to block."""

    excludes_low: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """An option that is on or off."""

    default: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """An option that is one of a few words, the first by default."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seed:
    """The option that all random numbers come from."""

    default: int = 0


Option = Number | Flag | Choice | Seed


@runtime_checkable
class Facts(Protocol):
    """What can be asked of the experts' tensors. Each answer is computed once."""

    def sizes(self) -> Int[np.ndarray, " t"]:
        """Return how many numbers each tensor has."""
        ...

    def expert_count(self) -> int:
        """Return how many experts there are."""
        ...

    def gram(self, *, of_task_vectors: bool) -> Grams:
        """Return the scalar products of the experts' weights, or of their task vectors."""
        ...

    def mean_squares(self) -> Table:
        """Return the mean square of each task vector, masked if the method masks."""
        ...

    def rescale(self) -> Table:
        """Return the factor that makes up for what each expert's mask left out."""
        ...

    def magnitude(self, tensor: int, expert: int, rank: int) -> float:
        """Return an absolute value of a task vector by its rank, 0 for the smallest."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """The coefficients and options of a recipe, tensor by tensor."""

    coefficients: Table
    of_experts: Mapping[str, Table]
    """The numbers that differ from expert to expert."""

    of_tensors: Mapping[str, Column]
    """The numbers that all experts share."""

    flags: Mapping[str, bool]
    words: Mapping[str, str]
    seed: int
    has_base: bool

    def at(self, tensor: int) -> "Settings":
        """Return the settings of one tensor."""
        only = slice(tensor, tensor + 1)
        return Settings(
            self.coefficients[only],
            {name: table[only] for name, table in self.of_experts.items()},
            {name: column[only] for name, column in self.of_tensors.items()},
            self.flags,
            self.words,
            self.seed,
            self.has_base,
        )


@dataclass(frozen=True, slots=True)
class ScaledTerms:
    """The numbers of a scaled sum."""

    scalars: Table
    from_base: bool
    """Whether the sum adds task vectors to the base, or weights to nothing."""


@dataclass(frozen=True, slots=True)
class TrimmedSum:
    """The numbers of a trimmed sum; see `moopt.merging.kernels.TrimmedTerms`."""

    shares: Table
    votes: Table
    weights: Table
    low: Table
    high: Table
    scale: Column
    is_elected: bool
    is_normalized: bool


Terms = ScaledTerms | TrimmedSum


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive numbers of a tensor, whole rows where it has rows."""

    base: Float[Tensor, " p"]
    experts: Sequence[Float[Tensor, " p"]]
    start: int
    """Index of the first number in the tensor."""

    row: int
    """Numbers in a row: what one output is computed from."""


Pieces = Callable[[], Iterator[Piece]]
"""Goes through a tensor from its beginning."""


@dataclass(frozen=True, slots=True)
class Mask:
    """How a method leaves out numbers of task vectors, once for all candidates."""

    apply: Callable[[Piece, Settings, Sequence[int], float], list[Tensor]]
    """Returns the experts with the base's numbers wherever the mask leaves them out. Arguments: a
    piece, the tensor's settings, a random key for each expert, and the cut."""

    factors: Callable[[Settings], Table]
    """Returns what masked task vectors are multiplied by to keep their expectation."""

    cut: Callable[[Pieces, Settings], float] | None = None
    """Returns a bound for the whole tensor. None: the mask needs none and is given 0."""

    check: Callable[[Settings], None] | None = None
    """Raises MergeError for options that do not go together. None: all of them do."""


@dataclass(frozen=True, slots=True)
class WholeTensor:
    """A tensor of every expert, with what is known of it from data."""

    experts: Sequence[Tensor]
    """In float32."""

    statistics: Sequence[Tensor] | None
    """The statistic of each expert. None: this tensor has none."""

    inputs_first: bool
    """Whether a linear layer stores this weight with its inputs first."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way of merging experts."""

    name: str
    summary: str
    """One line for lists."""

    base: Base
    terms: Callable[[Settings, Facts], Terms] | None
    """None: the merge is no sum, and `whole` computes it."""

    _: KW_ONLY
    options: Mapping[str, Option]
    takes_coefficients: bool = True
    fewest_experts: int = 1
    most_experts: int | None = None
    """None: as many as one likes."""

    mask: Mask | None = None
    """None: the experts are taken as they are."""

    statistics: Kind | None = None
    """What has to be known from data. None: nothing."""

    whole: Callable[[WholeTensor, Settings], Tensor] | None = None
    """Merges a tensor as a whole, in float32. Arguments: the tensor and its settings."""

    def merge_whole(self, tensor: WholeTensor, settings: Settings) -> Tensor:
        """Merge a tensor as a whole, in float32.

        Raises:
            MergeError: The method is a sum.
        """
        if self.whole is None:
            raise MergeError(f"{self.name} is a sum, which passes compute")
        return self.whole(tensor, settings)
