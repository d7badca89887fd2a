"""Rewrite passages of film reviews so that they speak of something else.

A teacher labels what was written, so a rewritten passage need not make sense: it takes the words of
praise and blame away from the words that only film reviews have.
"""

import re
from collections.abc import Sequence

import numpy as np

_FILM = (
    *("film", "movie", "films", "movies", "story", "plot", "script", "acting", "performance"),
    *("actor", "actors", "actress", "cast", "character", "characters", "director", "scene"),
    *("scenes", "ending", "dialogue", "music", "watch", "watched", "watching", "theater"),
)
_OTHERS: tuple[tuple[str, ...], ...] = (
    (
        *("phone", "phone", "phones", "phones", "software", "battery", "menu", "screen", "speed"),
        *("button", "buttons", "case", "keyboard", "feature", "features", "company", "call"),
        *("calls", "price", "sound", "ringtone", "use", "used", "using", "store"),
    ),
    (
        *("camera", "camera", "cameras", "cameras", "zoom", "lens", "manual", "picture", "quality"),
        *("setting", "settings", "flash", "viewfinder", "mode", "modes", "maker", "photo"),
        *("photos", "price", "display", "sound", "use", "used", "using", "shop"),
    ),
    (
        *("restaurant", "place", "restaurants", "places", "food", "menu", "menu", "service"),
        *("cooking", "waiter", "waiters", "waitress", "staff", "dish", "dishes", "chef", "meal"),
        *("meals", "dessert", "atmosphere", "music", "visit", "visited", "visiting", "bar"),
    ),
    (
        *("hotel", "hotel", "hotels", "hotels", "room", "location", "booking", "service"),
        *("breakfast", "clerk", "clerks", "manager", "staff", "bed", "beds", "owner", "room"),
        *("rooms", "view", "reception", "noise", "book", "booked", "booking", "lobby"),
    ),
    (
        *("book", "book", "books", "books", "story", "plot", "text", "writing", "style"),
        *("hero", "heroes", "heroine", "family", "chapter", "chapters", "author", "page"),
        *("pages", "ending", "language", "cover", "read", "read", "reading", "library"),
    ),
    (
        *("product", "item", "products", "items", "design", "idea", "manual", "quality"),
        *("performance", "part", "parts", "cable", "package", "feature", "features", "seller"),
        *("piece", "pieces", "price", "delivery", "noise", "buy", "bought", "buying", "shop"),
    ),
    (
        *("app", "tool", "apps", "tools", "interface", "concept", "code", "support"),
        *("performance", "user", "users", "account", "team", "option", "options", "developer"),
        *("page", "pages", "update", "documentation", "design", "use", "used", "using", "web"),
    ),
    (
        *("album", "song", "albums", "songs", "melody", "theme", "lyrics", "singing", "voice"),
        *("singer", "singers", "singer", "band", "track", "tracks", "producer", "verse"),
        *("verses", "chorus", "words", "guitar", "hear", "heard", "hearing", "concert"),
    ),
    (
        *("car", "car", "cars", "cars", "engine", "design", "manual", "handling", "power"),
        *("seat", "seats", "door", "interior", "gear", "gears", "dealer", "drive"),
        *("drives", "price", "radio", "noise", "drive", "drove", "driving", "garage"),
    ),
    (
        *("course", "lesson", "courses", "lessons", "subject", "topic", "text", "teaching"),
        *("explanation", "teacher", "teachers", "tutor", "class", "exercise", "exercises"),
        *("school", "part", "parts", "exam", "reading", "video", "take", "took", "taking", "room"),
    ),
)
_WORD = re.compile(rf"\b(?:{'|'.join(_FILM)})\b", re.IGNORECASE)
_SUBJECTS: Sequence[dict[str, str]] = [dict(zip(_FILM, words, strict=True)) for words in _OTHERS]


def with_another_subject(passage: str, rng: np.random.Generator) -> str:
    """Return a passage with the words for films and what belongs to them replaced.

    >>> with_another_subject("A film with no plot.", np.random.default_rng(0))
    'A car with no design.'
    """
    words = _SUBJECTS[int(rng.integers(len(_SUBJECTS)))]
    return _WORD.sub(lambda found: words[found.group().lower()], passage)
