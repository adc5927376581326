"""The album: the one value this service keeps.

An Album that exists is a valid one: it is checked when it is built, so no store and no route checks it again. Knows
nothing of HTTP, JSON text or stores.
"""

import math
from dataclasses import dataclass


class AlbumError(ValueError):
    """What was offered is not an album; `field` names the one at fault, or is None when it is the whole of it."""

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Album:
    """One album. Raises AlbumError when a field has the wrong type or a value no album can have."""

    id: str
    title: str
    artist: str
    price: float

    def __post_init__(self) -> None:
        _check_text("id", self.id)
        _check_text("title", self.title)
        _check_text("artist", self.artist)
        _check_price(self.price)
        if not self.id:
            raise AlbumError("id", "id must not be empty")

    def plain(self) -> dict[str, str | float]:
        """Return the album as a dict that JSON can carry."""
        return {"id": self.id, "title": self.title, "artist": self.artist, "price": self.price}


FIELDS = ("id", "title", "artist", "price")


def album_from(plain: object) -> Album:
    """Return the album that a decoded JSON value describes; raise AlbumError when it describes none."""
    if not isinstance(plain, dict):
        raise AlbumError(None, f"an album must be a JSON object with {', '.join(FIELDS)}")
    for field in FIELDS:
        if field not in plain:
            raise AlbumError(field, f"{field} is missing")
    # Refused, not ignored: a load test that misspells a field should hear of it.
    for field in plain:
        if field not in FIELDS:
            raise AlbumError(field, f"{field} is not a field of an album; the fields are {', '.join(FIELDS)}")
    return Album(**plain)


def _check_text(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise AlbumError(field, f"{field} must be a string")


def _check_price(price: object) -> None:
    # bool is an int to Python, but true is not a price.
    if isinstance(price, bool) or not isinstance(price, (int, float)):
        raise AlbumError("price", "price must be a number")
    # Python reads and writes NaN and Infinity as JSON, which has neither: a client could not read the answer. Only a
    # float can be one, and a large int cannot even be asked.
    if isinstance(price, float) and not math.isfinite(price):
        raise AlbumError("price", "price must be a finite number")
    if price < 0:
        raise AlbumError("price", "price must not be negative")


# The three of the Go tutorial "Developing a RESTful API with Go and Gin".
SEED = (
    Album("1", "Blue Train", "John Coltrane", 56.99),
    Album("2", "Jeru", "Gerry Mulligan", 17.99),
    Album("3", "Sarah Vaughan and Clifford Brown", "Sarah Vaughan", 39.99),
)
