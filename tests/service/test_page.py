"""The page in a browser, as its users work with it."""

import csv
import json
import re
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from music_ner.evaluation.kept import keep
from music_ner.service.catalogues import NAMES
from tests.service.conftest import TOKEN

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: on Debian, apt install chromium"),
]
SECONDS = 30
ATTACK = '<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>'
TEXT = "songs like karma police by radioheads"
VIEWS = ("try", "errors", "compare", "catalogue")


def entity(start, end, label, kind, **more):
    return {"start": start, "end": end, "label": label, "kind": kind, **more}


def row(number, text, gold, predicted, source="posts"):
    return {"id": f"{source}:{number}", "text": text, "gold": gold, "predicted": predicted}


def evaluation(version, rows):
    """RETURNS (tuple): What `keep` takes: name, scores and rows."""
    errors = {"Artist": dict.fromkeys(("right", "boundary", "label", "missed", "spurious"), 1)}
    errors["Artist"]["boundary and label"] = 0
    scores = {
        "model": {"name": "tiny", "version": version},
        "time": f"2026-01-0{version}T00:00:00+00:00",
        "test": {
            "queries": len(rows),
            "default": {"micro avg": {"f1-score": 0.5}},
            "errors": {**errors, ATTACK: errors["Artist"]},
        },
    }
    return f"en_tiny-{version}-0123abcd", scores, rows


RIGHT = row(
    0,
    "more sade",
    [entity(5, 9, "Artist", "right")],
    [entity(5, 9, "Artist", "right", confidence=0.97)],
)
MISSED = row(1, "play dummy", [entity(5, 10, "WoA", "missed")], [], "searches")
FOUND = row(
    1,
    "play dummy",
    [entity(5, 10, "WoA", "right")],
    [entity(5, 10, "WoA", "right", confidence=0.8)],
    "searches",
)
BOUNDARY = row(
    2,
    "\U0001f600 by massive attack",
    [entity(5, 19, "Artist", "boundary")],
    [entity(13, 19, "Artist", "boundary", confidence=0.4)],
)
HOSTILE = row(
    ATTACK,
    f"like {ATTACK}",
    [entity(5, 10, ATTACK, "missed")],
    [entity(6, 12, "Artist", "spurious", confidence=0.6)],
    ATTACK,
)


@pytest.fixture(scope="module")
def site(start, tmp_path_factory):
    """The address of a service with two evaluations."""
    folder = tmp_path_factory.mktemp("metrics")
    keep(folder, *evaluation("1", [RIGHT, MISSED, BOUNDARY, HOSTILE]))
    keep(folder, *evaluation("2", [RIGHT, FOUND, BOUNDARY, {**HOSTILE, "predicted": []}]))
    with start("--metrics", folder) as running:
        yield running.url


