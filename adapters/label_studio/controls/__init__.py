"""The controls that a model can fill in: one module for each tag of a labeling config.

To add a tag, write a subclass of `Control` in a module of this folder and list it in `CONTROLS`.
The other modules know controls only through `Control`, `CONTROLS` and `answers_in`.
"""

from collections.abc import Mapping
from typing import Any

from adapters.label_studio.controls.choices import Choices
from adapters.label_studio.controls.control import Control, NotServedError, Option, match
from adapters.label_studio.controls.rating import Rating
from adapters.label_studio.controls.taxonomy import Taxonomy

__all__ = ["CONTROLS", "Control", "NotServedError", "Option", "answers_in", "match"]

_KINDS: tuple[type[Control], ...] = (Choices, Taxonomy, Rating)
CONTROLS = {kind.region_type: kind for kind in _KINDS}
"""All controls by their tag in lower case, which is also the `type` of their regions."""


def answers_in(region: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the answers in a region of an annotation or of a prediction.

    None if the region belongs to another kind of control, or is malformed.
    """
    region_type, value = region.get("type"), region.get("value")
    if not isinstance(region_type, str) or not isinstance(value, Mapping):
        return None
    kind = CONTROLS.get(region_type)
    return kind.answers_in(value) if kind else None
