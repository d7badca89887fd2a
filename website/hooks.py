"""What MkDocs calls when it builds the site: pages from elsewhere, and links that hold there.

Besides `docs/` the site has pages from other files of the repository, which stay where they are,
and pages that are generated from the code.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from website import api_document, api_page, links, readme, settings_page

ROOT = Path(__file__).parents[1]
FIRST, REPOSITORY, SETTINGS, API = "index.md", "repository.md", "settings.md", "http-api.md"
DECISIONS = "decisions/index.md"
ADOPTED = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "deploy/README.md": "deploying.md",
    "model_store/pretrained/README.md": "model-card.md",
}
"""Files that are pages as they are."""
GENERATED = {
    "README.md": FIRST,
    "README.md#map": f"{REPOSITORY}#map",
    "README.md#other-commands": f"{REPOSITORY}#other-commands",
    "README.md#dependencies": f"{REPOSITORY}#dependencies",
    "README.md#settings": SETTINGS,
    "adapters/settings.py": SETTINGS,
    "adapters/label_studio/openapi.py": API,
    "docs/decisions": DECISIONS,
}
"""What a link in a document may name, and the page that is made of it."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in `docs/`."""
    text = _read("README.md")
    pages = {
        FIRST: readme.first_page(text),
        REPOSITORY: readme.repository_page(text),
        SETTINGS: settings_page.render(),
        API: api_page.render(api_document.load()),
        DECISIONS: _decisions(),
        **{page: _read(path) for path, page in ADOPTED.items()},
    }
    for page, content in pages.items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - MkDocs gives them by name
    """Make the links of a page hold in the site."""
    address = page.file.src_uri
    return links.rewrite(
        markdown, source=_source(address), page=address, pages={**ADOPTED, **GENERATED}, root=ROOT
    )


def _source(address: str) -> str:
    """The file of the repository that a page is from."""
    adopted = {page: path for path, page in ADOPTED.items()}
    if address in {FIRST, REPOSITORY}:
        return "README.md"
    return adopted.get(address, f"docs/{address}")


def _decisions() -> str:
    """A list of all decisions, by their headings."""
    found = sorted((ROOT / "docs/decisions").glob("*.md"))
    titles = [path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for path in found]
    rows = (f"- [{title}]({path.name})" for title, path in zip(titles, found, strict=True))
    return "# Decisions\n\nChoices that could have gone another way.\n\n" + "\n".join(rows) + "\n"


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
