"""Bodies that are compressed, cut off, or bombs."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.server.decompression import EncodingError, decompress

LIMIT = 1000


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


@settings(max_examples=50)
@given(st.binary(max_size=LIMIT))
def test_the_content_comes_out_unchanged(content: bytes) -> None:
    assert decompress(gzip.compress(content), "gzip", LIMIT) == content
    assert decompress(gzip.compress(content), " X-GZIP ", LIMIT) == content
    assert decompress(zlib.compress(content), "deflate", LIMIT) == content
    assert decompress(raw_deflate(content), "deflate", LIMIT) == content
    assert decompress(content, "identity", LIMIT) == content
    assert decompress(content, "", LIMIT) == content


def test_all_members_of_a_gzip_file_are_read() -> None:
    assert decompress(gzip.compress(b"a ") + gzip.compress(b"film"), "gzip", LIMIT) == b"a film"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "\xff"])
def test_another_encoding_is_refused_with_415(encoding: str) -> None:
    with pytest.raises(EncodingError, match="send gzip or deflate") as caught:
        decompress(b"", encoding, LIMIT)
    assert caught.value.status == 415


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "body",
    [
        b"secret",
        gzip.compress(b"a film", mtime=0)[:-9],
        gzip.compress(b"a film", mtime=0) + b"secret",
        b"\x1f\x8b",
        zlib.compress(b"a film")[:-6],
    ],
)
def test_a_malformed_body_is_refused_with_400(encoding: str, body: bytes) -> None:
    with pytest.raises(EncodingError, match=f"is not valid {encoding}") as caught:
        decompress(body, encoding, LIMIT)
    assert caught.value.status == 400


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_ends_one_byte_over_the_limit(encoding: str) -> None:
    size = 20_000_000
    bomb = raw_deflate(bytes(size)) if encoding == "deflate" else gzip.compress(bytes(size), 1)
    bombs = bomb * 3
    tracemalloc.start()
    try:
        assert len(decompress(bombs, encoding, LIMIT)) == LIMIT + 1
        assert tracemalloc.get_traced_memory()[1] < size / 10
    finally:
        tracemalloc.stop()
