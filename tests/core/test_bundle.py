"""Files travel as they are, and what is no bundle is refused: whatever it is, and before it takes any memory."""

import io
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from greenload.core import bundle as bundle_module
from greenload.core.bundle import MOST_FILES, MOST_NAME_BYTES, PIECE_BYTES, Bundle, BundleError
from greenload.core.messages import Piece

parts = st.text(
    st.characters(exclude_categories=["C", "Z"], include_characters=" ", exclude_characters="/\\:"),
    min_size=1,
    max_size=10,
).filter(lambda part: part not in (".", ".."))
names = st.lists(parts, min_size=1, max_size=4).map("/".join).filter(lambda name: len(name.encode()) <= MOST_NAME_BYTES)


def is_tree(files):
    return not any(other.startswith(f"{name}/") for name in files for other in files)


file_sets = st.dictionaries(names, st.binary(max_size=300), min_size=1, max_size=8).filter(is_tree)


def zip_of(*files, compression=zipfile.ZIP_STORED):
    """Return an archive of (name, content) pairs, whatever the names."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, content in files:
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, compression
            archive.writestr(info, content)
    return packed.getvalue()


def local(name, content):
    return struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, len(content), len(content), len(name), 0) + name


def listed(name, offset, size, crc=0, compressed=None, flags=0):
    compressed = size if compressed is None else compressed
    fields = (b"PK\1\2", 20, 3, 20, 0, flags, 0, 0, 33, crc, compressed, size, len(name), 0, 0, 0, 0, 0, offset)
    return struct.pack("<4s4B4HL2L5H2L", *fields) + name


def archive_of(data, entries):
    """Return `data` with a list of files that says whatever `entries` say."""
    entries_bytes = b"".join(entries)
    count = min(len(entries), 0xFFFF)
    return (
        data + entries_bytes + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(entries_bytes), len(data), 0)
    )


# Packed and unpacked


@given(file_sets)
@example({"s.py": b"", "data/größe.csv": b"\xff\x00", "data/deep/er/x": b"PK\1\2" * 50})
def test_files_come_back_as_they_were_in_their_order(files):
    back = Bundle.of(files).files()

    assert list(back.items()) == list(files.items())


@given(file_sets)
def test_the_same_files_are_the_same_bytes(files):
    assert Bundle.of(files) == Bundle.of(dict(files))
    assert Bundle.of(files).sha256 == Bundle.of(dict(files)).sha256


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_other_files_have_another_fingerprint(one, other):
    assert (Bundle.of({"a": one}).sha256 == Bundle.of({"a": other}).sha256) == (one == other)


def test_a_bundle_in_a_bundle_is_a_file_like_any_other():
    inner = Bundle.of({"s.py": b"pass", "more/x": b"1"}).data

    assert Bundle.of({"s.py": b"", "inner.zip": inner}).files() == {"s.py": b"", "inner.zip": inner}


@given(st.integers(0, 3 * PIECE_BYTES))
def test_its_pieces_put_together_are_the_bundle(size):
    bundle = Bundle.of({"s.py": bytes(size)})

    data = b""
    while len(data) < len(bundle.data):
        piece = bundle.piece(len(data))
        assert (piece.sha256, piece.size, piece.offset) == (bundle.sha256, len(bundle.data), len(data))
        assert 0 < len(piece.data) <= PIECE_BYTES
        data += piece.data

    assert data == bundle.data


@pytest.mark.parametrize("beyond", [0, 1, 10**12])
def test_from_the_end_on_a_piece_says_only_how_large_the_bundle_is(beyond):
    bundle = Bundle.of({"s.py": b"pass"})
    offset = len(bundle.data) + beyond

    assert bundle.piece(offset) == Piece(bundle.sha256, len(bundle.data), offset, b"")


# Names


BAD_NAMES = [
    "", "/", "/x", "../x", "a/../x", "..", ".", "a/.", "./x", "a//b", "a/./b", "a/", "C:\\x", "C:x", "a\\b", "x\0",
    "a\0b", "a\nb", "\x7f", "\u202ex", "\ud800", "x" * (MOST_NAME_BYTES + 1), "\u4e2d" * 70,
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name)[:20])
def test_a_name_that_leaves_the_folder_or_cannot_be_shown_is_not_packed(name):
    with pytest.raises(BundleError, match="is not a path within a folder"):
        Bundle.of({"s.py": b"", name: b""})


@pytest.mark.parametrize("name", [each for each in BAD_NAMES if each.isascii()], ids=ascii)
def test_a_name_that_leaves_the_folder_or_cannot_be_shown_is_not_unpacked(name):
    with pytest.raises(BundleError):
        Bundle(zip_of(("s.py", b""), (name, b""))).files()


def test_a_name_may_be_as_long_as_a_folder_takes():
    longest = "x" * MOST_NAME_BYTES

    assert Bundle.of({longest: b"1"}).files() == {longest: b"1"}


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b/c", "a/b"), ("a", "a/b/c")], ids=str)
def test_a_file_cannot_be_a_folder_as_well(names):
    """It was written as far as it went, and ended in an error of the system's."""
    files = dict.fromkeys(names, b"")

    with pytest.raises(BundleError, match="cannot be a file and a folder"):
        Bundle.of(files)
    with pytest.raises(BundleError, match="cannot be a file and a folder"):
        Bundle(zip_of(*files.items())).files()


