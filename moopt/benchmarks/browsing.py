"""The dashboard in a browser of its own, for pictures of it and for the time that it takes."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from moopt.dashboard.app import CARDS, Dashboard
from moopt.dashboard.card_desk import CardDesk
from moopt.dashboard.live import LiveStudies
from moopt.dashboard.serving import open_server
from moopt.errors import MissingDependencyError
from moopt.store.store import Store

try:
    from playwright.sync_api import Browser, sync_playwright
except ImportError as error:
    raise MissingDependencyError(
        "a browser is driven by playwright, which is not installed; install it with: "
        "pip install playwright"
    ) from error

OPTIONS = ("--no-sandbox", "--enable-unsafe-swiftshader")
"""Without a GPU, three dimensions are drawn in software."""


@contextmanager
def served(store: str) -> Iterator[str]:
    """Serve the dashboard of a store at a free port, and yield its address.

    Raises:
        StoreError: The store cannot be opened.
    """
    with (
        Store(store) as opened,
        answering(Dashboard(LiveStudies(opened), CardDesk(CARDS), store)) as address,
    ):
        yield address


@contextmanager
def answering(shown: Dashboard) -> Iterator[str]:
    """Serve a dashboard at a free port, from a thread, and yield its address."""
    server = open_server(shown, host="127.0.0.1", port=0, token=None)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
        shown.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield the Chromium of this machine.

    Raises:
        MissingDependencyError: There is none.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise MissingDependencyError(
            "there is no chromium on this machine; install it with: apt-get install chromium"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()
