"""Which merges are measured: a recipe for each candidate, and the same for mergekit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from moopt.benchmarks.merge_models import Family
from moopt.merging.blocks import EveryTensor, LayerGroups
from moopt.merging.methods import METHODS
from moopt.merging.methods.method import Base
from moopt.merging.recipe import ByBlock, MergeRecipe
from moopt.merging.sources import Sources, open_sources

GOLDEN = 0.6180339887498949
"""Steps by it fill an interval evenly."""

NAMES_IN_MERGEKIT = {"density": "density", "outliers": "gamma"}
"""Options that experts have of their own."""


@dataclass(frozen=True, slots=True)
class Case:
    """A method, and what changes from candidate to candidate."""

    name: str
    method: str
    _: KW_ONLY
    experts: int = 3
    options: Mapping[str, float] = field(default_factory=dict)
    is_blockwise: bool = False
    """Whether each tensor has a coefficient of its own."""

    has_new_densities: bool = False
    """Whether the densities change, too."""

    def coefficients(
        self, family: Family, tensors: Sequence[str], candidate: int
    ) -> Mapping[str, ByBlock]:
        """Return the scaling coefficients of a candidate.

        Args:
            family: Where the models are.
            tensors: Those that are merged.
            candidate: Another number is another candidate.
        """
        if not METHODS[self.method].takes_coefficients:
            return {}
        return {
            expert: {
                tensor: _between(0.2, 0.8, candidate + place + index)
                for index, tensor in enumerate(tensors)
            }
            if self.is_blockwise
            else _between(0.2, 0.8, candidate + place / self.experts)
            for place, expert in enumerate(self._experts(family))
        }

    def recipe(
        self, family: Family, coefficients: Mapping[str, ByBlock], candidate: int
    ) -> MergeRecipe:
        """Return the recipe of a candidate with these coefficients."""
        options = dict(self.options)
        if self.has_new_densities:
            options["density"] = _between(0.1, 0.9, candidate)
        return MergeRecipe(
            self.method,
            self._experts(family),
            base=str(family.base) if self._has_base else None,
            coefficients=coefficients,
            blocks=EveryTensor() if self.is_blockwise else LayerGroups(),
            options=options,
        )

    def sources(self, family: Family) -> Sources:
        """Open the models of the recipes."""
        experts = {name: Path(path) for name, path in self._experts(family).items()}
        return open_sources(family.base if self._has_base else None, experts)

    def mergekit_configuration(self, family: Family) -> str:
        """Return what mergekit does the same with, in float32. JSON is YAML.

        It has the same work to do for every candidate, and with coefficients for each tensor no
        less than with these.
        """
        own: dict[str, float] = {}
        shared: dict[str, float] = {}
        match self.method:
            case "sce":
                shared["select_topk"] = self.options["select"]
            case "slerp":
                shared["t"] = 0.4
            case "model_stock":
                pass
            case _:
                own = {NAMES_IN_MERGEKIT[name]: each for name, each in self.options.items()}
                own["weight"] = 0.4
        experts = self._experts(family)
        config: dict[str, object] = {
            "merge_method": self.method,
            "models": [{"model": path, "parameters": own} for path in experts.values()],
            "parameters": shared,
            "dtype": "float32",
        }
        if self.method == "slerp":
            config["base_model"] = next(iter(experts.values()))
        elif self._has_base:
            config["base_model"] = str(family.base)
        return json.dumps(config)

    @property
    def _has_base(self) -> bool:
        return METHODS[self.method].base is not Base.UNUSED

    def _experts(self, family: Family) -> dict[str, str]:
        return {path.name: str(path) for path in family.experts[: self.experts]}


DENSITY = {"density": 0.2}

CASES: Mapping[str, Case] = {
    case.name: case
    for case in (
        Case("task_arithmetic", "task_arithmetic"),
        Case("task_arithmetic_blockwise", "task_arithmetic", is_blockwise=True),
        Case("linear", "linear"),
        Case("slerp", "slerp", experts=2),
        Case("nuslerp", "nuslerp", experts=2),
        Case("ties", "ties", options=DENSITY),
        Case("ties_new_density", "ties", options=DENSITY, has_new_densities=True),
        Case("dare_linear", "dare_linear", options=DENSITY),
        Case("dare_ties", "dare_ties", options=DENSITY),
        Case("breadcrumbs", "breadcrumbs", options={"density": 0.9, "outliers": 0.01}),
        Case("model_stock", "model_stock"),
        Case("sce", "sce", options={"select": 0.2}),
    )
}
"""By name."""


def _between(low: float, high: float, step: float) -> float:
    return low + (high - low) * (step * GOLDEN % 1.0)
