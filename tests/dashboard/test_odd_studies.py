"""Studies at the edges of what there is: each shows something sensible, in a real browser."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from moopt.benchmarks.made_trials import (
    fill_store,
    tuning_study,
    tuning_trials,
    wide_study,
    wide_trials,
)
from moopt.study.trials import TrialState
from tests.dashboard.conftest import served, watched_page

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path: Path = tmp_path_factory.mktemp("odd") / "s.db"
    failed = [t for t in tuning_trials(300) if t.state is TrialState.FAILED]
    fill_store(path, tuning_study("many"), tuning_trials(5000))
    fill_store(path, wide_study(9, "nine"), wide_trials(9, 60))
    fill_store(path, wide_study(3, "three"), wide_trials(3, 40))
    fill_store(path, wide_study(1, "one_objective"), wide_trials(1, 20))
    fill_store(path, wide_study(2, "one_trial"), wide_trials(2, 1))
    fill_store(path, tuning_study("no_trial"), [])
    fill_store(path, tuning_study("all_failed"), failed)
    fill_store(path, tuning_study("renamed"), tuning_trials(3))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE moopt_studies SET name = ? WHERE name = 'renamed'", [SCRIPT])
        connection.execute(
            "UPDATE moopt_studies SET definition = replace(definition, 'renamed', ?) "
            "WHERE name = ?",
            [SCRIPT, SCRIPT],
        )
    with served(path) as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with watched_page(browser) as (page, watch):
        yield page
        assert watch.said == []
        assert watch.left == []


def drawn(page: Page) -> int:
    """Return how many points the figure of the front has, once it is drawn."""
    page.wait_for_selector("#panel-front .js-plotly-plot .main-svg")
    page.wait_for_function(
        "() => document.querySelector('#panel-front .js-plotly-plot').data"
        ".some((each) => each.customdata)"
    )
    return int(
        page.evaluate(
            "document.querySelector('#panel-front .js-plotly-plot').data"
            ".filter((each) => each.customdata)"
            ".map((each) => new Set(each.customdata).size).reduce((a, b) => a + b, 0)"
        )
    )


def figure_says(page: Page, words: str) -> None:
    expect(page.locator("#panel-front .annotation-text").first).to_contain_text(words)


def test_five_thousand_trials_are_drawn_and_listed(page: Page, address: str) -> None:
    page.goto(f"{address}/study/many")
    completed = sum(t.state is TrialState.COMPLETED for t in tuning_trials(5000))

    assert drawn(page) == completed
    page.get_by_role("tab", name="Trials").click()
    expect(page.locator(".ag-center-cols-container .ag-row").first).to_be_visible()
    page.get_by_label("Show trials that contain").fill("4999")
    expect(page.locator(".ag-pinned-left-cols-container .ag-row")).to_have_count(1)


def test_the_hypervolume_of_many_trials_comes_from_a_process_of_its_own(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/study/many")
    drawn(page)

    page.wait_for_function(
        "() => document.querySelector('#growth-place .js-plotly-plot')?.data.length > 0"
    )


def test_nine_objectives_are_lines_and_a_matrix(page: Page, address: str) -> None:
    page.goto(f"{address}/study/nine")

    assert drawn(page) == 60
    expect(page.locator("#panel-front .xtick")).to_have_count(9)
    page.get_by_text("matrix", exact=True).click()
    page.wait_for_selector("#panel-front .gl-canvas", state="attached")
    page.get_by_role("tab", name="Pick").click()
    expect(page.get_by_text("skill_8 at least")).to_be_visible()


def test_three_objectives_stand_in_space(page: Page, address: str) -> None:
    page.goto(f"{address}/study/three")

    page.wait_for_selector("#panel-front .gl-container canvas", state="attached")
    page.get_by_text("plane", exact=True).click()
    page.wait_for_selector("#panel-front .scatterlayer .trace")


def test_one_objective_shows_its_progress_and_no_hypervolume(page: Page, address: str) -> None:
    page.goto(f"{address}/study/one_objective")

    page.wait_for_selector("#panel-front .scatterlayer .trace")
    expect(page.get_by_text("best skill_0")).to_be_visible()
    expect(page.get_by_text("How the front grew")).to_have_count(0)
    page.get_by_role("tab", name="Pick").click()
    expect(page.locator("#pick-chosen h2")).to_contain_text("Trial")


def test_one_trial_is_a_front(page: Page, address: str) -> None:
    page.goto(f"{address}/study/one_trial")

    assert drawn(page) == 1
    page.get_by_role("tab", name="Pick").click()
    expect(page.locator("#pick-chosen h2")).to_have_text("Trial 0")


def test_no_trial_is_a_word_and_no_error(page: Page, address: str) -> None:
    page.goto(f"{address}/study/no_trial")

    figure_says(page, "no trial yet")
    page.get_by_role("tab", name="Pick").click()
    expect(page.get_by_text("there is no front yet to choose from").last).to_be_visible()
    page.get_by_role("tab", name="Trials").click()
    expect(page.locator("#panel-trials")).to_contain_text("No Rows To Show")


def test_where_all_failed_the_reasons_are_shown_as_text(page: Page, address: str) -> None:
    page.goto(f"{address}/study/all_failed")

    figure_says(page, "failed: the tab Trials says why")
    page.get_by_role("tab", name="Trials").click()
    expect(page.get_by_text("Every trial failed.")).to_be_visible()
    expect(page.locator("#trials-failures")).to_contain_text(SCRIPT)
    page.locator(".ag-pinned-left-cols-container .ag-cell").first.click()
    expect(page.locator("#trials-detail pre").first).to_contain_text(SCRIPT)


def test_a_failed_trial_has_a_place_where_a_parameter_is_the_axis(page: Page, address: str) -> None:
    page.goto(f"{address}/study/all_failed")
    figure_says(page, "failed")

    page.locator("#front-x").click()
    page.get_by_text("width", exact=True).click()
    page.wait_for_selector("#panel-front .scatterlayer .trace")


def test_a_study_whose_name_is_a_script_is_text_in_the_list_and_on_its_page(
    page: Page, address: str
) -> None:
    page.goto(address)

    expect(page.get_by_role("table")).to_contain_text(SCRIPT)
    page.get_by_role("link", name=SCRIPT).click()
    expect(page.locator("main")).to_contain_text("name")
    expect(page.locator("main script")).to_have_count(0)


def test_the_list_leads_to_a_study_and_back(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(9)

    page.get_by_role("link", name="three", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("three")
    expect(page).to_have_title("three · moopt")
    page.get_by_role("link", name="moopt").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Studies")


def test_a_study_that_is_not_there_is_said_to_be_missing(page: Page, address: str) -> None:
    page.goto(f"{address}/study/%3Cimg%20src=x%3E")

    expect(page.locator("main")).to_contain_text("no study '<img src=x>'")


def test_a_page_whose_study_is_gone_says_so_until_it_is_back(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    fill_store(path, tuning_study(), tuning_trials(5))
    with served(path) as address:
        page.goto(f"{address}/study/tuning")
        drawn(page)

        rename(path, "tuning", "another")
        expect(page.locator("#facts")).to_contain_text("no study 'tuning'")
        rename(path, "another", "tuning")
        expect(page.locator("#facts")).to_contain_text("completed")


def rename(path: Path, old: str, new: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE moopt_studies SET name = ? WHERE name = ?", [new, old])
