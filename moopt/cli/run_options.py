"""The options of `moopt run`."""

import enum
from typing import Annotated

import typer


class ExecutorName(enum.StrEnum):
    """Where trials run."""

    LOCAL = "local"
    IN_PROCESS = "in-process"
    RAY = "ray"


TrialsOption = Annotated[
    int,
    typer.Option("--trials", min=1, help="How many trials the study has when all is done."),
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
        help="Who proposes: auto, bayesian, sobol, random, nsga2, nsga3, tpe or optuna:CLASS.",
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
