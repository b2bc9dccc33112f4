"""What every request has to prove before it reaches the workbench: the secret of the address, and no foreign page behind it.

The Host header is checked by Starlette's own middleware, so that a name that was rebound to 127.0.0.1 is refused; here follow
the origin, so that another site's page cannot ask in the reader's name, and the token.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALLOWED_HOSTS = ("127.0.0.1", "localhost")
TOKEN_BYTES = 32
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
REPORT_POLICY = "sandbox allow-scripts allow-popups allow-downloads; frame-ancestors 'self'"
"""Of report pages: their scripts run, but as those of a stranger, who cannot ask the workbench for anything."""
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": PAGE_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Sent with every answer that does not say otherwise."""


def make_token() -> str:
    """A new secret for the address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class LocalGuard:
    """Middleware that refuses requests of a foreign origin or without the token, and adds `HEADERS`."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._prefix = f"/{token}/".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from starlette.datastructures import MutableHeaders
        from starlette.responses import PlainTextResponse

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refuse(scope)
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
        else:
            status, reason = refusal
            await PlainTextResponse(reason, status)(scope, receive, send_with_headers)

    def _refuse(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason of a refusal; None where the request is welcome."""
        from starlette.datastructures import Headers

        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{headers.get('host')}":
            return 403, "asked by another page"
        start = scope["path"].encode()[: len(self._prefix)]
        if not secrets.compare_digest(start, self._prefix):
            return 404, "the address lacks its token: take it from the terminal"
        return None
