"""The `<Taxonomy>` tag: the annotator takes nodes of a tree."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters.label_studio.controls.control import Control, NotServedError, Option
from adapters.label_studio.editor.tags import Tag
from adapters.label_studio.editor.variables import variables_in
from model_store.model.classification import Kind
from model_store.wording import shown

_SEPARATOR = " / "


class Taxonomy(Control):
    """A Taxonomy control whose tree is listed in the labeling config.

    An option is the path of a node. Its answer is the path with slashes.
    """

    tag = "Taxonomy"
    region_type = "taxonomy"

    @staticmethod
    def read_kind(element: Tag) -> Kind:
        """Return `single` with `maxUsages="1"`."""
        return "single" if element.get("maxUsages", "").strip() == "1" else "multiple"

    @staticmethod
    def read_options(element: Tag) -> Sequence[Option]:
        """Return the nodes; raise NotServedError if they are loaded from elsewhere."""
        if element.get("value"):
            raise NotServedError("takes its choices from the task: list them in the config")
        if element.get("apiUrl"):
            raise NotServedError("loads its choices from a URL: list them in the config")
        return list(_options(element, leaves_only=element.is_true("leafsOnly")))

    def value_of(self, answers: Sequence[str]) -> dict[str, Any]:
        """Return `{"taxonomy": paths}`."""
        return {"taxonomy": [list(self.paths[answer]) for answer in answers]}

    @staticmethod
    def answers_in(value: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Return all nodes taken; None if they are not a list of paths."""
        paths = value.get("taxonomy")
        if not isinstance(paths, list):
            return None
        if not all(isinstance(path, list) and set(map(type, path)) == {str} for path in paths):
            return None
        return tuple(_SEPARATOR.join(path) for path in paths)


def _options(element: Tag, *, leaves_only: bool) -> Iterator[Option]:
    """Yield the nodes in order."""
    left: list[tuple[Tag, tuple[str, ...]]] = [(element, ())]
    while left:
        tag, path = left.pop()
        inner = [child for child in tag if isinstance(child, Tag) and child.tag == "choice"]
        if tag.tag == "choice":
            value = tag.get("value", "")
            if variables_in(value):
                raise NotServedError(
                    f'takes the choice "{shown(value)}" from the task: write the choice itself'
                )
            if not value:
                continue
            path = (*path, value)
            if not (leaves_only and inner):
                yield Option(_SEPARATOR.join(path), value, path=path)
        left += ((child, path) for child in reversed(inner))
