"""Pictures of every tab of the dashboard, for its documentation: `python -m` this module."""

from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Page

from moopt.benchmarks.browsing import chromium, served

TABS = ("Front", "Pick", "Trials", "Model", "Ax")
SIZES = {1280: 1100, 400: 1100}
"""Height of a picture, by width."""

PATIENCE = 300_000
"""Milliseconds for the cards."""

SETTLED = 2_000


def main(
    study: str,
    *,
    store: Annotated[str, typer.Option(help="Where it is.")] = "moopt.db",
    to: Annotated[Path, typer.Option(help="Folder of the pictures.")] = Path("docs/images"),
) -> None:
    """Take pictures of a study: wide ones in light colours, narrow ones in dark ones."""
    to.mkdir(parents=True, exist_ok=True)
    with served(store) as address, chromium() as browser:
        for width, height in SIZES.items():
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="light" if width > 640 else "dark",
            )
            page.goto(f"{address}/study/{study}")
            page.wait_for_selector("#panel-front .js-plotly-plot .main-svg")
            for tab in TABS:
                open_tab(page, tab)
                page.screenshot(path=to / f"dashboard_{tab.lower()}_{width}.png")
            page.close()


def open_tab(page: Page, tab: str) -> None:
    """Open a tab and wait until all of it is there."""
    page.get_by_role("tab", name=tab, exact=True).click()
    if tab in {"Model", "Ax"}:
        page.wait_for_function(
            "(id) => /cards?, from/.test(document.getElementById(id)?.innerText)",
            arg=f"{tab.lower()}-progress",
            timeout=PATIENCE,
        )
    elif tab == "Trials":
        page.wait_for_selector(".ag-center-cols-container .ag-row", timeout=PATIENCE)
    page.wait_for_timeout(SETTLED)
    page.evaluate("window.scrollTo(0, 0)")


if __name__ == "__main__":
    typer.run(main)
