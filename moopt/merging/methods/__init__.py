"""Merge methods: what each computes, with its paper. `METHODS` holds them by name."""

from collections.abc import Mapping

from moopt.merging.methods.elected import BREADCRUMBS, BREADCRUMBS_TIES, TIES
from moopt.merging.methods.from_data import FISHER, REGMEAN
from moopt.merging.methods.masked import DARE_LINEAR, DARE_TIES, DELLA, DELLA_LINEAR, SCE
from moopt.merging.methods.method import Method
from moopt.merging.methods.model_stock import MODEL_STOCK
from moopt.merging.methods.spherical import NUSLERP, SLERP
from moopt.merging.methods.sums import LINEAR, TASK_ARITHMETIC

METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        TASK_ARITHMETIC,
        LINEAR,
        SLERP,
        NUSLERP,
        TIES,
        DARE_LINEAR,
        DARE_TIES,
        DELLA,
        DELLA_LINEAR,
        BREADCRUMBS,
        BREADCRUMBS_TIES,
        SCE,
        MODEL_STOCK,
        FISHER,
        REGMEAN,
    )
}

__all__ = ["METHODS", "Method"]
