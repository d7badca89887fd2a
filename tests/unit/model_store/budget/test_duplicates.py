"""Groups of nearly equal texts."""

import random
from pathlib import Path

from model_store.budget.duplicates import SIGNATURE_BYTES, Groups, signature

WORDS = [f"word{number}" for number in range(2000)]


def text(seed: int, changed: int = 0) -> str:
    words = random.Random(seed).choices(WORDS, k=60)
    for place in random.Random(seed + 1).sample(range(60), changed):
        words[place] = "another"
    return " ".join(words)


def groups(folder: Path, *texts: str) -> list[int]:
    with Groups(folder) as found:
        for each in texts:
            found.add(signature(each))
        numbers = [int(number) for number in found.solve()]
    assert not list(folder.iterdir()), "no file is left"
    return numbers


def test_copies_are_in_the_group_of_the_first(tmp_path: Path) -> None:
    first, other = text(1), text(5)
    copies = (first, other, first.upper() + "!", text(9), text(1, changed=1), other)
    assert groups(tmp_path, *copies) == [0, 1, 0, 3, 0, 1]


def test_chains_are_one_group(tmp_path: Path) -> None:
    chain = [text(1, changed=number) for number in (0, 1)]
    assert groups(tmp_path, text(7), *chain, *reversed(chain)) == [0, 1, 1, 1, 1]


def test_different_texts_have_groups_of_their_own(tmp_path: Path) -> None:
    assert groups(tmp_path, *(text(seed) for seed in range(300))) == list(range(300))


def test_short_and_blank_texts_have_a_signature(tmp_path: Path) -> None:
    assert {len(signature(each)) for each in ("", "Good.", "a b", "\ud800")} == {SIGNATURE_BYTES}
    assert groups(tmp_path, "Good.", "good", "Bad.") == [0, 0, 2]
    assert groups(tmp_path) == []


def test_signatures_are_the_same_in_every_process() -> None:
    assert signature("The plot is thin.").hex()[:16] == "f11897ef901c37e9"
