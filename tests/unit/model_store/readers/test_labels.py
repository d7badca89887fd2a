"""One rule says which label a value names."""

from decimal import Decimal

import numpy as np
import pytest

from model_store.readers.labels import NO_LABEL, class_of

NAMES = [("Negative", "Bad"), ("Positive", "Good"), ("Neutral",)]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *[("Positive", 1), (" POSITIVE ", 1), ("good", 1), ("pos", 1), ("neg", 0), ("neu", 2)],
        *[(1, 1), (1.0, 1), ("1.0", 1), ("0", 0), (Decimal(0), 0), (np.int64(2), 2)],
        *[(None, NO_LABEL), ("", NO_LABEL), ("  ", NO_LABEL), (float("nan"), NO_LABEL)],
        *[("NaN", NO_LABEL), ("None", NO_LABEL)],
        *[
            (3, None),
            (-1, None),
            ("ne", None),
            ("p", None),
            ("very positive", None),
            (0.5, None),
            ([], None),
        ],
    ],
)
def test_a_label_is_a_name_its_first_letters_or_a_number(value: object, number: int | None) -> None:
    assert class_of(value, NAMES) == number


def test_a_label_that_is_called_none_is_no_blank() -> None:
    assert class_of("none", [("Some",), ("None",)]) == 1


def test_letters_that_begin_two_labels_name_none() -> None:
    assert class_of("pos", [("Positive",), ("Possible",)]) is None
