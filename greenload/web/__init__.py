"""The page: start, watch, edit and stop runs in a browser. It reads Results and asks a Control; nothing else.

For scenarios: `from greenload.web import extend`, which works also where Flask is not installed.
"""

from greenload.web.extension import Asked, extend

__all__ = ["Asked", "extend"]
