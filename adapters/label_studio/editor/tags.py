"""Read the tags of a labeling config as the editor of Label Studio reads them."""

from collections.abc import Mapping
from typing import TypeVar, overload
from xml.etree.ElementTree import Element, TreeBuilder

from defusedxml.ElementTree import DefusedXMLParser

T = TypeVar("T")


class Tag(Element):
    """A tag of a labeling config: its name is in lower case, and `get` ignores case.

    The editor ignores the case of tags and attributes, and a default namespace. Text inside of a
    tag without tags replaces its `value`.

    >>> parse_tags('<Text valuetype="url"/>').get("valueType")
    'url'
    """

    def __init__(self, tag: str, attrib: Mapping[str, str] | None = None) -> None:
        attributes = {name.lower(): value for name, value in (attrib or {}).items()}
        super().__init__(tag.rpartition("}")[2].lower(), attributes)

    @overload
    def get(self, key: str, default: None = None) -> str | None: ...
    @overload
    def get(self, key: str, default: T) -> str | T: ...
    def get(self, key: str, default: object = None) -> object:
        """Return the value of an attribute, whose name may have any case."""
        name = key.lower()
        if name == "value" and not len(self) and self.text and self.text.strip():
            return self.text.strip()
        return super().get(name, default)

    def is_true(self, key: str) -> bool:
        """Return whether an attribute is "true"; without the attribute it is not."""
        return self.get(key, "").strip().lower() == "true"


def parse_tags(xml: str) -> Tag:
    """Parse a labeling config into its root, a `Tag`.

    Raises ParseError if it is not well-formed, DefusedXmlException if it declares entities, and
    UnicodeEncodeError if it contains half of a surrogate pair.
    """
    parser = DefusedXMLParser(target=TreeBuilder(element_factory=Tag))
    parser.feed(xml)
    root = parser.close()
    assert isinstance(root, Tag)
    return root
