import re
import shutil
import subprocess
from pathlib import Path

import pytest

from moopt.reports.page import report_page
from moopt.reports.page_tables import failures_table
from moopt.study.study import Study
from moopt.study.trials import Trial, TrialState
from tests.reports.made_trials import (
    completed,
    crashed,
    front_of_three,
    many_objectives,
    spread,
    two_objectives,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Three objectives are drawn with WebGL, which has no GPU here.
    "--enable-unsafe-swiftshader",
    "--enable-logging=stderr",
    "--window-size=1200,3000",
    "--virtual-time-budget=10000",
)
HARMLESS = re.compile(r"Canvas2D: Multiple readback|GL Driver Message .*Performance")
"""What Chromium says of slow drawing where there is no GPU."""


def opened(page: str, folder: Path) -> tuple[str, list[str]]:
    """Return the page as Chromium has it after its scripts ran, and what the console says."""
    assert CHROMIUM is not None
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [*command, path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, [line for line in said if not HARMLESS.search(line)]


def test_plotly_is_embedded_once_and_nothing_is_fetched() -> None:
    page = report_page(two_objectives(), front_of_three())

    outside = page.replace(page[page.index("* plotly.js v") : page.rindex("</script>")], "")
    assert page.count("* plotly.js v") == 1
    assert not re.search(r"(src|href)=.?https?:", outside)


def test_what_users_wrote_is_escaped() -> None:
    page = report_page(
        two_objectives(), [*front_of_three(), crashed(6)], question="is <b>this</b> & that?"
    )

    assert "alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "is &lt;b&gt;this&lt;/b&gt; &amp; that?" in page


def test_inferred_references_are_told_from_given_ones() -> None:
    page = report_page(two_objectives(), front_of_three(), inferred=["latency"])

    assert '0.5 <span class="quiet">given</span>' in page
    assert '50 <span class="quiet">inferred</span>' in page


def test_failures_of_one_kind_and_message_share_a_row() -> None:
    page = report_page(two_objectives(), [*front_of_three(), crashed(6), crashed(9, "other")])

    assert '<td class="message">5, 6</td>' in page
    assert '<td class="message">9</td>' in page


def test_failures_that_differ_in_numbers_and_names_share_a_row() -> None:
    page = failures_table(
        [crashed(each, f"Traceback\nOSError: no '/tmp/{each}/x', {each}") for each in range(5000)]
    )

    assert len(page) < 10_000
    assert "<td>5000</td>" in page
    assert "<summary>OSError: no &#x27;/tmp/4999/x&#x27;, 4999</summary>" in page
    assert "<pre>Traceback\n" in page


def test_of_many_kinds_of_failures_the_most_frequent_are_shown() -> None:
    letters = "abcdefgh"
    messages = [f"{x}{y}{'long ' * 2000}" for x in letters for y in letters]

    page = failures_table([crashed(each, message) for each, message in enumerate(messages)])

    assert page.count("<tr>") == 51
    assert "14 more kinds of message, 14 trials." in page
    assert len(page) < 300_000


def test_the_knee_is_marked_in_the_table() -> None:
    page = report_page(two_objectives(), front_of_three())

    assert '<tr class="knee"><th scope="row">1<span class="tag">knee</span></th>' in page


@pytest.mark.parametrize("trials", [[], [crashed(0)], [Trial(0, {}, state=TrialState.RUNNING)]])
def test_a_study_without_a_measured_trial_says_so_and_needs_no_script(trials: list[Trial]) -> None:
    page = report_page(two_objectives(), trials)

    assert "No trial has been measured yet" in page
    assert "<script" not in page


def test_equal_trials_give_equal_pages() -> None:
    pages = [report_page(two_objectives(), front_of_three()) for _ in range(2)]

    assert pages[0] == pages[1]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
@pytest.mark.parametrize(
    "study", [many_objectives(1), two_objectives(), many_objectives(3), many_objectives(5)]
)
def test_a_browser_draws_the_front_without_a_fault(study: Study, tmp_path: Path) -> None:
    trials = front_of_three() if study.name == "skills" else spread(study, 8)

    page, faults = opened(report_page(study, trials), tmp_path)

    front = page[page.index('id="figure-1"') : page.index('data-figure="figure-1"')]
    assert faults == []
    assert "main-svg" in front
    assert page.count("main-svg") > 3
    assert 'class="point"' in page or "gl-canvas" in page


def test_a_noisy_study_shows_the_measured_and_the_recommended_front_by_name() -> None:
    page = report_page(two_objectives(), [completed(n, 0.5 + 0.05 * n, 9.0 + n) for n in range(8)])

    measured = page.index("<h2>The measured front</h2>")
    recommended = page.index("<h2>The recommended front (posterior means of the model)</h2>")
    assert measured < recommended < page.index("<h2>Search and held-out data</h2>")
    assert "<th>chance</th>" in page[recommended:]


def test_a_study_with_few_trials_shows_the_measured_front_alone() -> None:
    assert "recommended front" not in report_page(two_objectives(), front_of_three())
