"""Decompress the bodies of requests, within the limit on their size."""

import gzip
import io
import zlib
from collections.abc import Callable

_RAW = -zlib.MAX_WBITS


class EncodingError(Exception):
    """A body cannot be decompressed. The message says why; `status` is the answer's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the content of a body, at most `limit` + 1 bytes of it.

    encoding: the value of `Content-Encoding`. Raises EncodingError with 415 for an encoding that is
    not supported, and with 400 for a body that is malformed or cut off.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    decode = _DECODERS.get(name)
    if decode is None:
        raise EncodingError(
            415, "The Content-Encoding is not supported: send gzip or deflate, or no encoding."
        )
    try:
        return decode(body, limit + 1)
    except (zlib.error, EOFError, gzip.BadGzipFile):
        raise EncodingError(400, f"The request body is not valid {name}.") from None


def _gunzip(body: bytes, most: int) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as content:
        return content.read(most)


def _undeflate(body: bytes, most: int) -> bytes:
    """Decompress `deflate`; some clients leave out the header that the standard asks for."""
    try:
        return _inflate(body, most, zlib.MAX_WBITS)
    except zlib.error:
        return _inflate(body, most, _RAW)


def _inflate(body: bytes, most: int, bits: int) -> bytes:
    decoder = zlib.decompressobj(bits)
    content = decoder.decompress(body, most)
    if not decoder.eof and len(content) < most:
        raise EOFError
    return content


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
}
