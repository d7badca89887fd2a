"""Rewrite the documents' links to files as links between pages of the site.

A link to any other file, such as a module, becomes the path of that file: the project has no public
address to link to.
"""

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

_FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(([^)\s]+)\)")


def rewrite(markdown: str, *, source: str, page: str, pages: Mapping[str, str], root: Path) -> str:
    """Return the Markdown of a page with links that work in the site.

    `source` is the file that the page is made from, `page` its address in the site. `pages` maps
    files, folders and sections (`README.md#map`) of the repository to addresses.
    """

    def link(found: re.Match[str]) -> str:
        mark, text, target = found.groups()
        path, _, anchor = target.partition("#")
        if not path or ":" in path:
            return found.group()
        place = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        address = _address(place, anchor, pages, root)
        if address is None:
            return _as_path(text, place)
        here = posixpath.dirname(page) or "."
        return f"{mark}[{text}]({posixpath.relpath(address, here)})"

    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(link, markdown[end : fence.start()]), fence.group()]
        end = fence.end()
    return "".join([*parts, _LINK.sub(link, markdown[end:])])


def _address(place: str, anchor: str, pages: Mapping[str, str], root: Path) -> str | None:
    """Return the address of a file in the site, or None if it is not a page."""
    if section := pages.get(f"{place}#{anchor}"):
        return section
    address = pages.get(place)
    if address is None and place.startswith("docs/") and (root / place).is_file():
        address = place.removeprefix("docs/")
    return f"{address}#{anchor}" if address and anchor else address


def _as_path(text: str, place: str) -> str:
    name = text.strip("`").rstrip("/")
    if place == name or place.endswith(f"/{name}"):
        return f"`{place}`"
    return f"{text} (`{place}`)"
