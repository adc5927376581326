"""TLS contexts: one a process for each way to check certificates, whichever engine asks."""

from __future__ import annotations

import functools
import ssl

Verify = bool | str


@functools.cache
def tls_context(verify: Verify) -> ssl.SSLContext:
    """Return the process' one TLS context for `verify`: True, False, or the path of a CA file.

    Loading the system's certificates takes 15 ms and some megabytes; a context for each user would be the load test.
    """
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
