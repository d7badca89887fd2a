"""The `<Rating>` tag: the annotator gives a number of stars."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.label_studio.controls.control import Control, NotServedError, Option
from adapters.label_studio.editor.tags import Tag
from model_store.model.classification import Kind
from model_store.wording import shown

_STARS = "5"
_MOST_STARS = 100


class Rating(Control):
    """A Rating control. Its options are the numbers from 1 on, as text."""

    tag = "Rating"
    region_type = "rating"

    @staticmethod
    def read_kind(_: Tag) -> Kind:
        """Return `rating`: the numbers are ordered."""
        return "rating"

    @staticmethod
    def read_options(element: Tag) -> Sequence[Option]:
        """Return the numbers up to `maxRating`; raise NotServedError if that is none."""
        most = element.get("maxRating", _STARS).strip()
        if not (most.isascii() and most.isdigit() and int(most) <= _MOST_STARS):
            raise NotServedError(
                f'has maxRating="{shown(most)}": write a number from 2 to {_MOST_STARS}'
            )
        return [Option(number, number) for number in map(str, range(1, int(most) + 1))]

    def value_of(self, answers: Sequence[str]) -> dict[str, Any]:
        """Return `{"rating": number}`."""
        return {"rating": int(answers[0])}

    @staticmethod
    def answers_in(value: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Return the number; None if it is none."""
        rating = value.get("rating")
        is_number = isinstance(rating, int | float) and not isinstance(rating, bool)
        return (f"{rating:g}",) if is_number else None
