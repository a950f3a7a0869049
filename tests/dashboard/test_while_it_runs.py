"""The real dashboard in a real browser, on a study that a real run is searching meanwhile."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from moopt.store.store import Store
from moopt.study.trials import TrialState
from tests.dashboard.conftest import watched_page

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

TABS = ("Front", "Pick", "Trials", "Model", "Ax")
COMMAND = (sys.executable, "-c", "from moopt.cli.app import main; main()")
BOUND = re.compile(r"http://127\.0\.0\.1:\d+")
CHECKS: dict[str, object] = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
}
COLOURS: dict[str, object] = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast"]},
}


@dataclass(frozen=True)
class Running:
    address: str
    folder: Path

    def ended(self) -> int:
        """Return how many trials the store has that were measured."""
        with Store(str(self.folder / "s.db")) as store:
            return sum(t.state is TrialState.COMPLETED for t in store.trials("live"))


@contextmanager
def started(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, *words, "--store", "s.db"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent.parent)},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def running(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    assert browser.is_connected()
    folder = tmp_path_factory.mktemp("live")
    shutil.copy(Path(__file__).parent / "live_study.py", folder / "live.py")
    run = ("run", "live.py", "--trials", "2000", "--workers", "1", "--sampler", "sobol")
    with started(folder, *run):
        limit = time.monotonic() + 60
        while not (folder / "s.db").exists() and time.monotonic() < limit:
            time.sleep(0.2)
        show = ("dashboard", "live", "--port", "0", "--no-browser", "--allow-changes")
        time.sleep(2)
        with started(folder, *show) as dashboard:
            assert dashboard.stdout is not None
            line = dashboard.stdout.readline()
            bound = BOUND.search(line)
            assert bound, line
            yield Running(bound[0], folder)


@pytest.fixture
def page(browser: Browser, running: Running) -> Iterator[Page]:
    with watched_page(browser) as (page, watch):
        page.goto(running.address)
        page.wait_for_selector("#panel-front .scatterlayer .trace")
        yield page
        assert watch.said == []
        assert watch.left == []


def shown(page: Page) -> int:
    """Return how many trials the figure of the front has."""
    return int(
        page.evaluate(
            "document.querySelector('#panel-front .js-plotly-plot').data"
            ".filter((each) => each.customdata)"
            ".reduce((sum, each) => sum + each.customdata.length, 0)"
        )
    )


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    expect(page.get_by_role("tabpanel", name=name, exact=True)).to_be_visible()


def test_new_trials_appear_without_a_reload_and_the_zoom_stays(
    page: Page, running: Running
) -> None:
    plot = page.locator("#panel-front .nsewdrag").first
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.8 * box["height"], steps=5)
    page.mouse.up()
    get_range = "document.querySelector('#panel-front .js-plotly-plot').layout.xaxis.range"
    zoomed = page.evaluate(get_range)
    before = shown(page)

    recorded = running.ended()
    page.wait_for_function(
        f"""() => document.querySelector('#panel-front .js-plotly-plot').data
        .filter((each) => each.customdata)
        .reduce((sum, each) => sum + each.customdata.length, 0) >= {max(recorded, before + 1)}""",
        timeout=15_000,
    )

    assert page.evaluate(get_range) == zoomed
    expect(page.locator("#facts")).to_contain_text("1 running")


def test_trials_of_one_kind_can_be_left_out(page: Page) -> None:
    legend = page.locator("#panel-front .legendtext")
    expect(legend.filter(has_text="dominated (")).to_have_count(1)

    page.locator("#front-shown").get_by_text("dominated").click()

    expect(legend.filter(has_text="dominated (")).to_have_count(0)
    expect(legend.filter(has_text="on the front (")).to_have_count(1)


def test_a_parameter_can_be_an_axis_and_failed_trials_have_a_place_there(page: Page) -> None:
    page.locator("#front-x").click()
    page.get_by_role("option", name="mixture.chat").click()

    expect(
        page.locator("#panel-front .legendtext").filter(has_text="failed, on the edge")
    ).to_have_count(1)


def test_the_table_filters_and_a_trial_shows_its_log(page: Page) -> None:
    open_tab(page, "Trials")
    rows = page.locator(".ag-pinned-left-cols-container .ag-row")
    expect(rows.first).to_be_visible()

    page.get_by_label("Show trials that contain").fill("failed")
    expect(page.locator(".ag-center-cols-container [col-id=state]").first).to_have_text("failed")
    expect(page.locator("#trials-failures")).to_contain_text("<script>alert(1)</script>")
    rows.first.locator(".ag-cell").click()

    expect(page.locator("#trials-detail h2")).to_contain_text("failed")
    expect(page.locator("#trials-detail pre").last).to_contain_text("measuring <i>trial</i>")


def test_preferences_bounds_and_a_click_choose_a_trial(page: Page) -> None:
    open_tab(page, "Pick")
    chosen = page.locator("#pick-chosen h2")
    expect(chosen).to_contain_text("Trial")
    page.get_by_text("what matters how much").click()
    slider = page.get_by_role("slider").first
    slider.focus()
    slider.press("End")
    page.get_by_role("slider").last.focus()
    page.get_by_role("slider").last.press("Home")
    accuracy = page.locator("#pick-chosen td").first
    expect(accuracy).to_contain_text(re.compile(r"^1\.0|^0\.9"))

    page.get_by_label("latency_ms at most").fill("0.1")
    expect(page.locator("#pick-chosen")).to_contain_text("loosen one")
    page.get_by_label("latency_ms at most").fill("20")
    expect(chosen).to_contain_text("Trial")

    number = chosen.inner_text().removeprefix("Trial ")
    expect(page.locator("#pick-command")).to_have_text(
        f"moopt export live --trial {number} --to models/live-{number} --store s.db"
    )


def test_the_button_exports_the_chosen_model(page: Page, running: Running) -> None:
    open_tab(page, "Pick")
    page.get_by_text("one of the front").click()
    page.locator("#pick-trial").click()
    option = page.get_by_role("option").first
    number = option.inner_text().strip().removeprefix("trial ")
    option.click()
    expect(page.locator("#pick-command")).to_contain_text(f"--trial {number} ")

    page.get_by_role("button", name="Export this model").click()

    expect(page.locator("#pick-exported")).to_contain_text(f"Trial {number} is in", timeout=60_000)
    folder = running.folder / "models" / f"live-{number}"
    assert (folder / "model.txt").read_text() == number
    assert (folder / "README.md").exists()


def test_figures_have_no_button_that_sends_them_away(page: Page) -> None:
    expect(page.locator("#panel-front .modebar-btn[data-title='Zoom']").first).to_be_attached()
    expect(page.locator("#panel-front .modebar-btn[data-title^='Share']")).to_have_count(0)


def test_dark_mode_is_chosen_colours_figures_and_is_remembered(page: Page) -> None:
    font = "document.querySelector('#panel-front .js-plotly-plot').layout.font.color"
    light = page.evaluate(font)

    page.get_by_role("button", name="Dark").click()

    page.wait_for_function(f"() => {font} !== '{light}'")
    page.reload()
    page.wait_for_selector("#panel-front .scatterlayer .trace")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 28)"


def test_tabs_are_reached_and_changed_by_keys(page: Page) -> None:
    page.get_by_role("tab", name="Front").focus()

    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Pick")).to_be_focused()
    expect(page.get_by_role("tab", name="Pick")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("End")
    expect(page.get_by_role("tabpanel", name="Ax")).to_be_visible()


def test_no_tab_has_a_serious_violation_of_accessibility(
    browser: Browser, running: Running
) -> None:
    with watched_page(browser) as (page, _):
        page.goto(running.address)
        page.wait_for_selector("#panel-front .scatterlayer .trace")
        found = {f"{tab}, light": violations(page, tab, CHECKS) for tab in TABS}
        # Only colours differ in the dark.
        page.get_by_role("button", name="Dark").click()
        page.set_viewport_size({"width": 400, "height": 900})
        found |= {f"{tab}, dark": violations(page, tab, COLOURS) for tab in TABS}
        assert page.evaluate("document.documentElement.scrollWidth") <= 400

    assert {tab: each for tab, each in found.items() if each} == {}


def violations(page: Page, tab: str, checks: dict[str, object]) -> list[object]:
    """Return the serious violations of a tab, and where they are."""
    open_tab(page, tab)
    page.wait_for_timeout(1000)
    return [
        (each["id"], [node["target"] for node in each["nodes"]][:3])
        for each in Axe().run(page, options=checks).response["violations"]
        if each["impact"] in {"serious", "critical"}
    ]
