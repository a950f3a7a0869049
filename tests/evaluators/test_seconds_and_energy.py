import time
from pathlib import Path

import pytest

from moopt.evaluators.metrics.seconds_and_energy import metered, processor_energy


def zone(folder: Path, name: str, microjoules: int) -> None:
    """Write the files of one processor as Linux does."""
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "energy_uj").write_text(f"{microjoules}\n")
    (folder / name / "max_energy_range_uj").write_text("1000000\n")


def test_the_seconds_of_a_block_are_measured() -> None:
    with metered() as cost:
        time.sleep(0.02)

    assert 0.02 <= cost.seconds < 2
    assert cost.joules is None or cost.joules >= 0


def fail() -> None:
    raise ValueError("too large")


def test_a_block_that_fails_has_a_cost_too() -> None:
    with pytest.raises(ValueError, match="too large"), metered() as cost:
        fail()

    assert cost.seconds > 0


def test_energy_is_summed_over_processors_and_their_parts_are_not_counted_again(
    tmp_path: Path,
) -> None:
    for name in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1"):
        zone(tmp_path, name, 500_000)
    joules = processor_energy(tmp_path)
    assert joules is not None
    for name, found in (("intel-rapl:0", 700_000), ("intel-rapl:0:0", 600_000)):
        zone(tmp_path, name, found)

    assert joules() == pytest.approx(0.2)


def test_a_counter_that_starts_again_goes_on_counting(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", 900_000)
    joules = processor_energy(tmp_path)
    assert joules is not None

    zone(tmp_path, "intel-rapl:0", 100_000)
    first = joules()
    zone(tmp_path, "intel-rapl:0", 0)

    assert first == pytest.approx(0.2)
    assert joules() == pytest.approx(1.1)


def test_a_machine_that_does_not_tell_has_no_counter(tmp_path: Path) -> None:
    assert processor_energy(tmp_path) is None
    (tmp_path / "intel-rapl:0").mkdir()
    assert processor_energy(tmp_path) is None
