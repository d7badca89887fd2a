"""The tokenizer gives the tokens of torchtext's `basic_english`."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torchtext.data.utils import get_tokenizer

from model_store.model import tokenizer
from model_store.model.tokenizer import tokenize
from model_store.pretraining.corpus import read

reference = get_tokenizer("basic_english")

AWKWARD = {
    "empty": "",
    "blank": " \t\n ",
    "emoji": "Loved it 😀👍🏽, truly!",
    "break": "One.<br /><br />Two<br/>three<BR />four",
    "break through a quote": 'a<b"r />b',
    "quotes": "\"It's\" 'fine' “so” they’d say",
    "marks": "a.b,c(d)e!f?g;h:i--j...k",
    "long": "It was, frankly, a film. " * 2000,
    "no space": "x" * 50_000,
    "NUL": "a\0b \0 c",
    "Unicode spaces": "a\u00a0b\u2003c\u2028d\x1ce\x85f",
    "case folding": "İSTANBUL ẞ Σας",
    "half a surrogate pair": "bad \ud83d half",
    "right to left": "\u202eabc\u202c שלום",
}


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD.keys())
def test_awkward_strings_give_the_tokens_of_torchtext(text: str) -> None:
    assert tokenize(text) == reference(text)


@given(st.text(alphabet=st.one_of(st.sampled_from("'\".,()!?;:<br />aB \n"), st.characters())))
def test_any_string_gives_the_tokens_of_torchtext(text: str) -> None:
    assert tokenize(text) == reference(text)


@given(
    st.lists(st.sampled_from(["<br />", "Σ", ".", "a", " ", '"', "x" * 9, "İ"])).map("".join),
    st.integers(1, 12),
    st.integers(1, 8),
)
def test_the_first_tokens_do_not_depend_on_the_limit(
    text: str, limit: int, characters: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer, "_CHARACTERS_PER_TOKEN", characters)
        assert tokenize(text, limit) == reference(text)[:limit]


@pytest.mark.slow
def test_the_corpus_gives_the_tokens_of_torchtext(corpus: Path) -> None:
    texts = read(corpus / "train.parquet").texts
    assert all(tokenize(text) == reference(text) for text in texts)
