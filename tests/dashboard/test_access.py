"""Who may see the dashboard, asked of the application itself."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from moopt.benchmarks.made_trials import fill_store, tuning_study, tuning_trials
from moopt.cli import dashboard as cli
from moopt.cli.dashboard import access_token, address_of
from moopt.dashboard.access import Access, is_loopback
from moopt.dashboard.app import Dashboard, web_application
from moopt.dashboard.card_desk import CardDesk
from moopt.dashboard.live import LiveStudies
from moopt.errors import SelectionError
from moopt.store.store import Store

KEY = "0123456789abcdef"
CSRF = "a secret of this server"
PATHS = ("/", "/study/tuning", "/_dash-layout", "/assets/page.js", "/assets/dashboard.css")


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    path: Path = tmp_path_factory.mktemp("access") / "s.db"
    fill_store(path, tuning_study(), tuning_trials(5))
    with Store(str(path)) as store:
        yield Dashboard(LiveStudies(store), CardDesk({}), str(path))


@pytest.fixture
def local(dashboard: Dashboard) -> FlaskClient:
    access = Access("127.0.0.1", 8050, None, CSRF)
    client: FlaskClient = web_application(dashboard, access).server.test_client()
    return client


@pytest.fixture
def remote(dashboard: Dashboard) -> FlaskClient:
    access = Access("192.168.0.7", 8050, KEY, CSRF)
    client: FlaskClient = web_application(dashboard, access).server.test_client()
    return client


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_shown_without_the_token(remote: FlaskClient, path: str) -> None:
    assert remote.get(path, buffered=True).status_code == 401
    assert remote.get(f"{path}?token=0123456789abcdeX").status_code == 401
    assert remote.post("/_dash-update-component", json={}).status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_the_token_opens_everything_and_stays_in_a_cookie(remote: FlaskClient, path: str) -> None:
    first = remote.get(f"/?token={KEY}")

    cookie = next(each for each in first.headers.getlist("Set-Cookie") if "token" in each)
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert remote.get(path, buffered=True).status_code == 200


def test_a_token_that_is_no_ascii_is_refused_quietly(remote: FlaskClient) -> None:
    assert remote.get("/?token=ключ").status_code == 401


def test_a_foreign_name_for_this_machine_is_refused(local: FlaskClient) -> None:
    assert local.get("/", headers={"Host": "evil.example:8050"}).status_code == 403
    for name in ("127.0.0.1:8050", "localhost:8050", "[::1]:8050"):
        assert local.get("/", headers={"Host": name}).status_code == 200


def test_a_request_of_another_page_changes_nothing(local: FlaskClient) -> None:
    path = "/_dash-update-component"
    assert local.post(path, json={}).status_code == 403
    assert local.post(path, json={}, headers={"X-CSRFToken": "guessed"}).status_code == 403
    foreign = {"X-CSRFToken": CSRF, "Origin": "http://evil.example"}
    assert local.post(path, json={}, headers=foreign).status_code == 403


def test_browsers_are_told_to_load_nothing_from_elsewhere(local: FlaskClient) -> None:
    policy = local.get("/").headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self' 'sha256-" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy


def test_no_token_is_needed_on_this_machine_and_one_is_made_elsewhere() -> None:
    assert access_token("127.0.0.1", None) is None
    made = access_token("192.168.0.7", None)
    assert made is not None
    assert len(made) >= 32
    assert access_token("127.0.0.1", KEY) == KEY
    assert is_loopback("::1")
    assert not is_loopback("example.org")


def test_a_short_token_is_refused() -> None:
    with pytest.raises(SelectionError, match="16 characters"):
        access_token("192.168.0.7", "secret")


def test_the_address_has_the_token_and_the_brackets_that_it_needs() -> None:
    assert address_of("127.0.0.1", 8050, None) == "http://127.0.0.1:8050"
    assert address_of("::1", 8050, "a b") == "http://[::1]:8050/?token=a%20b"


@pytest.mark.parametrize(
    ("more", "word"), [({"study": "tuning"}, "STUDY"), ({"allow_changes": True}, "--allow-changes")]
)
def test_optuna_s_pages_refuse_what_they_cannot_do(more: dict[str, Any], word: str) -> None:
    with pytest.raises(SelectionError, match=f"leave out {word}"):
        cli.dashboard(optuna=True, store="nowhere.db", **more)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_the_server_ends_cleanly_when_it_is_told_to(tmp_path: Path, how: signal.Signals) -> None:
    fill_store(tmp_path / "s.db", tuning_study(), [])
    call = [sys.executable, "-c", "from moopt.cli.app import main; main()"]
    call += ["dashboard", "--no-browser", "--port", "0", "--store", "s.db"]
    with subprocess.Popen(call, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert "the dashboard is at" in server.stdout.readline()
        assert "Ctrl-C" in server.stdout.readline()
        time.sleep(0.5)

        server.send_signal(how)

        try:
            assert server.wait(30) == 0
        finally:
            server.kill()
