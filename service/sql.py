"""What an SQL store has to settle before it may send an album to its database. Knows no database.

A column holds less than a Python value can: no half of a surrogate pair, in PostgreSQL no NUL either, and no price
beyond a double. Such an album is refused, with the field named, before the database would do so in words of its own.
"""

from service.album import Album, AlbumError

Row = tuple[str, str, str, float]


def row_of(album: Album) -> Row:
    """Return the album as the columns id, title, artist, price; raise AlbumError when a column cannot hold it."""
    for field in ("id", "title", "artist"):
        if not can_hold(getattr(album, field)):
            raise AlbumError(field, f"{field} has a character that the database cannot keep (NUL, or half a pair)")
    try:
        price = float(album.price)
    except OverflowError as error:
        raise AlbumError("price", "price is larger than the database can keep") from error
    return album.id, album.title, album.artist, price


def can_hold(text: str) -> bool:
    """Whether a text column can hold it."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
