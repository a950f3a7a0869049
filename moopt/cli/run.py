"""`moopt run`: the search."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from typing import assert_never

import typer

from moopt.cli.display import print_found
from moopt.cli.earlier_studies import earlier_studies
from moopt.cli.errors import NothingFoundError, no_front
from moopt.cli.options import DEFAULT_STORE, StoreOption, StudyArgument
from moopt.cli.progress import Observer, observer
from moopt.cli.run_options import (
    AcceptChangesOption,
    BudgetOption,
    CpusOption,
    ExecutorName,
    ExecutorOption,
    GpusOption,
    KeepOption,
    LeaseOption,
    MemoryLimitOption,
    RayAddressOption,
    RayWaitOption,
    SamplerOption,
    ScaleOption,
    SeedOption,
    StagnantOption,
    StopEarlyOption,
    TimeLimitOption,
    TransferOption,
    TrialsOption,
    TrialTimeoutOption,
    WorkersOption,
)
from moopt.cli.sizes import size_in_bytes
from moopt.cli.sources import artifacts, study_file
from moopt.errors import MooptError, SelectionError, StudyError
from moopt.executors.devices import available_gpus, usable_cores
from moopt.executors.in_process import InProcessExecutor
from moopt.executors.local import LocalExecutor
from moopt.executors.optional import ray_executor
from moopt.loop import Ended, Run, optimize
from moopt.protocols import Executor
from moopt.samplers.registry import sampler_named, stopping_rule_named
from moopt.store.drivers import LEASE_SECONDS
from moopt.store.store import Store
from moopt.study.loading import StudyFile
from moopt.study.trials import ENDED_STATES, Trial

USUAL_TRIALS = 50
USUAL_CHECKPOINTS = 20
MOST_WORKERS = 4
"""Without GPUs: each worker holds models of its own, so memory runs out before cores do."""

STOPPED = {Ended.INTERRUPTED: 130, Ended.TERMINATED: 143}
"""Exit status: 128 and the number of the signal, as shells have it."""


def run(
    study: StudyArgument,
    *,
    trials: TrialsOption = None,
    budget: BudgetOption = None,
    workers: WorkersOption = None,
    executor: ExecutorOption = ExecutorName.LOCAL,
    gpus_per_trial: GpusOption = None,
    sampler: SamplerOption = "auto",
    transfer_from: TransferOption = None,
    stop_early: StopEarlyOption = None,
    seed: SeedOption = 0,
    store: StoreOption = DEFAULT_STORE,
    time_limit: TimeLimitOption = None,
    stop_when_stagnant: StagnantOption = None,
    trial_timeout: TrialTimeoutOption = None,
    ray_address: RayAddressOption = None,
    ray_wait: RayWaitOption = None,
    cpus_per_trial: CpusOption = None,
    memory_limit: MemoryLimitOption = None,
    lease: LeaseOption = LEASE_SECONDS,
    accept_changes: AcceptChangesOption = False,
    scale: ScaleOption = None,
    keep_checkpoints: KeepOption = USUAL_CHECKPOINTS,
) -> None:
    """Search a study until it has its trials, and show its front.

    It goes on where it stopped. Ctrl-C lets running trials finish, Ctrl-C twice stops at once.

    Example: moopt run studies/merge_minilm.py --trials 50 --workers 2
    """
    asked = USUAL_TRIALS if trials is None and budget is None else trials
    search = partial(
        optimize,
        trials=asked,
        budget=budget,
        sampler=sampler_named(sampler),
        stopping_rule=None if stop_early is None else stopping_rule_named(stop_early),
        keep_checkpoints=keep_checkpoints,
        seed=seed,
        time_limit=time_limit,
        stop_when_stagnant=stop_when_stagnant,
        lease_seconds=lease,
    )
    place = Place(
        executor,
        workers,
        gpus_per_trial,
        timeout=trial_timeout,
        cpus_per_trial=cpus_per_trial,
        memory_limit=memory_limit,
        ray_address=ray_address,
        ray_wait=ray_wait,
        lease=lease,
    )
    del scale  # the study file has been told by the environment
    with Store(store) as opened:
        file = _registered(study, opened, accept_changes=accept_changes)
        learning = partial(search, transfer_from=earlier_studies(transfer_from, file.study, opened))
        conclude(*_run(file, opened, place, artifacts(store), learning), asked)


def _registered(study: str, store: Store, *, accept_changes: bool) -> StudyFile:
    file = study_file(study, store)
    store.register(file.study, file.path, accept_changes=accept_changes)
    return file


def _run(
    file: StudyFile, store: Store, place: "Place", directory: Path, search: Callable[..., Run]
) -> tuple[Run, list[Trial]]:
    """Prepare a study and search it; return what that came to, and all trials."""
    with observer() as shown:
        prepare(file, shown)
        with closing(place.executor(file, directory / file.study.name)) as running:
            found = search(
                file.study,
                file.evaluate,
                executor=running,
                held_out=file.held_out,
                store=store,
                directory=directory,
                observe=shown.search,
            )
    return found, store.trials(file.study.name)


@dataclass(frozen=True, slots=True)
class Place:
    """Where trials are to run.

    Raises:
        SelectionError: Only another executor can do what is asked.
    """

    name: ExecutorName
    workers: int | None
    gpus_per_trial: float | None
    _: KW_ONLY
    timeout: float | None
    cpus_per_trial: int | None
    memory_limit: str | None
    ray_address: str | None
    ray_wait: float | None

    lease: float
    """Seconds."""

    @property
    def memory_bytes(self) -> int | None:
        """The limit on memory.

        Raises:
            SelectionError: It is no size.
        """
        limit = self.memory_limit
        return None if limit is None else size_in_bytes(limit, "--memory-limit")

    def __post_init__(self) -> None:
        """Refuse what an executor cannot do."""
        asked = {
            "--workers": self.workers not in {None, 1},
            "--gpus-per-trial": self.gpus_per_trial is not None,
            "--trial-timeout": self.timeout is not None,
            "--cpus-per-trial": self.cpus_per_trial is not None,
            "--memory-limit": self.memory_bytes is not None,
        }
        refused = [option for option, is_asked in asked.items() if is_asked]
        if self.name is ExecutorName.IN_PROCESS and refused:
            raise SelectionError(
                f"{' and '.join(refused)} needs worker processes, which --executor in-process does "
                "without; leave it out, or use --executor local"
            )
        of_ray = {"--ray-address": self.ray_address, "--ray-wait": self.ray_wait}
        refused = [option for option, value in of_ray.items() if value is not None]
        if self.name is not ExecutorName.RAY and refused:
            raise SelectionError(
                f"{' and '.join(refused)} needs --executor ray; it is --executor {self.name}"
            )

    def executor(self, file: StudyFile, directory: Path) -> Executor:
        """Return the executor."""
        if self.name is ExecutorName.RAY:
            cluster = ray_executor(
                file.path,
                directory=directory,
                workers=self.workers,
                cpus_per_trial=self.cpus_per_trial or 1,
                gpus_per_trial=self.gpus_per_trial,
                timeout=self.timeout,
                memory_limit=self.memory_bytes,
                address=self.ray_address,
                patience=self.ray_wait,
            )
            typer.echo(cluster.description, err=True)
            return cluster
        gpus = len(available_gpus())
        if self.name is ExecutorName.IN_PROCESS:
            return InProcessExecutor(
                file.evaluate,
                held_out=file.held_out,
                directory=directory,
                device="cuda:0" if gpus else "cpu",
            )
        share = self.gpus_per_trial
        if share is None:
            share = 1.0 if gpus else 0.0
        threads = self.cpus_per_trial or 1
        usual = usable_cores() // threads
        usual = min(usual, int(gpus / share) if gpus and share else MOST_WORKERS)
        return LocalExecutor(
            file.path,
            workers=self.workers or max(usual, 1),
            directory=directory,
            gpus_per_trial=share,
            threads=threads,
            timeout=self.timeout,
            memory_limit=self.memory_bytes,
            lease=self.lease,
        )


def prepare(file: StudyFile, shown: Observer) -> None:
    """Do what a study file wants done before its first trial.

    Raises:
        StudyError: Its `prepare` failed.
    """
    if file.prepare is None:
        return
    try:
        file.prepare(shown.preparation)
    except MooptError:
        raise
    # The hook is foreign code: whatever it raises belongs into the message.
    except Exception as error:
        raise StudyError(
            f"`prepare` of {file.path} failed: {type(error).__name__}: {error}"
        ) from error


def conclude(found: Run, recorded: Sequence[Trial], asked: int | None) -> None:
    """Print the front and say why the run ended.

    Raises:
        NothingFoundError: There is no front.
    """
    front = found.front
    ended = sum(trial.state in ENDED_STATES for trial in recorded)
    match found.ended:
        case Ended.INTERRUPTED | Ended.TERMINATED:
            typer.echo(f"{found.ended.value}; the same command goes on from here", err=True)
        case Ended.EXHAUSTED:
            typer.echo(f"every point of the space was tried, {ended} trials in all", err=True)
        case Ended.TIME_LIMIT:
            of = "" if asked is None else f" of {asked}"
            typer.echo(f"the time is up after {ended}{of} trials", err=True)
        case Ended.STAGNANT:
            typer.echo(f"the front stagnates after {ended} trials", err=True)
        case Ended.DONE:
            pass
        case never:
            assert_never(never)
    if found.left_to_gain is not None:
        typer.echo(
            f"the models leave at most {found.left_to_gain:.3g} % of hypervolume to gain, with a "
            "probability of 95 %",
            err=True,
        )
    if front.trials:
        print_found(front, len(recorded))
    if found.ended in STOPPED:
        raise typer.Exit(STOPPED[found.ended])
    if not front.trials:
        raise NothingFoundError(no_front(front.study, recorded))
