"""The site lists all settings and routes, builds without a warning, and loads no other site."""

import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from adapters.label_studio.openapi import OPERATIONS
from adapters.settings import LabelStudioSettings, Settings
from website import links, readme

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "README.md#map": "repository.md#map",
    "deploy/README.md": "deploying.md",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site."""
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("MkDocs is not installed: it is in the extra `docs`")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert built.stdout + built.stderr == ""
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, str]:
    """The HTML of all pages."""
    return {
        str(path.relative_to(site)): path.read_text(encoding="utf-8")
        for path in site.rglob("*.html")
    }


def rewritten(markdown: str, source: str = "docs/learning.md", page: str = "learning.md") -> str:
    return links.rewrite(markdown, source=source, page=page, pages=PAGES, root=ROOT)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("[map](../README.md#map)", "[map](repository.md#map)"),
        ("[start](../README.md#quickstart)", "[start](index.md#quickstart)"),
        ("[scores](active-learning.md#repeat-it)", "[scores](active-learning.md#repeat-it)"),
        ("![plot](active-learning.svg)", "![plot](active-learning.svg)"),
        ("[deploy](../deploy/README.md)", "[deploy](deploying.md)"),
        ("[service.py](../service.py)", "`service.py`"),
        ("[`service.py`](../service.py)", "`service.py`"),
        ("[its code](../service.py)", "its code (`service.py`)"),
        ("[above](#versions)", "[above](#versions)"),
        ("[BentoML](https://bentoml.com)", "[BentoML](https://bentoml.com)"),
        ("```md\n[map](../README.md)\n```", "```md\n[map](../README.md)\n```"),
    ],
)
def test_a_link_leads_to_a_page_or_becomes_a_path(link: str, expected: str) -> None:
    assert rewritten(f"See:\n\n{link}\n") == f"See:\n\n{expected}\n"


def test_a_link_from_a_folder_leads_out_of_it() -> None:
    made = rewritten(
        "[map](../../README.md#map)", "docs/decisions/0001-x.md", "decisions/0001-x.md"
    )
    assert made == "[map](../repository.md#map)"


def test_the_pages_of_the_readme_hold_every_section_but_the_settings() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    made = readme.first_page(text) + readme.repository_page(text)
    headings = re.findall(r"^## .+$", text, re.MULTILINE)
    assert sorted(re.findall(r"^## .+$", made, re.MULTILINE)) == sorted(
        set(headings) - {"## Settings"}
    )


@pytest.mark.parametrize("settings", [Settings, LabelStudioSettings])
def test_the_page_of_settings_lists_each_variable_with_its_meaning(
    pages: dict[str, str], settings: type[Settings | LabelStudioSettings]
) -> None:
    rows = {
        cells[0]: cells[-1]
        for row in re.findall(r"<tr>(.*?)</tr>", pages["settings.html"], re.DOTALL)
        if len(cells := [text(cell) for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)]) == 3
    }
    for name, field in settings.model_fields.items():
        variable = f"{settings.model_config.get('env_prefix')}{name}".upper()
        assert rows[variable] == text(field.description or "").replace("`", "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SENTIMENT_DEADLINE", "float > 0 default 80.0"),
        ("SENTIMENT_TRAIN_EVERY", "int ≥ 0 default 0"),
        ("SENTIMENT_LOG_FORMAT", "Literal['text', 'json'] default text"),
        ("SENTIMENT_METRICS", "bool default true"),
        ("SENTIMENT_WORKERS", "int > 0"),
    ],
)
def test_the_page_of_settings_shows_type_bounds_and_default(
    pages: dict[str, str], variable: str, value: str
) -> None:
    row = rf"<td><code>{variable}</code></td>\s*<td>(.*?)</td>"
    (cell,) = re.findall(row, pages["settings.html"], re.DOTALL)
    assert text(cell) == value


def test_the_page_of_the_http_api_shows_every_route(site: Path, pages: dict[str, str]) -> None:
    (frame,) = re.findall(r'<iframe[^>]* src="(swagger-\w+\.html)"', pages["http-api.html"])
    assert 'var url = "openapi.json"' in pages[frame]
    paths = json.loads((site / "openapi.json").read_text(encoding="utf-8"))["paths"]
    routes = {(path, method.upper()) for path, item in paths.items() for method in item}
    assert {*OPERATIONS, ("/classify", "POST"), ("/metrics", "GET")} <= routes


def test_the_page_of_decisions_lists_each(pages: dict[str, str]) -> None:
    for decision in (ROOT / "docs/decisions").glob("*.md"):
        assert f'href="{decision.stem}.html"' in pages["decisions/index.html"]


def test_the_site_loads_nothing_from_other_sites(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        loaded = re.findall(r"<(?:script|img|link|iframe|source)\b[^>]*>", page)
        assert [tag for tag in loaded if re.search(r'(?:src|href)="(?:\w+:)?//', tag)] == [], name
        if name.startswith("swagger-"):
            assert '"validatorUrl": "none"' in page


@pytest.fixture(scope="module")
def reader(site: Path) -> Iterator[Page]:
    """A browser's page of 1,440 pixels at the site's first page."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    handler = partial(QuietHandler, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        page = browser.new_page(
            base_url=f"http://127.0.0.1:{server.server_port}",
            viewport={"width": 1440, "height": 900},
        )
        yield page
        browser.close()
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_search_for_a_blank_score_column_leads_to_the_page_about_it(reader: Page) -> None:
    reader.goto("/index.html")
    # The page searches when a key is released; `fill` presses none.
    reader.get_by_role("textbox", name="Search").press_sequentially("score column blank")
    first = reader.locator(".md-search-result__link").first
    # The search runs in a worker, which is slow to start on a busy machine.
    expect(first).to_have_attribute("href", re.compile(r"label-studio\.html"), timeout=30_000)
    expect(first).to_contain_text("Label Studio")


@pytest.mark.parametrize("name", ["index", "label-studio", "learning", "preannotate", "deploying"])
def test_no_code_is_cut_off_on_a_screen_of_1440_pixels(reader: Page, name: str) -> None:
    reader.goto(f"/{name}.html")
    widths = reader.locator("pre > code").evaluate_all(
        "blocks => blocks.map(block => [block.scrollWidth, block.clientWidth])"
    )
    assert widths
    assert all(content <= shown for content, shown in widths)


def test_the_first_page_shows_a_picture_of_the_product(reader: Page) -> None:
    reader.goto("/index.html")
    picture = reader.get_by_alt_text("A task in Label Studio with its predicted label")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 0


def text(markup: str) -> str:
    """Return the visible text of HTML, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", markup.replace("<br>", " "))).split())


def test_every_list_table_and_code_block_of_a_page_is_rendered_as_one(
    pages: dict[str, str],
) -> None:
    mark = re.compile(r"^ *(- |\d\. |\||```|&gt;&gt;&gt;)", re.MULTILINE)
    for name, page in pages.items():
        texts = re.findall(r"<(?:p|li)>(.*?)</(?:p|li)>", page, re.DOTALL)
        assert [item for item in texts if mark.search(item)] == [], name


def test_an_example_in_a_docstring_becomes_a_block_of_code() -> None:
    pytest.importorskip("griffe", reason="it is in the extra `docs`")
    from website.doctests import fenced  # noqa: PLC0415

    docstring = "Add numbers.\n\n>>> 1 + 1\n2\n\nThat is all.\n\n>>> 3\n3"
    assert fenced(docstring) == (
        "Add numbers.\n\n```pycon\n>>> 1 + 1\n2\n```\n\nThat is all.\n\n```pycon\n>>> 3\n3\n```"
    )
