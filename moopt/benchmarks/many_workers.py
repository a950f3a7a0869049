"""What one driver can do: a thousand workers that only wait, and a real database.

Run it with `python -m moopt.benchmarks.many_workers --store postgresql://me@host/scratch`; without
`--store` it starts a PostgreSQL server of its own. Evaluations are replaced by waits, so that two
cores can stand for a cluster: what is left is the driver's own work and that of the database.
"""

import argparse
import heapq
import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from rich.console import Console

from moopt.benchmarks.postgres import PostgresServer
from moopt.benchmarks.waiting import evaluate, study
from moopt.loop import optimize
from moopt.store.store import Store
from moopt.study.evaluation import Evaluation, Report, Split, ignore_partial_result
from moopt.study.trials import Trial
from moopt.study.usage import Usage

OUT = Console(highlight=False, soft_wrap=True)


@dataclass
class WaitingExecutor:
    """Workers that wait for a random time, half of the mean to one and a half of it.

    Args:
        capacity: How many there are.
        seconds: The mean.
    """

    capacity: int
    seconds: float
    _ends: list[tuple[float, str]] = field(default_factory=list)
    _running: dict[str, Evaluation] = field(default_factory=dict)
    _ended: dict[str, Evaluation] = field(default_factory=dict)
    _counter: "itertools.count[int]" = field(default_factory=itertools.count)

    def start(
        self,
        trial: Trial,
        split: Split = Split.SEARCH,
        take: Callable[[str, Report], None] = ignore_partial_result,
    ) -> str:
        """Begin to wait."""
        del split, take
        job = f"{trial.number}.{next(self._counter)}"
        takes = self.seconds * (0.5 + trial.seed / 2**32)
        point = [float(str(value)) for value in trial.parameters.values()]
        measured = {
            "near_the_origin": sum(value**2 for value in point),
            "near_the_corner": sum((1.0 - value) ** 2 for value in point),
        }
        usage = Usage(takes, 0.0, 0.0, None, None, "nowhere", "cpu")
        self._running[job] = Evaluation(measured, usage)
        heapq.heappush(self._ends, (time.monotonic() + takes, job))
        return job

    def poll(self, job: str) -> Evaluation | None:
        """Return what was measured once the wait is over."""
        self._look()
        return self._ended.pop(job, None)

    def stop_early(self, job: str) -> None:
        """Do nothing: nobody listens."""

    def wait(self, seconds: float) -> None:
        """Wait until the next wait is over, or for so long."""
        self._look()
        if not self._ended and self._ends:
            time.sleep(max(0.0, min(seconds, self._ends[0][0] - time.monotonic())))

    def stop(self, job: str) -> None:
        """Forget a job."""
        self._running.pop(job, None)

    def close(self) -> None:
        """Forget all jobs."""
        self._running.clear()

    def _look(self) -> None:
        now = time.monotonic()
        while self._ends and self._ends[0][0] <= now:
            _, job = heapq.heappop(self._ends)
            if job in self._running:
                self._ended[job] = self._running.pop(job)


@dataclass(frozen=True, slots=True)
class Throughput:
    """What a run came to."""

    workers: int
    seconds: float
    """Of an evaluation, the mean."""

    trials: int
    rate: float
    """Trials started a second, from when every worker had one to the last start."""

    cpu: float
    """Seconds of the driver for each trial of the run."""

    load: float
    """Share of a core that the driver took from the first start to the last."""

    @property
    def asked(self) -> float:
        """Trials a second that the workers could take if nothing cost time."""
        return self.workers / self.seconds


def measure(store: str, *, workers: int, seconds: float, trials: int, sampler: str) -> Throughput:
    """Run a study on waiting workers.

    Raises:
        StoreError: The store cannot be used.
    """
    executor = WaitingExecutor(workers, seconds)
    with Store(store) as opened:
        name = f"many_workers_{time.time_ns()}"
        used = time.process_time()
        optimize(
            replace(study, name=name),
            evaluate,
            trials=trials,
            sampler=sampler,
            executor=executor,
            store=opened,
        )
        cpu = time.process_time() - used
        started = sorted(each.started.timestamp() for each in opened.trials(name) if each.started)
    rate = (len(started) - workers) / (started[-1] - started[workers - 1])
    # Afterwards the driver only records what still ends.
    load = cpu / (started[-1] - started[0] + seconds)
    return Throughput(workers, seconds, trials, rate, cpu / trials, load)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure and print a row for each mean of an evaluation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", help="URL of a database; none: a server of its own")
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=2500)
    parser.add_argument("--seconds", default="60,30", help="means, comma between")
    parser.add_argument("--sampler", default="sobol")
    chosen = parser.parse_args(arguments)
    with ExitStack() as stack:
        store = chosen.store
        if store is None:
            store = stack.enter_context(PostgresServer()).new_database()
        OUT.print(
            f"{'workers':>8}{'trial s':>9}{'trials':>8}{'asked/s':>9}{'started/s':>11}{'share':>8}"
            f"{'driver CPU ms/trial':>21}{'of a core':>11}"
        )
        for seconds in map(float, chosen.seconds.split(",")):
            found = measure(
                store,
                workers=chosen.workers,
                seconds=seconds,
                trials=chosen.trials,
                sampler=chosen.sampler,
            )
            OUT.print(
                f"{found.workers:>8}{seconds:>9g}{found.trials:>8}{found.asked:>9.1f}"
                f"{found.rate:>11.1f}{found.rate / found.asked:>8.1%}"
                f"{1000 * found.cpu:>21.1f}{found.load:>11.0%}"
            )


if __name__ == "__main__":
    main()
