"""`moopt run --executor ray` as a user types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.executors.ray_nodes import RayNodes

MOOPT = Path(sys.executable).with_name("moopt")
QUICK = ("--executor", "ray", "--sampler", "sobol", "--trials", "4")

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.xdist_group("ray")]


def moopt(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return subprocess.run(
        [str(MOOPT), *words],
        cwd=folder,
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_run_on_a_cluster_prints_the_front_and_nothing_of_ray(
    folder: Path, toy: Path, ray_cluster: RayNodes
) -> None:
    ran = moopt(
        folder,
        *("run", toy.name, *QUICK, "--gpus-per-trial", "0.5", "--workers", "2"),
        RAY_ADDRESS=ray_cluster.address,
        RAY_AUTH_TOKEN_PATH=str(ray_cluster.token),
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("trial ")
    assert f"Ray at {ray_cluster.address}: 2 of 2 workers, 1 CPU and 0.5 GPUs each" in ran.stderr
    said = [line.split(":")[0].split(",")[0] for line in ran.stderr.splitlines()]
    assert set(said) <= {"preparing", "Ray at 127.0.0.1", "search", "held out"}
    trials = json.loads(moopt(folder, "trials", "toy", "--format", "json").stdout)["trials"]
    assert [trial["state"] for trial in trials] == ["completed", "failed", "completed", "completed"]


def test_without_an_address_a_cluster_is_started_and_ended(folder: Path, toy: Path) -> None:
    ran = moopt(folder, "run", toy.name, *QUICK, "--workers", "1", HOME=str(folder))

    assert ran.returncode == 0, ran.stderr
    assert "Ray was started on this machine: 1 of 1 workers, 1 CPU and 0 GPUs each" in ran.stderr
    assert not (folder / ".ray").exists()


def test_a_cluster_that_is_not_there_is_one_line(folder: Path, toy: Path) -> None:
    ran = moopt(folder, "run", toy.name, *QUICK, "--ray-address", "127.0.0.1:1")

    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.splitlines()[-1].startswith("moopt: no Ray cluster answers at 127.0.0.1:1; ")


def test_options_of_ray_need_ray(call: Call, toy: Path) -> None:
    answer = call("run", str(toy), "--ray-address", "auto", "--ray-wait", "9")

    assert answer.status == 2
    assert "--ray-address and --ray-wait needs --executor ray; it is --executor local" in answer.err
