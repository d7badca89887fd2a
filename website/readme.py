"""Split the README into two pages of the site: one for users, one about the repository.

The settings are left out: they have a page of their own.
"""

import re

REPOSITORY_SECTIONS = ("Map", "Other commands", "Dependencies")
SETTINGS = "Settings"

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


def first_page(readme: str) -> str:
    """Return the README without the sections that have pages of their own."""
    head, sections = _split(readme)
    others = {SETTINGS, *REPOSITORY_SECTIONS}
    return head + "".join(text for title, text in sections.items() if title not in others)


def repository_page(readme: str) -> str:
    """Return the sections about the repository."""
    _, sections = _split(readme)
    return "# The repository\n\n" + "".join(sections[title] for title in REPOSITORY_SECTIONS)


def anchor(title: str) -> str:
    """Return the anchor of a heading.

    >>> anchor("Other commands")
    'other-commands'
    """
    return title.lower().replace(" ", "-")


def _split(readme: str) -> tuple[str, dict[str, str]]:
    """Return the text above the first section, and the sections by title."""
    found = list(_HEADING.finditer(readme))
    ends = [*(match.start() for match in found[1:]), len(readme)]
    sections = {
        match.group(1): readme[match.start() : end] for match, end in zip(found, ends, strict=True)
    }
    return readme[: found[0].start()], sections
