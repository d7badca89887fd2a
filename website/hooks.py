"""Add pages from outside `docs/` to the site, and rewrite links to them.

MkDocs calls the `on_...` functions. Settings, Python API and HTTP API come from plugins.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from website import links, openapi, readme

ROOT = Path(__file__).parents[1]
FIRST, REPOSITORY, DECISIONS = "index.md", "repository.md", "decisions/index.md"
ADOPTED = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "deploy/README.md": "deploying.md",
    "model_store/pretrained/README.md": "model-card.md",
}
"""Files outside `docs/` that are pages as they are."""
TARGETS = {
    **ADOPTED,
    "README.md": FIRST,
    **{
        f"README.md#{anchor}": f"{REPOSITORY}#{anchor}"
        for anchor in map(readme.anchor, readme.REPOSITORY_SECTIONS)
    },
    "README.md#settings": "settings.md",
    "adapters/settings.py": "settings.md",
    "adapters/label_studio/openapi.py": "http-api.md",
    "docs/decisions": DECISIONS,
}
"""Files, folders and sections of the repository, and the page that a link to one leads to."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside `docs/`."""
    text = _read("README.md")
    added = {
        FIRST: readme.first_page(text),
        REPOSITORY: readme.repository_page(text),
        DECISIONS: _decisions(),
        "openapi.json": openapi.document(),
        **{page: _read(path) for path, page in ADOPTED.items()},
    }
    for page, content in added.items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - MkDocs passes them by name
    """Rewrite the links of a page; rank decisions and the changelog last in the search."""
    address = page.file.src_uri
    if address.startswith("decisions/") or address == ADOPTED["CHANGELOG.md"]:
        page.meta["search"] = {"boost": 0.1}
    return links.rewrite(markdown, source=_source(address), page=address, pages=TARGETS, root=ROOT)


def _source(address: str) -> str:
    """Return the file of the repository that a page is made from."""
    adopted = {page: path for path, page in ADOPTED.items()}
    if address in {FIRST, REPOSITORY}:
        return "README.md"
    return adopted.get(address, f"docs/{address}")


def _decisions() -> str:
    """Return a page that lists all decisions by their headings."""
    found = sorted((ROOT / "docs/decisions").glob("*.md"))
    titles = [path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for path in found]
    rows = (f"- [{title}]({path.name})" for title, path in zip(titles, found, strict=True))
    return "# Decisions\n\nChoices between real alternatives.\n\n" + "\n".join(rows) + "\n"


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