@pytest.fixture(scope="module")
def browser():
    """Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, site):
    """An empty page, on which nothing may go wrong and no script of a text may run."""
    expect.set_options(timeout=1000 * SECONDS)
    with browser.new_context(base_url=site) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(1000 * SECONDS)
        page.problems = []
        page.on("console", lambda m: m.type == "error" and page.problems.append(m.text))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        yield page
        assert page.evaluate("window.attacked") is None
        assert page.locator("img[onerror], script:not([src])").count() == 0
        assert page.problems == []


def marks(page: Page, within: str) -> list[str]:
    """RETURNS (list[str]): The text, label and confidence of each entity that is shown."""
    return page.locator(f"{within} mark.entity").all_inner_texts()


def try_texts(page: Page, *texts: str) -> None:
    page.goto("/#try")
    expect(page.locator("#results > li").first).to_be_visible()
    page.fill("#texts", "\n".join(texts))

    def is_answer(response):
        sent = response.request.post_data
        return sent is not None and json.loads(sent)["texts"] == list(texts)

    with page.expect_response(is_answer):
        page.get_by_role("button", name="Find entities").click()
    expect(page.locator("#results > li")).to_have_count(len(texts))
    expect(page.locator("#results .text").last).to_contain_text(texts[-1].split()[0])


def test_entities_are_shown_with_their_confidence(page):
    try_texts(page, TEXT, "\U0001f600 upbeat funk")
    expect(page.locator("#try-status")).to_have_text("2 entities in 2 requests")
    shown = marks(page, "#results")
    assert [re.sub(r"\s+", " ", mark) for mark in shown] == [
        "karma policeWoA 1.00",
        "radioheadsArtist 1.00",
    ]
    page.locator("#results summary").first.click()
    expect(page.get_by_role("cell", name="11 to 23")).to_be_visible()


def test_the_threshold_takes_effect_at_once(page):
    try_texts(page, TEXT)
    requests = []
    page.on("request", lambda r: r.method == "POST" and requests.append(r.url))
    page.locator("#threshold").fill("1")
    expect(page.locator("#results mark")).to_have_count(0)
    expect(page.locator("#threshold-value")).to_have_text("1.00")
    page.locator("#threshold").press("Home")
    expect(page.locator("#results mark")).to_have_count(2)
    assert requests == []


def test_an_example_fills_the_box(page):
    page.goto("/")
    page.get_by_role("button", name="rain sounds for sleeping").click()
    expect(page.locator("#results > li")).to_have_text(re.compile("rain sounds for sleeping"))


def test_a_link_contains_the_query_and_the_service_does_not_see_it(page):
    try_texts(page, TEXT, "a & b = c # d")
    page.locator("#threshold").fill("0.25")
    page.click("#copy-link")
    link = page.evaluate("navigator.clipboard.readText()")
    other = page.context.new_page()
    requests = []
    other.on("request", lambda request: requests.append(request.url))
    other.goto(link)
    expect(other.locator("#results > li")).to_have_count(2)
    assert other.input_value("#texts") == f"{TEXT}\na & b = c # d"
    assert other.input_value("#threshold") == "0.25"
    other.goto(link.replace("karma+police", "weightless"))
    expect(other.locator("#results > li").first).to_contain_text("weightless")
    assert not any("karma" in url.partition("#")[0] for url in requests)


def test_results_are_copied_as_json_and_python(page):
    try_texts(page, TEXT, 'say "hi" \\ ')
    page.click("#copy-json")
    results = json.loads(page.evaluate("navigator.clipboard.readText()"))["results"]
    assert [e["text"] for e in results[0]["entities"]] == ["karma police", "radioheads"]
    page.click("#copy-python")
    code = page.evaluate("navigator.clipboard.readText()")
    texts = {}
    exec(code[code.index("texts") : code.index("for doc")], texts)
    assert texts["texts"] == [TEXT, 'say "hi" \\ ']
    compile(code, "copied", "exec")


def test_markup_in_a_request_is_shown_and_not_obeyed(page):
    try_texts(page, f"like {ATTACK}", f"karma police by {ATTACK}")
    expect(page.locator("#results .text").first).to_contain_text(ATTACK[-30:])


def test_errors_are_filtered(page):
    page.goto("/#errors")
    page.select_option("#errors-evaluation", "en_tiny-1-0123abcd")
    expect(page.locator("#errors-status")).to_have_text("3 queries of 4, with 4 errors")
    rows = page.locator("#errors-rows .row")
    for choice, value, ids in (
        ("#errors-kind", "missed", ["searches:1", f"{ATTACK}:{ATTACK}"]),
        ("#errors-label", "WoA", ["searches:1"]),
    ):
        if choice == "#errors-label":
            page.fill("#errors-search", "dummy")
        else:
            page.select_option(choice, value)
        expect(rows).to_have_count(len(ids))
        assert page.locator("#errors-rows h3").all_inner_texts() == ids
    page.fill("#errors-search", "")
    page.select_option("#errors-kind", "boundary")
    expect(rows).to_have_count(1)
    assert [mark.split("Artist")[0] for mark in marks(page, "#errors-rows")] == [
        "massive attack",
        "attack",
    ]
    page.select_option("#errors-kind", "all")
    page.select_option("#errors-confidence", "0.95,1.01")
    expect(page.locator("#errors-rows h3")).to_have_text(["posts:0"])
    page.select_option("#errors-confidence", "")
    page.select_option("#errors-source", "searches")
    expect(page.locator("#errors-rows h3")).to_have_text(["searches:1"])
    expect(page.locator("#errors-counts caption")).to_contain_text("en_tiny 1")


def test_two_pipelines_are_compared_where_they_differ(page):
    page.goto("/#compare")
    expect(page.locator("#compare-rows .row").first).to_be_visible()
    assert page.input_value("#compare-first") == "en_tiny-1-0123abcd"
    assert page.input_value("#compare-second") == "en_tiny-2-0123abcd"
    expect(page.locator("#compare-rows h3")).to_have_text(["searches:1", f"{ATTACK}:{ATTACK}"])
    expect(page.locator("#compare-status")).to_have_text("2 queries have other entities, of 4")
    header = page.locator("#compare-scores tbody th").all_inner_texts()
    assert header[0] == "all"
    assert "posts" in header
    page.fill("#compare-search", "dummy")
    expect(page.locator("#compare-rows h3")).to_have_text(["searches:1"])
    page.select_option("#compare-second", "en_tiny-1-0123abcd")
    expect(page.locator("#compare-rows .row")).to_have_count(0)


def test_names_are_uploaded_and_used(page, tmp_path):
    names = tmp_path / "names.csv"
    with names.open("w", encoding="utf8", newline="") as file:
        csv.writer(file).writerows([NAMES, ("Sade", ""), (f"{ATTACK} a b c d e", ""), ("", "")])
    try_texts(page, TEXT)
    page.goto("/#catalogue")
    page.set_input_files("#catalogue-file", names)
    page.fill("#catalogue-token", TOKEN)
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#catalogue-status")).to_contain_text("1 name taken, 2 rejected")
    expect(page.locator("#rejected tbody tr")).to_have_count(2)
    expect(page.locator("#rejected tbody")).to_contain_text("fill one in")
    expect(page.locator("#rejected tbody")).to_contain_text(ATTACK)
    expect(page.locator("#results-again > li")).to_have_count(1)


def test_a_refused_upload_says_why(page, tmp_path):
    names = tmp_path / "names.csv"
    names.write_text("name\nSade\n", "utf8")
    page.goto("/#catalogue")
    page.set_input_files("#catalogue-file", names)
    for token, words in (("wrong", "The token is missing or wrong."), (TOKEN, "Row 1")):
        page.fill("#catalogue-token", token)
        page.get_by_role("button", name="Upload").click()
        expect(page.locator("#catalogue-status.problem")).to_contain_text(words)
    assert len(page.problems) == 2  # the browser reports the answers 401 and 422
    page.problems.clear()


def test_the_page_works_by_keyboard(page):
    page.goto("/")
    expect(page.locator("#results > li")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#errors")).to_be_visible()
    expect(page.locator("#try")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_the_page_is_accessible(page, view, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"/#{view}")
    ready = {"try": "#results mark", "catalogue": "#catalogue-form"}
    expect(page.locator(ready.get(view, f"#{view}-rows .row")).first).to_be_visible()
    found = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
