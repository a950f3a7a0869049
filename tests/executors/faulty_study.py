"""A study whose parameter says what the evaluator is to do."""

import asyncio
import ctypes
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from moopt.errors import StudyError
from moopt.study.evaluation import Context, Report
from moopt.study.objectives import Maximize, Minimize, Objective
from moopt.study.parameters import Categorical
from moopt.study.study import Study
from moopt.study.trials import Trial
from moopt.study.validation import Raw

STUDY_FILE = Path(__file__)

# What an evaluator should not return, and mypy would not let it.
NO_NUMBER: Any = "high"
NO_MAPPING: Any = [0.5, 1.0]
NOTHING: Any = None


def measure(context: Context) -> Mapping[str, Raw]:
    return {"accuracy": 0.9, "latency": (float(context.seed), 0.5)}


def raise_error(_context: Context) -> Mapping[str, Raw]:
    raise StudyError("this point is no good")


def print_and_raise(context: Context) -> Mapping[str, Raw]:
    sys.stderr.write("what the library said\n")
    return raise_error(context)


def run_out_of_memory(_context: Context) -> Mapping[str, Raw]:
    raise MemoryError


def exit_python(_context: Context) -> Mapping[str, Raw]:
    sys.exit("enough")


def exit_process(_context: Context) -> Mapping[str, Raw]:
    os._exit(3)


def kill_process(_context: Context) -> Mapping[str, Raw]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def crash(_context: Context) -> Mapping[str, Raw]:
    ctypes.string_at(0)
    return {}


def sleep(_context: Context) -> Mapping[str, Raw]:
    time.sleep(60)
    return {}


def leave_child(context: Context) -> Mapping[str, Raw]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (context.directory / "child").write_text(str(child.pid), encoding="utf-8")
    return sleep(context)


def write_output(context: Context) -> Mapping[str, Raw]:
    sys.stdout.write("to stdout\n")
    sys.stderr.write("to stderr\n")
    subprocess.run(["/bin/echo", "from a child"], check=True)
    return measure(context)


def log_progress(context: Context) -> Mapping[str, Raw]:
    context.logger.info("epoch 1")
    return measure(context)


def return_nan(_context: Context) -> Mapping[str, Raw]:
    return {"accuracy": float("nan"), "latency": None}


def return_numpy(_context: Context) -> Mapping[str, Raw]:
    return {"accuracy": np.float32(0.25), "latency": (np.int64(3), np.array(0.5))}


def return_text(_context: Context) -> Mapping[str, Raw]:
    return {"accuracy": NO_NUMBER, "latency": 1.0}


def return_list(_context: Context) -> Mapping[str, Raw]:
    mapping: Mapping[str, Raw] = NO_MAPPING
    return mapping


def return_nothing(_context: Context) -> Mapping[str, Raw]:
    mapping: Mapping[str, Raw] = NOTHING
    return mapping


def read_nothing(context: Context) -> Mapping[str, Raw]:
    (context.directory / "no-such-data.csv").read_text(encoding="utf-8")
    return measure(context)


def report_twice(context: Context) -> Mapping[str, Raw]:
    context.report(1, {"accuracy": np.float32(0.5)})
    context.report(2, {"accuracy": (0.7, 0.1)})
    return measure(context)


def report_and_sleep(context: Context) -> Mapping[str, Raw]:
    context.report(1, {"accuracy": 0.5})
    return sleep(context)


def report_text(context: Context) -> Mapping[str, Raw]:
    context.report(1, {"accuracy": NO_NUMBER})
    return measure(context)


def report_nan(context: Context) -> Mapping[str, Raw]:
    context.report(1, {"accuracy": float("nan")})
    return measure(context)


def leave_checkpoint(context: Context) -> Mapping[str, Raw]:
    (context.directory / "checkpoint").write_text(context.directory.name, encoding="utf-8")
    return measure(context)


def find_checkpoint(context: Context) -> Mapping[str, Raw]:
    if context.continues is None:
        return {"accuracy": 0.0, "latency": 1.0}
    found = (context.continues / "checkpoint").read_text(encoding="utf-8")
    return {"accuracy": float(found), "latency": 1.0}


def end_early(_context: Context) -> Report:
    return Report(3, {"accuracy": np.float32(0.25), "latency": 1})


def train(trial: Trial, context: Context) -> Mapping[str, Raw]:
    epochs = int(trial.fidelity or 1)
    for epoch in range(1, epochs + 1):
        context.report(epoch, {"accuracy": epoch})
        if context.should_stop():
            return {"accuracy": epoch, "latency": 1.0}
        time.sleep(0.02 if epochs > 10 else 0.0)
    return {"accuracy": epochs, "latency": 1.0}


def report_fidelity(trial: Trial, context: Context) -> Mapping[str, Raw]:
    context.report(float(trial.notes["reports"]), {"accuracy": 0.5})
    return measure(context)


def work(context: Context) -> Mapping[str, Raw]:
    block = bytearray(os.urandom(1)) * 200_000_000
    began = time.process_time()
    while time.process_time() < began + 0.1:
        block[0] ^= 1
    return measure(context)


