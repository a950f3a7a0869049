"""The options of `moopt run`."""

import enum
import os
from typing import Annotated

import typer

from moopt.study.scale import SCALE_VARIABLE


class ExecutorName(enum.StrEnum):
    """Where trials run."""

    LOCAL = "local"
    IN_PROCESS = "in-process"
    RAY = "ray"


def _ask_for_scale(scale: str | None) -> str | None:
    """Name the scale before the study file is loaded. Workers inherit the environment."""
    if scale is not None:
        os.environ[SCALE_VARIABLE] = scale
    return scale


TrialsOption = Annotated[
    int | None,
    typer.Option(
        "--trials",
        min=1,
        help="How many trials the study has when all is done. 50 where there is no --budget.",
        show_default=False,
    ),
]

BudgetOption = Annotated[
    float | None,
    typer.Option(
        "--budget",
        metavar="X",
        min=0,
        help="What all trials may cost, in whole evaluations: one that stops after a third of its "
        "epochs costs a third.",
        show_default=False,
    ),
]

StopEarlyOption = Annotated[
    str | None,
    typer.Option(
        "--stop-early",
        metavar="NAME",
        help="Which rule ends trials that are not worth finishing: mo_asha. The study needs a "
        "fidelity.",
        show_default=False,
    ),
]

KeepOption = Annotated[
    int,
    typer.Option(
        "--keep-checkpoints",
        metavar="N",
        min=0,
        help="Checkpoints of so many trials stay that may be taken further, the newest, and those "
        "of the front.",
    ),
]

ScaleOption = Annotated[
    str | None,
    typer.Option(
        "--scale",
        metavar="NAME",
        callback=_ask_for_scale,
        help="Size of a study that has several, such as small or large; MOOPT_SCALE if not given.",
        show_default=False,
    ),
]

WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="How many trials run at once. One a GPU; without GPUs one for each core, or for as "
        "many as a trial takes, at most 4; on Ray as many as there is room for.",
        show_default=False,
    ),
]

ExecutorOption = Annotated[
    ExecutorName,
    typer.Option(
        "--executor",
        help="Trials run in worker processes, one by one in this process, or on a Ray cluster.",
    ),
]

RayAddressOption = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="ADDRESS",
        help="The Ray cluster: HOST:6379, ray://HOST:10001, auto for one that was started on this "
        "machine, local for one of its own. RAY_ADDRESS if that is set, else local.",
        show_default=False,
    ),
]

RayWaitOption = Annotated[
    float | None,
    typer.Option(
        "--ray-wait",
        metavar="SECONDS",
        min=1,
        help="How long to wait for a Ray cluster that has no room, such as 900 for one that grows.",
        show_default=False,
    ),
]

GpusOption = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-trial",
        min=0,
        help="GPUs for each trial, such as 1, or 0.5 for two trials a GPU. 1 where there are GPUs.",
        show_default=False,
    ),
]

SamplerOption = Annotated[
    str,
    typer.Option(
        "--sampler",
        metavar="NAME",
        help="Who proposes: auto, bayesian, gap_filling, preference_batch, sobol, random, nsga2, "
        "nsga3, map_elites, map_elites:FEATURES, tpe or optuna:CLASS; in studies with a fidelity "
        "also multi_fidelity, asha or racing, in studies of choices also pareto_classifier.",
    ),
]

TransferOption = Annotated[
    list[str] | None,
    typer.Option(
        "--transfer-from",
        metavar="STUDY",
        help="An earlier study to learn from, such as spam_small, or spam_small@runs/old.db for "
        "one of another store. Can be given several times; the store keeps a copy.",
        show_default=False,
    ),
]

SeedOption = Annotated[int, typer.Option("--seed", help="Same seed, same proposals.")]

TimeLimitOption = Annotated[
    float | None,
    typer.Option(
        "--time-limit",
        metavar="SECONDS",
        min=0,
        help="Start no trial after so many seconds, such as 3600.",
        show_default=False,
    ),
]

StagnantOption = Annotated[
    float | None,
    typer.Option(
        "--stop-when-stagnant",
        metavar="PERCENT",
        min=0,
        help="End when the models leave no more to gain than so many percent of hypervolume, such "
        "as 1, with a probability of 95 %.",
        show_default=False,
    ),
]

TrialTimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--trial-timeout",
        metavar="SECONDS",
        min=0,
        help="End a trial that takes longer, such as 600; it counts as failed.",
        show_default=False,
    ),
]

CpusOption = Annotated[
    int | None,
    typer.Option(
        "--cpus-per-trial",
        metavar="K",
        min=1,
        help="Threads of each trial for linear algebra, such as 4. 1 unless given.",
        show_default=False,
    ),
]

MemoryLimitOption = Annotated[
    str | None,
    typer.Option(
        "--memory-limit",
        metavar="SIZE",
        help="End a trial that takes more main memory, such as 8GB; the search avoids its like.",
        show_default=False,
    ),
]

LeaseOption = Annotated[
    float,
    typer.Option(
        "--lease",
        metavar="SECONDS",
        min=1.0,
        help="After so long, if this run says nothing or a worker is stopped, its trials go to "
        "others.",
    ),
]

AcceptChangesOption = Annotated[
    bool,
    typer.Option(
        "--accept-changes",
        help="Go on although the study is not the one that its trials were made for, if they are "
        "points of it.",
    ),
]
