"""A real server in a thread, and a real browser that may not leave this machine."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from moopt.benchmarks.browsing import answering
from moopt.dashboard.app import Dashboard
from moopt.dashboard.card_desk import CardDesk
from moopt.dashboard.exports import Exports
from moopt.dashboard.live import LiveStudies
from moopt.store.store import Store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 30_000.0
"""Milliseconds: CI has two cores."""

expect.set_options(timeout=PATIENCE)

HARMLESS = ("GL Driver Message", "Canvas2D: Multiple readback", "was preloaded using")
"""What Chromium says of slow drawing where there is no GPU, and on a busy machine."""

MAKERS = {
    "model": "tests.dashboard.made_cards:quick_cards",
    "ax": "tests.dashboard.made_cards:missing_package",
    "growth": "moopt.dashboard.growth:growth_cards",
}


@dataclass
class Watch:
    """What happened in a page that should not."""

    said: list[str] = field(default_factory=list)
    """Errors and warnings of the console, and errors that nothing caught."""

    left: list[str] = field(default_factory=list)
    """Addresses outside this machine that were asked for."""


@contextmanager
def served(path: Path, *, only: str | None = None, exports: Exports | None = None) -> Iterator[str]:
    """Serve a store, and yield the address."""
    with Store(str(path)) as store:
        desk = CardDesk(MAKERS)
        shown = Dashboard(
            LiveStudies(store, only=only), desk, str(path), path.parent / "artifacts", exports
        )
        with answering(shown) as address:
            yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return Debian's Chromium, which draws in software."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--enable-unsafe-swiftshader"]
        )
        yield found
        found.close()


@contextmanager
def watched_page(
    browser: Browser, *, width: int = 1280, dark: bool = False
) -> Iterator[tuple[Page, Watch]]:
    """Yield an empty page and what happens in it; nothing leaves this machine."""
    watch = Watch()
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    )

    def check(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            watch.left.append(route.request.url)
            route.abort()

    page = context.new_page()
    page.route("**/*", check)
    page.on("pageerror", lambda error: watch.said.append(str(error)))
    page.on(
        "console",
        lambda line: (
            watch.said.append(line.text)
            if line.type in {"error", "warning"} and not any(each in line.text for each in HARMLESS)
            else None
        ),
    )
    page.set_default_timeout(PATIENCE)
    try:
        yield page, watch
    finally:
        page.unroute_all(behavior="ignoreErrors")
        context.close()
