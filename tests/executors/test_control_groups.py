from pathlib import Path

import pytest

from moopt.executors.control_groups import cpu_quota, oom_kills


def in_group(folder: Path, membership: str, files: dict[str, str]) -> tuple[Path, Path]:
    """Make the files of control groups and say where they and our membership are."""
    root, ours = folder / "cgroup", folder / "membership"
    root.mkdir()
    ours.write_text(membership, encoding="utf-8")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root, ours


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/job\n", {"job/cpu.max": "150000 100000\n"}, 1.5),
        ("0::/job\n", {"job/cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "800000 100000"}, 2.0),
        # In a container the path may be that of the host.
        ("0::/docker/4f\n", {"cpu.max": "300000 100000\n"}, 3.0),
        (
            "7:cpu,cpuacct:/job\n",
            {"cpu/job/cpu.cfs_quota_us": "50000\n", "cpu/job/cpu.cfs_period_us": "100000\n"},
            0.5,
        ),
        (
            "7:cpu,cpuacct:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            None,
        ),
        ("", {}, None),
    ],
)
def test_the_tightest_limit_counts(
    tmp_path: Path, membership: str, files: dict[str, str], expected: float | None
) -> None:
    assert cpu_quota(*in_group(tmp_path, membership, files)) == expected


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/job\n", {"job/memory.events": "low 0\noom 2\noom_kill 3\n"}, 3),
        ("0::/docker/4f\n", {"memory.events": "oom 0\noom_kill 0\n"}, 0),
        ("4:memory:/job\n", {"memory/job/memory.oom_control": "under_oom 0\noom_kill 5\n"}, 5),
        ("0::/job\n", {}, None),
    ],
)
def test_kills_by_the_kernel_are_those_of_our_own_group(
    tmp_path: Path, membership: str, files: dict[str, str], expected: int | None
) -> None:
    assert oom_kills(*in_group(tmp_path, membership, files)) == expected


def test_without_control_groups_nothing_is_known(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path, tmp_path / "none") is None
    assert oom_kills(tmp_path, tmp_path / "none") is None
