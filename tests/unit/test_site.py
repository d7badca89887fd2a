"""The site lists all settings and routes, builds without a warning, and needs no other site."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.label_studio.openapi import OPERATIONS, describe
from adapters.settings import LabelStudioSettings, Settings
from website import api_page, links, readme, settings_page

ROOT = Path(__file__).parents[2]
CLASSIFY = {
    "post": {
        "tags": ["Service APIs"],
        "description": "Classify texts.",
        "requestBody": {
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {"texts": {"type": "array", "items": {"type": "string"}}},
                    }
                }
            }
        },
        "responses": {"200": {"description": "Successful Response"}},
    }
}
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


@pytest.mark.parametrize("settings", [Settings, LabelStudioSettings])
def test_every_setting_is_listed_with_its_meaning(
    settings: type[Settings | LabelStudioSettings],
) -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.*) \| (.+) \| (.+) \|$", settings_page.render(), re.MULTILINE
    )
    meanings = {name: meaning for name, _, takes, meaning in rows if takes}
    for name, field in settings.model_fields.items():
        variable = f"{settings.model_config.get('env_prefix')}{name}".upper()
        assert meanings[variable] == " ".join((field.description or "").split())


@pytest.mark.parametrize(
    "row",
    [
        "| `SENTIMENT_DEADLINE` | `80` | a number above 0 |",
        "| `SENTIMENT_TRAIN_EVERY` | `0` | a whole number, 0 or more |",
        "| `SENTIMENT_LOG_FORMAT` | `text` | `text` or `json` |",
        "| `SENTIMENT_METRICS` | `true` | true or false |",
        "| `SENTIMENT_WORKERS` |  | a whole number above 0 |",
    ],
)
def test_a_settings_default_and_what_it_takes_are_told(row: str) -> None:
    assert row in settings_page.render()


def test_every_route_is_listed_and_every_object_that_a_route_names() -> None:
    page = api_page.render(describe({"paths": {"/classify": CLASSIFY}}))
    headings = re.findall(r"^### `(.+)`$", page, re.MULTILINE)
    assert sorted(headings) == sorted(
        ["POST /classify", *(f"{method} {path}" for path, method in OPERATIONS)]
    )
    assert "- takes an object: `texts`: list of string" in page
    objects = {name.lower() for name in re.findall(r"^### (\w+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", page)) <= objects
    assert "predictrequest" in objects


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array"}, "array"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        ({"type": "object", "additionalProperties": True}, "object"),
        ({"enum": ["UP", "DOWN"]}, "`UP` or `DOWN`"),
        ({"const": 1}, "`1`"),
        ({"$ref": "#/components/schemas/Region"}, "[Region](#region)"),
        ({"format": "date-time", "type": "string"}, "date and time"),
        ({"type": ["string", "integer"]}, "string or integer"),
        ({}, "anything"),
    ],
)
def test_a_schema_is_told_in_words(schema: dict[str, Any], words: str) -> None:
    assert api_page._type(schema) == words


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


def test_the_pages_of_the_readme_and_the_settings_are_all_of_it() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    made = readme.first_page(text) + readme.repository_page(text)
    headings = re.findall(r"^## .+$", text, re.MULTILINE)
    assert sorted(re.findall(r"^## .+$", made, re.MULTILINE)) == sorted(
        set(headings) - {"## Settings"}
    )


def test_the_site_builds_without_a_warning_and_has_what_is_generated(
    pages: dict[str, str],
) -> None:
    assert "SENTIMENT_DEADLINE" in pages["settings.html"]
    assert "LABEL_STUDIO_API_KEY" in pages["settings.html"]
    for route in ("POST /classify", "POST /predict", "GET /jobs/{job_id}", "GET /metrics"):
        assert route in pages["http-api.html"]
    for decision in (ROOT / "docs/decisions").glob("*.md"):
        assert f'href="{decision.stem}.html"' in pages["decisions/index.html"]


def test_the_site_loads_nothing_from_elsewhere(pages: dict[str, str]) -> None:
    for name, html in pages.items():
        loaded = re.findall(r"<(?:script|img|link|iframe|source)\b[^>]*>", html)
        assert [tag for tag in loaded if re.search(r'(?:src|href)="(?:\w+:)?//', tag)] == [], name


def test_no_list_or_code_of_a_page_is_taken_for_text(pages: dict[str, str]) -> None:
    mark = re.compile(r"^ *(- |\d\. |\||```)", re.MULTILINE)
    for name, html in pages.items():
        texts = re.findall(r"<(?:p|li)>(.*?)</(?:p|li)>", html, re.DOTALL)
        assert [text for text in texts if mark.search(text)] == [], name