def hog(_context: Context) -> Mapping[str, Raw]:
    block = b"x" * 600_000_000
    time.sleep(60)
    return {"accuracy": len(block), "latency": 0.0}


def hog_in_a_child(context: Context) -> Mapping[str, Raw]:
    program = "import time; block = b'x' * 600_000_000; time.sleep(60)"
    # Launchers of distributed training put their processes into sessions of their own.
    child = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    (context.directory / "child").write_text(str(child.pid), encoding="utf-8")
    return sleep(context)


def share_memory(context: Context) -> Mapping[str, Raw]:
    block = b"x" * 250_000_000
    if not os.fork():
        time.sleep(3)
        os._exit(len(block) % 2)
    time.sleep(2.5)
    return measure(context)


def cancel(_context: Context) -> Mapping[str, Raw]:
    raise asyncio.CancelledError


def die_talking(_context: Context) -> Mapping[str, Raw]:
    sys.stdout.write("epoch 3 of 9\n")
    os._exit(5)


def close_streams(context: Context) -> Mapping[str, Raw]:
    sys.stdout.close()
    sys.stderr.close()
    os.close(1)
    os.close(2)
    return measure(context)


def replace_streams(context: Context) -> Mapping[str, Raw]:
    sys.stdout = sys.stderr = io.StringIO()
    return measure(context)


def change_directory(context: Context) -> Mapping[str, Raw]:
    os.chdir(context.directory)
    return measure(context)


def tell_directory(_context: Context) -> Mapping[str, Raw]:
    return {"accuracy": 0.0, "latency": len(str(Path.cwd()))}


def print_much(context: Context) -> Mapping[str, Raw]:
    sys.stdout.write("progress " * 1_100_000)
    sys.stderr.write("progress " * 1_100_000)
    return measure(context)


def print_much_and_die(context: Context) -> Mapping[str, Raw]:
    print_much(context)
    sys.stderr.write("\nthe end\n")
    os._exit(6)


def leave_thread(context: Context) -> Mapping[str, Raw]:
    threading.Thread(target=time.sleep, args=(60,), daemon=False).start()
    return measure(context)


def return_twice(context: Context) -> Mapping[str, Raw]:
    os.fork()
    return measure(context)


def leave_fork(context: Context) -> Mapping[str, Raw]:
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    (context.directory / "child").write_text(str(child), encoding="utf-8")
    return measure(context)


def leave_fork_and_die(context: Context) -> Mapping[str, Raw]:
    leave_fork(context)
    os._exit(7)


def tell_place(context: Context) -> Mapping[str, Raw]:
    (context.directory / "device").write_text(context.device, encoding="utf-8")
    return {"accuracy": int(os.environ["OMP_NUM_THREADS"]), "latency": os.getpid()}


DEEDS: dict[str, Callable[[Context], Mapping[str, Raw] | Report]] = {
    each.__name__: each
    for each in (
        cancel,
        change_directory,
        close_streams,
        crash,
        die_talking,
        end_early,
        exit_process,
        exit_python,
        find_checkpoint,
        hog,
        hog_in_a_child,
        kill_process,
        leave_checkpoint,
        leave_child,
        leave_fork,
        leave_fork_and_die,
        leave_thread,
        log_progress,
        measure,
        print_much,
        print_much_and_die,
        print_and_raise,
        raise_error,
        read_nothing,
        replace_streams,
        report_and_sleep,
        report_nan,
        report_text,
        report_twice,
        return_list,
        return_nan,
        return_nothing,
        return_numpy,
        return_text,
        return_twice,
        run_out_of_memory,
        share_memory,
        sleep,
        tell_directory,
        tell_place,
        work,
        write_output,
    )
}

TRAININGS = {each.__name__: each for each in (report_fidelity, train)}
"""What depends on the fidelity of the trial."""

study = Study(
    "faulty",
    parameters=[Categorical("deed", [*DEEDS, *TRAININGS, "count"])],
    objectives=[Objective("accuracy", Maximize), Objective("latency", Minimize)],
)


def trial_that(
    deed: str,
    number: int = 0,
    seed: int = 0,
    *,
    fidelity: float | None = None,
    continues: int | None = None,
    reports: float = 1.0,
) -> Trial:
    return Trial(
        number,
        {"deed": deed},
        seed=seed,
        fidelity=fidelity,
        continues=continues,
        notes={"reports": str(reports)},
    )


class Evaluator:
    """Does what a trial says; is made once in each worker and counts its trials."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, trial: Trial, context: Context) -> Mapping[str, Raw] | Report:
        self.calls += 1
        if trial.parameters["deed"] in TRAININGS:
            return TRAININGS[str(trial.parameters["deed"])](trial, context)
        if trial.parameters["deed"] == "count":
            return {"accuracy": self.calls, "latency": os.getpid()}
        return DEEDS[str(trial.parameters["deed"])](context)


evaluate = Evaluator()


def held_out(_trial: Trial, _context: Context) -> Mapping[str, Raw]:
    return {"accuracy": 0.8, "latency": 1.0}
