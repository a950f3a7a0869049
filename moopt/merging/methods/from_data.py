"""Fisher-weighted averaging and RegMean, which weight experts by what they learned from data."""

from torch import Tensor

from moopt.merging.methods.fisher import fisher_average
from moopt.merging.methods.method import Base, Method, Number, Settings, WholeTensor
from moopt.merging.methods.regmean import regmean
from moopt.merging.methods.weighted_average import weighted_average
from moopt.merging.statistics import Kind


def merge_by_fisher(tensor: WholeTensor, settings: Settings) -> Tensor:
    """Return the Fisher-weighted average; see `fisher_average`."""
    weights = settings.coefficients[0].tolist()
    if tensor.statistics is None:
        return weighted_average(tensor.experts, weights)
    return fisher_average(tensor.experts, tensor.statistics, weights)


def merge_by_regmean(tensor: WholeTensor, settings: Settings) -> Tensor:
    """Return the RegMean of a linear layer, the weighted average of any other tensor."""
    weights = settings.coefficients[0].tolist()
    if tensor.statistics is None:
        return weighted_average(tensor.experts, weights)
    experts = [each.T if tensor.inputs_first else each for each in tensor.experts]
    off_diagonal = float(settings.of_tensors["off_diagonal"][0])
    merged = regmean(experts, tensor.statistics, weights, off_diagonal=off_diagonal)
    return merged.T if tensor.inputs_first else merged


FISHER = Method(
    "fisher",
    "average weighted by how sure each expert is of each number",
    Base.UNUSED,
    None,
    options={},
    statistics=Kind.FISHER,
    whole=merge_by_fisher,
)
REGMEAN = Method(
    "regmean",
    "linear layers whose outputs are nearest to those of every expert",
    Base.UNUSED,
    None,
    options={"off_diagonal": Number(0.9, 0.0, 1.0)},
    statistics=Kind.GRAM,
    whole=merge_by_regmean,
)
