"""Show an annotator which words speak for a prediction, as regions in the editor.

The labeling config asks for them: see `controls/evidence.py` and docs/evidence.md. The editor
of Label Studio 1.23.2 counts characters as Python does, in code points, and not in the UTF-16 units
of a browser; docs/decisions/0022 has what was observed.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from adapters.label_studio.controls import Control
from adapters.label_studio.editor.html_text import located_text
from adapters.label_studio.schemas import Region
from adapters.label_studio.task_text import shown_text
from model_store.model.classification import Classification

_NO_XPATH = "/none[1]/text()[1]"
"""The editor wants an XPath for a region in HTML. It does not find this one, so it goes by the
global offsets, and stores the XPath that it makes of them."""


def evidence_regions(
    task_id: Any, data: Any, control: Control, classification: Classification
) -> Iterator[Region]:
    """Yield the passages that speak for a classification, and those against it, as regions.

    data: of the task. The score of a region is its part in the weight of all words.
    """
    target, evidence = control.evidence, classification.evidence
    if target is None or evidence is None:
        return
    text, offsets = shown_text(data, control), None
    if control.encoding == "base64" and not text.isascii():
        return  # The editor shows other characters.
    if control.is_html:
        text, offsets = located_text(text)
        if not offsets:
            return
    option = control.option_of[evidence.label]
    other = control.option_of.get(evidence.against or "")
    for number, span in enumerate(evidence.spans()):
        speaks_for = span.weight > 0
        label = target.label_for(option) if speaks_for else target.label_against(option, other)
        if label is None:
            continue
        yield {
            "id": region_id(task_id, f"{target.name}:{number}"),
            "from_name": target.name,
            "to_name": target.to_name,
            "type": target.region_type,
            "value": {
                **_place(span.start, span.end, offsets),
                "text": text[span.start : span.end],
                target.region_type: [label],
            },
            "score": evidence.share(span.weight),
        }


def _place(start: int, end: int, offsets: Sequence[int] | None) -> dict[str, Any]:
    """Return the place of a region; offsets: of the characters of HTML in the editor."""
    if offsets is None:
        return {"start": start, "end": end}
    return {
        "start": _NO_XPATH,
        "startOffset": 0,
        "end": _NO_XPATH,
        "endOffset": 0,
        "globalOffsets": {"start": offsets[start], "end": offsets[end - 1] + 1},
    }


def region_id(task_id: Any, name: str) -> str:
    """Return ten hex digits, always the same for the same task and name."""
    key = f"{task_id}:{name}"
    return hashlib.blake2s(key.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
