"""What is measured of a merged model: the seam between merging and what one wants of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from torch import nn

from moopt.merging.sources import Sources


@runtime_checkable
class LiveMeasures(Protocol):
    """Measures a model that is in memory and whose weights change between the calls."""

    @property
    def model(self) -> nn.Module:
        """The model that merges are written into."""
        ...

    def measure(self, split: str) -> dict[str, tuple[float, float]]:
        """Return mean and standard error of every measurement on a split of the data."""
        ...


@runtime_checkable
class ExampleMeasures(LiveMeasures, Protocol):
    """Live measures that are means over examples, and can be taken on some of them."""

    def example_counts(self, split: str) -> dict[str, int]:
        """Return how many examples every measurement is the mean of, by its name."""
        ...

    def example_digest(self, split: str) -> str:
        """Return what tells the examples of all measurements from any others, by their content."""
        ...

    def example_scores(
        self, name: str, split: str, places: Sequence[int]
    ) -> Float[np.ndarray, " n"]:
        """Return what the model scores on some examples: the mean over all is the measurement.

        Args:
            name: Of the measurement.
            split: Of the data.
            places: Of the examples, in an order that is the same for every model.
        """
        ...

    def summary(
        self, name: str, split: str, places: Sequence[int], scores: Float[np.ndarray, " n"]
    ) -> tuple[float, float]:
        """Return a measurement and its standard error from the scores of some examples."""
        ...


@runtime_checkable
class Measures(Protocol):
    """Says what to measure; made in the study file, before any model is there."""

    def load(self, base: Path, experts: Mapping[str, Path], device: str) -> LiveMeasures:
        """Load what is needed to measure, once in each worker.

        Args:
            base: Folder whose configuration, names and tokenizer the merge has.
            experts: Folder of each expert, by its name.
            device: Where to measure, as torch names it.
        """
        ...

    def write_extras(self, sources: Sources, directory: Path) -> None:
        """Write what an exported model needs beside its weights, such as heads."""
        ...
