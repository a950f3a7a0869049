"""Lion: steps of equal size in every weight, in the direction of the sign of a momentum.

Source: Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, algorithm 2.
"""

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch.optim import Optimizer


class Lion(Optimizer):
    """Keeps one number a weight where AdamW keeps two.

    Its learning rate is 3 to 10 times smaller than AdamW's for the same task, its weight decay as
    much larger.
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        """Take groups of parameters, with settings of their own where they have some."""
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step; a closure is called first, with gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rate, (beta1, beta2) = group["lr"], group["betas"]
            for weights in group["params"]:
                if weights.grad is None:
                    continue
                state = self.state[weights]
                if not state:
                    state["momentum"] = torch.zeros_like(weights)
                momentum = state["momentum"]
                update = torch.lerp(weights.grad, momentum, beta1).sign_()
                weights.mul_(1 - rate * group["weight_decay"]).add_(update, alpha=-rate)
                momentum.lerp_(weights.grad, 1 - beta2)
        return loss
