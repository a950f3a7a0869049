import pytest

from moopt.errors import ExecutorError
from moopt.executors.devices import (
    available_gpus,
    device_name,
    listed_gpus,
    share_gpus,
    usable_cores,
    worker_environment,
)

TWO_GPUS = """\
GPU 0: NVIDIA H200 (UUID: GPU-0a1b)
GPU 1: NVIDIA H200 (UUID: GPU-2c3d)
"""
DIVIDED_GPU = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-0a1b)
  MIG 3g.20gb     Device  0: (UUID: MIG-aa)
  MIG 3g.20gb     Device  1: (UUID: MIG-bb)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-2c3d)
"""


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        (TWO_GPUS, ("GPU-0a1b", "GPU-2c3d")),
        (DIVIDED_GPU, ("MIG-aa", "MIG-bb", "GPU-2c3d")),
        ("No devices were found\n", ()),
    ],
)
def test_gpus_are_known_by_their_uuids(listing: str, expected: tuple[str, ...]) -> None:
    assert listed_gpus(listing) == expected


@pytest.mark.parametrize(
    ("granted", "expected"),
    [("2,3", ("2", "3")), ("GPU-1", ("GPU-1",)), ("", ()), ("-1", ()), ("0,-1,2", ("0",))],
)
def test_what_the_environment_grants_is_all_there_is(
    monkeypatch: pytest.MonkeyPatch, granted: str, expected: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", granted)

    assert available_gpus() == expected


@pytest.mark.parametrize(
    ("workers", "each", "expected"),
    [
        (2, 0, [(), ()]),
        (2, 1, [("a",), ("b",)]),
        (1, 2, [("a", "b")]),
        (4, 0.5, [("a",), ("b",), ("a",), ("b",)]),
        (6, 1 / 3, [("a",), ("b",)] * 3),
    ],
)
def test_workers_share_the_gpus(workers: int, each: float, expected: list[tuple[str, ...]]) -> None:
    assert share_gpus(workers, each, ["a", "b"]) == expected


@pytest.mark.parametrize(
    ("workers", "each", "message"),
    [
        (3, 1, "3 workers with 1 GPUs each are too many for the 2 GPUs .* room for 2"),
        (2, 2, "room for 1"),
        (1, 1.5, "whole number of GPUs or a share below 1, got 1.5"),
        (1, -1, "got -1"),
    ],
)
def test_gpus_that_are_not_there_are_refused(workers: int, each: float, message: str) -> None:
    with pytest.raises(ExecutorError, match=message):
        share_gpus(workers, each, ["a", "b"])


def test_a_worker_with_gpus_sees_no_others() -> None:
    assert worker_environment(["GPU-1", "GPU-2"])["CUDA_VISIBLE_DEVICES"] == "GPU-1,GPU-2"
    assert device_name(["GPU-1", "GPU-2"]) == "cuda:0"


def test_a_worker_has_one_thread_for_linear_algebra_or_as_many_as_asked() -> None:
    assert worker_environment([])["OMP_NUM_THREADS"] == "1"
    assert worker_environment([], 4)["OPENBLAS_NUM_THREADS"] == "4"
    assert device_name([]) == "cpu"


@pytest.mark.parametrize(("quota", "expected"), [(None, 3), (2.5, 2), (8.0, 3), (0.25, 1)])
def test_cores_are_those_that_this_process_may_use(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, expected: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {process, 4, 7})
    monkeypatch.setattr("moopt.executors.devices.cpu_quota", lambda: quota)

    assert usable_cores() == expected
