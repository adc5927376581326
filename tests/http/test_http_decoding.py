"""Codings are undone in pieces of bounded size, however the body was cut, and only if it is what it says."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.http.decoding import PIECE_BYTES, decoded
from greenload.http.failures import RequestFailed


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACK = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "Deflate": raw_deflate}


def cut(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(
    st.binary(max_size=300) | st.integers(0, 400_000).map(lambda size: b"blue" * size),
    st.lists(st.sampled_from(sorted(PACK)), max_size=3),
    st.integers(1, 5000),
)
def test_what_was_packed_is_unpacked_however_it_was_cut(body, codings, size):
    packed = body
    for coding in codings:
        packed = PACK[coding](packed)

    pieces = list(decoded(cut(packed, max(size, len(packed) // 500)), ", ".join(codings)))

    assert b"".join(pieces) == body
    assert not codings or max(map(len, pieces), default=0) <= PIECE_BYTES


@pytest.mark.parametrize("coding", sorted(PACK))
@given(st.binary(min_size=1, max_size=300), st.integers(1, 20), st.integers(0, 400))
def test_a_packed_body_that_breaks_off_does_not_decode(coding, body, size, missing):
    packed = PACK[coding](body)
    packed = packed[: len(packed) - 1 - missing % (len(packed) - 1)]

    with pytest.raises(RequestFailed, match="body does not decode"):
        list(decoded(cut(packed, size), coding))


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.sampled_from(["gzip", "deflate", "gzip, deflate"]))
def test_any_bytes_decode_or_do_not(pieces, codings):
    try:
        outcome = b"".join(decoded(pieces, codings))
    except RequestFailed as failure:
        outcome = str(failure)

    assert isinstance(outcome, bytes) or outcome == "body does not decode"


@pytest.mark.parametrize("codings", ["identity", "", "klingon", "gzip, klingon"])
def test_what_nobody_can_decode_is_left_as_it_is(codings):
    assert b"".join(decoded([b"as", b" it is"], codings)) == b"as it is"


def test_no_body_at_all_is_no_broken_one():
    assert list(decoded([], "gzip")) == []


def test_a_bomb_within_a_bomb_takes_no_more_memory_than_a_piece():
    bomb = gzip.compress(gzip.compress(bytes(300_000_000), 9), 9)

    tracemalloc.start()
    size = 0
    for piece in decoded([bomb], "gzip, gzip"):
        size += len(piece)
        if size > 5_000_000:
            break
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 2_000_000
