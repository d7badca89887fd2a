"""The README in pages: what is there for everybody, and what is there for those who change it.

Settings have a page of their own, from the settings' classes.
"""

import re

REPOSITORY_SECTIONS = ("Map", "Other commands", "Dependencies")
"""What is about the repository; everything else but the settings is the first page."""
SETTINGS = "Settings"

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


def first_page(readme: str) -> str:
    """The README without what has pages of its own."""
    head, sections = _split(readme)
    others = {SETTINGS, *REPOSITORY_SECTIONS}
    return head + "".join(text for title, text in sections.items() if title not in others)


def repository_page(readme: str) -> str:
    """What of the README is about the repository."""
    _, sections = _split(readme)
    return "# The repository\n\n" + "".join(sections[title] for title in REPOSITORY_SECTIONS)


def _split(readme: str) -> tuple[str, dict[str, str]]:
    """What is above the first section, and the sections by title."""
    found = list(_HEADING.finditer(readme))
    ends = [*(match.start() for match in found[1:]), len(readme)]
    sections = {
        match.group(1): readme[match.start() : end] for match, end in zip(found, ends, strict=True)
    }
    return readme[: found[0].start()], sections
