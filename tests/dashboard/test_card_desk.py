import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from moopt.benchmarks.made_trials import tuning_study, tuning_trials
from moopt.dashboard import card_desk
from moopt.dashboard.card_desk import CardDesk, Hand
from moopt.dashboard.live import Snapshot, snapshot_of
from tests.dashboard.conftest import MAKERS

FEW = snapshot_of(tuning_study(), tuning_trials(10))
MORE = snapshot_of(tuning_study(), tuning_trials(12))
OTHER_MAKERS = {
    "slow": "tests.dashboard.made_cards:slow_cards",
    "dying": "tests.dashboard.made_cards:dying_cards",
}


@pytest.fixture
def desk() -> Iterator[CardDesk]:
    desk = CardDesk(MAKERS | OTHER_MAKERS)
    yield desk
    desk.close()


def hand_with(desk: CardDesk, maker: str, snapshot: Snapshot, cards: int) -> Hand:
    """Return the cards once there are so many, or all of them."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        hand = desk.ask(maker, snapshot)
        if len(hand.cards) >= cards or hand.is_done:
            return hand
        time.sleep(0.05)
    raise AssertionError(f"no {cards} cards within a minute")


def done(desk: CardDesk, maker: str, snapshot: Snapshot) -> Hand:
    return hand_with(desk, maker, snapshot, 1000)


@pytest.mark.slow
def test_cards_are_made_once_for_a_state_of_the_study(desk: CardDesk) -> None:
    first = desk.ask("model", FEW)
    found = done(desk, "model", FEW)

    assert not first.is_done
    assert [card.name for card in found.cards] == ["curve", "numbers", "words", "none"]
    assert found.trials == 10
    assert desk.ask("model", FEW) == found


@pytest.mark.slow
def test_cards_of_an_earlier_state_stand_until_the_new_ones_are_ready(desk: CardDesk) -> None:
    done(desk, "model", FEW)

    again = desk.ask("model", MORE)
    found = done(desk, "model", MORE)

    assert len(again.cards) == 4
    assert not again.is_done
    assert found.trials == 12
    assert found.cards[1].table is not None
    assert found.cards[1].table.rows[1][1] == 12


@pytest.mark.slow
def test_a_card_that_is_ready_does_not_wait_for_the_next_and_other_cards_wait(
    desk: CardDesk,
) -> None:
    hand = hand_with(desk, "slow", FEW, 1)

    assert [card.name for card in hand.cards] == ["first"]
    assert not hand.is_done
    assert desk.ask("model", FEW).is_waiting


@pytest.mark.slow
def test_a_process_that_dies_leaves_its_cards_and_a_word(desk: CardDesk) -> None:
    hand = done(desk, "dying", FEW)

    assert [card.name for card in hand.cards] == ["first"]
    assert "status 7" in hand.problem


@pytest.mark.slow
def test_a_missing_package_is_named_with_what_to_install(desk: CardDesk) -> None:
    assert "no_such_package" in done(desk, "ax", FEW).problem


@pytest.mark.slow
def test_what_nobody_asks_for_any_more_is_given_up_without_a_problem(
    desk: CardDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_with(desk, "slow", FEW, 1)
    monkeypatch.setattr(card_desk, "UNWATCHED_SECONDS", 0.0)

    limit = time.monotonic() + 30
    while multiprocessing.active_children() and time.monotonic() < limit:
        time.sleep(0.05)
    monkeypatch.undo()
    again = desk.ask("slow", FEW)

    assert [card.name for card in again.cards] == ["first"]
    assert not again.problem
    assert not again.is_done


@pytest.mark.slow
def test_a_process_ends_when_its_server_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from moopt.dashboard.jobs import Job\n"
        "from tests.dashboard.made_cards import sleep_for_long\n"
        "if __name__ == '__main__':\n"
        "    job = Job(sleep_for_long, sys.argv[1], seconds=60)\n"
        "    while not job.items: job.collect()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "server.py").write_text(script)
    call = [sys.executable, "server.py", str(tmp_path / "pid")]
    root = str(Path(__file__).parents[2])
    ended = subprocess.run(
        call, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}, check=False, timeout=60
    )
    assert ended.returncode == -signal.SIGKILL

    pid = int((tmp_path / "pid").read_text())
    limit = time.monotonic() + 30
    while is_alive(pid) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not is_alive(pid)


def is_alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
