"""The `<Choices>` tag: the annotator takes one of the listed choices, or any number of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters.label_studio.controls.control import Control, NotServedError, Option
from adapters.label_studio.editor.tags import Tag
from adapters.label_studio.editor.variables import variables_in
from model_store.model.classification import Kind
from model_store.wording import shown

_SEPARATOR = " / "


class Choices(Control):
    """A Choices control whose choices are listed in the labeling config.

    With `allowNested`, a choice inside of a choice has a path. Its answer is the path with slashes.
    """

    tag = "Choices"
    region_type = "choices"

    @staticmethod
    def read_options(element: Tag) -> Sequence[Option]:
        """Return the choices; raise NotServedError if the task lists them instead."""
        if element.get("value"):
            raise NotServedError("takes its choices from the task: list them in the config")
        return list(_options(element, is_nested=element.is_true("allowNested")))

    @staticmethod
    def read_kind(element: Tag) -> Kind:
        """Return `multiple` with `choice="multiple"`."""
        return "multiple" if element.get("choice", "").strip() == "multiple" else "single"

    def value_of(self, answers: Sequence[str]) -> dict[str, Any]:
        """Return `{"choices": answers}`; with `allowNested`, paths instead of answers."""
        paths = ((answer, self.paths.get(answer)) for answer in answers)
        return {"choices": [list(path) if path else answer for answer, path in paths]}

    @staticmethod
    def answers_in(value: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Return all choices taken; None if they are not a list of strings or of paths.

        The editor ticks a choice when all choices inside of it are ticked. Such a choice is no
        answer of its own.
        """
        choices = value.get("choices")
        if not isinstance(choices, list):
            return None
        paths = [(choice,) if isinstance(choice, str) else choice for choice in choices]
        if not all(_is_path(path) for path in paths):
            return None
        outer = {tuple(path[:end]) for path in paths for end in range(1, len(path))}
        return tuple(_SEPARATOR.join(path) for path in paths if tuple(path) not in outer)


def _is_path(path: Any) -> bool:
    return isinstance(path, list | tuple) and bool(path) and set(map(type, path)) <= {str}


def _options(choices: Tag, *, is_nested: bool) -> Iterator[Option]:
    """Yield the choices that an annotator can take one of, in order.

    Without `allowNested` the editor does not show a choice inside of a choice. With it, a choice
    with others inside only stands for all of them.
    """
    left: list[tuple[Tag, tuple[str, ...]]] = [(choices, ())]
    while left:
        tag, path = left.pop()
        inner = [child for child in tag if isinstance(child, Tag) and child.tag != choices.tag]
        if tag.tag == "choice":
            option = _option(tag)
            if not option.value:
                continue
            path = (*path, option.answer)
            if not is_nested:
                yield option
                continue
            if not any(child.tag == "choice" for child in inner):
                yield option._replace(answer=_SEPARATOR.join(path), path=path)
        left += ((child, path) for child in reversed(inner))


def _option(choice: Tag) -> Option:
    value, alias = choice.get("value", ""), choice.get("alias")
    if alias is None and variables_in(value):
        raise NotServedError(
            f'takes the choice "{shown(value)}" from the task: write the choice itself, or give it '
            "an alias"
        )
    predicted = choice.get("predicted_values", "").split(",")
    # Label Studio stores the alias of a choice that has one.
    return Option(
        value if alias is None else alias,
        value,
        alias or "",
        tuple(name.strip() for name in predicted),
    )