# Too much


def test_too_many_files_are_not_packed():
    with pytest.raises(BundleError, match=f"{MOST_FILES + 1} files are too many to send; at most {MOST_FILES}"):
        Bundle.of({str(number): b"" for number in range(MOST_FILES + 1)})


def test_too_many_files_are_not_unpacked():
    entries = [listed(b"%d" % number, 0, 0) for number in range(MOST_FILES + 1)]

    with pytest.raises(BundleError, match="10001 files in"):
        Bundle(archive_of(b"", entries)).files()


def test_as_many_files_as_may_be_are_packed_and_unpacked():
    files = {f"{number:0{MOST_NAME_BYTES}}": b"" for number in range(MOST_FILES)}

    assert Bundle.of(files).files() == files


def test_too_many_bytes_are_not_packed(monkeypatch):
    monkeypatch.setattr(bundle_module, "MOST_BYTES", 1000)

    with pytest.raises(BundleError, match=r"the files are \d+ bytes, too many to send; at most 1000"):
        Bundle.of({"s.py": bytes(900)})
    assert len(Bundle.of({"s.py": bytes(850)}).data) <= 1000


def most_memory(data):
    """Return the most bytes that refusing `data` took."""
    tracemalloc.start()
    with pytest.raises(BundleError):
        Bundle(data).files()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_files_that_overlap_do_not_unfold_into_more_than_was_sent():
    """Each file is the next one's header and all that follows: without compression, a hundred times what was sent."""
    content = b"\0" * 100_000
    data, entries, offset = b"", [], 0
    headers = [local(b"%03d" % number, b"") for number in range(100)]
    whole = b"".join(headers) + content
    for number, header in enumerate(headers):
        size = len(whole) - offset - len(header)
        entries.append(listed(b"%03d" % number, offset, size, zipfile.crc32(whole[-size:])))
        offset += len(header)
    data = archive_of(whole, entries)

    assert most_memory(data) < 10 * len(data)


def test_a_long_list_of_files_is_refused_before_it_is_read():
    """zipfile makes hundreds of bytes of each entry of 47, and believes no count but its own."""
    entries = [listed(b"a", 0, 0)] * 200_000
    long = archive_of(b"", entries)
    listing = long[:-22]
    record64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 20, 20, 0, 0, len(entries), len(entries), len(listing), 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(listing), 1)
    again = listing + record64 + locator + struct.pack("<4s4H2LH", b"PK\5\6", *[0] * 7)
    commented = long[:-2] + struct.pack("<H", 30) + bytes(30)

    for data in (long, again, commented):
        assert most_memory(data) < len(data)


# What is none


