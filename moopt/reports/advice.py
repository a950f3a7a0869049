"""What to do about a failure, in a line, for whoever finds it in a list."""

from moopt.study.trials import Failure, FailureCause, FailureKind

_BY_CAUSE = {
    FailureCause.ERROR: (
        "if the point is to blame, nothing: the search keeps away from its like; if the code is, "
        "see the traceback in log.txt, mend it and run again"
    ),
    FailureCause.NON_FINITE: (
        "if training diverged there, nothing: the search keeps away from its like; otherwise look "
        "at how the evaluator computes this measurement, and return None for what was not measured"
    ),
    FailureCause.WRONG_RESULT: (
        "mend the evaluator: it returns a mapping with a number, (mean, standard error) or None "
        "for every outcome of the study; then `moopt retry` and run again"
    ),
    FailureCause.FILE_ERROR: (
        "see that the file or folder is where the evaluator looks for it, readable and with room "
        "on the disk; then `moopt retry` and run again"
    ),
    FailureCause.OUT_OF_MEMORY: (
        "nothing if smaller points fit, the search keeps to them; otherwise fewer --workers, or "
        "narrower parameters"
    ),
    FailureCause.GPU_OUT_OF_MEMORY: (
        "nothing if smaller points fit, the search keeps to them; otherwise a larger "
        "--gpus-per-trial, so that fewer trials share a GPU, or narrower parameters"
    ),
    FailureCause.GPU_ERROR: (
        "run the evaluator on this trial alone with CUDA_LAUNCH_BLOCKING=1 to find the line, often "
        "an index out of range; the worker was replaced"
    ),
    FailureCause.MEMORY_LIMIT: (
        "nothing if smaller points fit, the search keeps to them; otherwise a larger "
        "--memory-limit with fewer --workers, or narrower parameters"
    ),
    FailureCause.KERNEL_OUT_OF_MEMORY: (
        "set --memory-limit so that no trial endangers the others, or run with fewer --workers"
    ),
    FailureCause.TIMEOUT: (
        "if it was only slow, a larger --trial-timeout; if it hung, see stderr.txt in the trial's "
        "folder for how far it came"
    ),
    FailureCause.WORKER_EXITED: (
        "see stderr.txt in the trial's folder: the evaluator, or a library in it, ended the "
        "process; raise an error instead where the point is to blame"
    ),
    FailureCause.WORKER_KILLED: (
        "look for `Out of memory` in `dmesg`: if it is there, set --memory-limit or run with fewer "
        "--workers; otherwise somebody ended the process, run again"
    ),
    FailureCause.WORKER_CRASHED: (
        "see stderr.txt in the trial's folder for the Python line; a library crashed in C code, "
        "update it or avoid the call"
    ),
    FailureCause.WORKER_STOPPED: (
        "somebody or a batch system paused the process (SIGSTOP); see who does, then run again"
    ),
    FailureCause.HOST_LOST: "see whether the machine is up, then run again",
    FailureCause.DRIVER_LOST: (
        "the same `moopt run` goes on; if drivers die again and again, look at their stderr"
    ),
}

_BY_KIND = {
    FailureKind.CANDIDATE: _BY_CAUSE[FailureCause.ERROR],
    FailureKind.EVALUATOR: _BY_CAUSE[FailureCause.WRONG_RESULT],
    FailureKind.INFRASTRUCTURE: "see stderr.txt in the trial's folder, then run again",
    FailureKind.TIMEOUT: _BY_CAUSE[FailureCause.TIMEOUT],
}
"""Where the cause is not known."""


def advice(failure: Failure) -> str:
    """Return what to do about a failure, in one line."""
    if failure.cause is FailureCause.UNKNOWN:
        return _BY_KIND[failure.kind]
    return _BY_CAUSE[failure.cause]
