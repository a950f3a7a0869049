"""How long the dashboard takes from its address to the front: `python -m` this module.

The seconds are those of a clock, so other work on the machine counts; the processor time of the
page's main thread does not depend on it.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from playwright.sync_api import Browser

from moopt.benchmarks.browsing import chromium, served
from moopt.benchmarks.made_trials import fill_store, tuning_study, tuning_trials

DRAWN = "#panel-front .scatterlayer .trace"

WATCH = """
new MutationObserver((_, watching) => {
  const picture = document.querySelector("#panel-front .first-look img");
  if (!picture) return;
  watching.disconnect();
  // The frame after the next one begins when the picture is on the screen.
  const seen = () => requestAnimationFrame(() => requestAnimationFrame(() => {
    window.seenAt = performance.now();
  }));
  picture.decode().then(seen);
}).observe(document, { childList: true, subtree: true });
"""
"""Notes in the page when its front was seen first."""


@dataclass(frozen=True, slots=True)
class View:
    """One look at a study, in a browser that has seen nothing before."""

    seen: float
    """Seconds from the start of the navigation until the front is on the screen, as a picture."""

    drawn: float
    """Seconds until it is a figure that answers the pointer."""

    processor_seconds: float
    """Of the main thread of the page."""


def first_view(browser: Browser, address: str) -> View:
    """Open a study and measure."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        page = context.new_page()
        page.add_init_script(WATCH)
        session = context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(address, wait_until="commit")
        page.wait_for_selector(DRAWN)
        drawn = float(page.evaluate("performance.now()")) / 1000
        page.wait_for_function("window.seenAt !== undefined")
        seen = float(page.evaluate("window.seenAt")) / 1000
        found = session.send("Performance.getMetrics")["metrics"]
        spent = {each["name"]: float(each["value"]) for each in found}
        return View(seen, drawn, spent["TaskDuration"])
    finally:
        context.close()


def main(
    *,
    trials: Annotated[int, typer.Option(help="Of the study that is shown.")] = 500,
    views: Annotated[int, typer.Option(help="How often it is opened.")] = 5,
) -> None:
    """Print how long a study takes to be seen."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "shown.db"
        fill_store(store, tuning_study("shown"), tuning_trials(trials))
        with served(str(store)) as address, chromium() as browser:
            found = [first_view(browser, f"{address}/study/shown") for _ in range(views)]
    for name, values in (
        ("seconds to the front as a picture", [each.seen for each in found]),
        ("seconds to the front as a figure", [each.drawn for each in found]),
        ("processor seconds of the page", [each.processor_seconds for each in found]),
    ):
        typer.echo(
            f"{trials} trials, {name}: median {median(values):.2f}, "
            f"{min(values):.2f} to {max(values):.2f} of {views}"
        )


if __name__ == "__main__":
    typer.run(main)
