"""Codings are undone in pieces of bounded size, however the body was cut, and only if it is what it says."""

import gzip
import subprocess
import sys
import tracemalloc
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.http.decoding import PIECE_BYTES, decoded
from greenload.http.failures import RequestFailed

try:
    from compression import zstd
except ImportError:
    from backports import zstd


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACK = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": zstd.compress,
}


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


@given(
    st.lists(st.binary(min_size=1, max_size=50), max_size=5),
    st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, deflate", "br, zstd"]),
)
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


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=4), st.integers(1, 50))
def test_members_and_frames_one_after_the_other_are_one_body(parts, size):
    for coding in ("gzip", "zstd"):
        packed = b"".join(map(PACK[coding], parts))

        assert b"".join(decoded(cut(packed, size), coding)) == b"".join(parts)


@pytest.mark.parametrize("coding", ["br", "zstd"])
@pytest.mark.parametrize("size", [1, 1_000_000])
def test_what_follows_the_end_of_a_packed_body_breaks_it(coding, size):
    with pytest.raises(RequestFailed, match="body does not decode"):
        list(decoded(cut(PACK[coding](b"blue" * 100_000) + b"junk", size), coding))


def test_a_zstd_frame_may_not_ask_for_more_than_its_coding_allows():
    """RFC 9659: 8 MiB of what was unpacked. The library would keep 128 MiB, for each user."""
    wide = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 24})

    with pytest.raises(RequestFailed, match="body does not decode"):
        list(decoded([wide.compress(b"blue") + wide.flush()], "zstd"))


UNPACK = """
import resource, sys
from greenload.http.decoding import decoded
packed = sys.stdin.buffer.read()
before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
longest = size = 0
for piece in decoded([packed], sys.argv[1]):
    longest, size = max(longest, len(piece)), size + len(piece)
print(size, longest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb)
"""


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_a_bomb_takes_no_more_memory_than_its_library_keeps(coding):
    """Outside Python, where tracemalloc does not look; so by what the operating system gave to a process of its own."""
    bomb = PACK[coding](bytes(300_000_000))

    unpacked = subprocess.run([sys.executable, "-c", UNPACK, coding], input=bomb, capture_output=True, check=True)
    size, longest, grown_kb = map(int, unpacked.stdout.split())

    assert len(bomb) < 30_000
    assert size == 300_000_000
    assert longest <= PIECE_BYTES
    assert grown_kb < 24_000


# What is asked for

ASKED = """
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None  # what is not installed
from greenload.http.decoding import ACCEPT_ENCODING
print(ACCEPT_ENCODING)
"""


@pytest.mark.parametrize(
    ("missing", "asked"),
    [
        ([], "gzip, deflate, br, zstd"),
        (["brotli"], "gzip, deflate, zstd"),
        (["backports.zstd", "compression.zstd"], "gzip, deflate, br"),
        (["brotli", "backports.zstd", "compression.zstd"], "gzip, deflate"),
    ],
)
def test_what_is_asked_for_is_what_can_be_undone_here(missing, asked):
    said = subprocess.run([sys.executable, "-c", ASKED, *missing], capture_output=True, text=True, check=True).stdout

    assert said.strip() == asked


OLD = """
import sys, types
sys.modules["brotli"] = brotli = types.ModuleType("brotli")
brotli.Decompressor, brotli.error = type("Decompressor", (), {"process": None, "is_finished": None}), ValueError
from greenload.http.decoding import ACCEPT_ENCODING
print(ACCEPT_ENCODING)
"""


def test_a_library_that_unpacks_without_a_limit_is_not_used():
    said = subprocess.run([sys.executable, "-c", OLD], capture_output=True, text=True, check=True).stdout

    assert "br" not in said.strip().split(", ")