CONTENT = b"some content\n" * 20


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        b"PK\5\6" + bytes(18),
        zip_of(("a", CONTENT), compression=zipfile.ZIP_DEFLATED),
        zip_of(("a", CONTENT), compression=zipfile.ZIP_LZMA),
        archive_of(zip_of(("a", CONTENT))[:-22], []),
        archive_of(local(b"a", b"x") + b"x", [listed(b"a", 0, 1, zipfile.crc32(b"x"))] * 2),
        archive_of(local(b"a", b"xyz") + b"xyz", [listed(b"a", 0, 2, zipfile.crc32(b"xy"), compressed=3)]),
        archive_of(local(b"a", b"xyz") + b"xyz", [listed(b"a", 0, 5, zipfile.crc32(b"xyz"), compressed=3)]),
        archive_of(local(b"a", b"xyz") + b"xyz", [listed(b"a", 0, 3, 12345)]),
        archive_of(local(b"a", b"x") + b"x", [listed(b"a", 0, 2**31, 0)]),
        archive_of(local(b"a", b"x") + b"x", [listed(b"b", 0, 1, zipfile.crc32(b"x"))]),
        archive_of(local(b"a", b"x") + b"x", [listed(b"a", 0, 1, zipfile.crc32(b"x"), flags=0x1)]),
        archive_of(local(b"a", b"x") + b"x", [listed(b"a", 0, 1, zipfile.crc32(b"x"), flags=0x20)]),
        archive_of(local(b"a", b"x") + b"x", [listed(b"a", 0, 1, zipfile.crc32(b"x"), flags=0x40)]),
        archive_of(local(b"a\0b", b"x") + b"x", [listed(b"a\0b", 0, 1, zipfile.crc32(b"x"))]),
        archive_of(local(b"a/", b"") + b"", [listed(b"a/", 0, 0)]),
        b"#!/bin/sh\n" + Bundle.of({"a": CONTENT}).data + b"and more",
    ],
    ids=[
        "nothing", "two bytes", "no file", "deflated", "lzma", "no list", "doubled name", "less than it is",
        "more than it is", "checksum", "size beyond the end", "two names", "encrypted", "patched", "strongly encrypted",
        "NUL", "folder", "something after it",
    ],
)  # fmt: skip
def test_what_is_no_bundle_is_refused(data):
    with pytest.raises(BundleError):
        Bundle(data).files()


def test_the_archives_that_these_tests_forge_are_read_when_they_do_not_lie():
    forged = archive_of(local(b"a", b"xyz") + b"xyz", [listed(b"a", 0, 3, zipfile.crc32(b"xyz"))])

    assert Bundle(forged).files() == {"a": b"xyz"}


def files_or_none(data):
    """Return the files in `data`, or None; anything but BundleError fails the test."""
    try:
        return Bundle(data).files()
    except BundleError:
        return None


@given(st.binary(max_size=500))
@example(b"PK\5\6" + bytes(18))
def test_random_bytes_are_no_bundle(data):
    assert files_or_none(data) is None
    assert files_or_none(data + b"PK\5\6" + bytes(8) + len(data).to_bytes(4, "little") + bytes(6)) is None


@given(file_sets, st.data())
def test_a_bundle_that_was_cut_short_is_refused(files, data):
    whole = Bundle.of(files).data

    cut = data.draw(st.integers(0, len(whole) - 1))

    assert files_or_none(whole[:cut]) is None
    assert files_or_none(whole[cut + 1 :]) in (None, files)  # of which nothing may be missing


@settings(max_examples=500)
@given(file_sets, st.data())
def test_a_bundle_that_was_tampered_with_is_refused_or_has_no_more_in_it_than_its_bytes(files, data):
    tampered = bytearray(Bundle.of(files).data)
    for _ in range(data.draw(st.integers(1, 4))):
        # Most of it is content: the end, where the list of files is, deserves as much.
        at = data.draw(st.integers(0, len(tampered) - 1) | st.integers(max(0, len(tampered) - 120), len(tampered) - 1))
        tampered[at] = data.draw(st.integers(0, 255) | st.sampled_from(b"\x00\x01\x08\x0c\xff/.PK"))

    found = files_or_none(bytes(tampered))

    if found is not None:
        assert sum(map(len, found.values())) <= len(tampered)
        assert is_tree(found)
        for name in found:
            assert not set(name.split("/")) & {"", ".", ".."}
