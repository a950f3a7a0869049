"""Who may see the dashboard and who may change something through it.

On loopback every local user may look. Any other address needs a token, with every request. A page
of somebody else's site can neither read (a wrong Host is refused, so that no foreign name can be
bound to this machine) nor change anything: every POST needs a secret that only our page has.
"""

import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

LEAST_TOKEN = 16
"""Characters of a token that somebody chose."""

FOREIGN_NAME = "this server answers to the name of this machine only"
DAY = 86_400
"""Seconds that a browser keeps a token."""

_REFUSAL = (
    "<!doctype html><html lang='en'><title>moopt</title><body style='font:16px/1.5 system-ui;"
    "max-width:40em;margin:4em auto;padding:0 1em'><h1>This needs a token</h1><p>Open the address "
    "that <code>moopt dashboard</code> printed, with <code>?token=</code> at its end.</p></body>"
)


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one server."""

    host: str
    """The address that it listens at."""

    port: int
    token: str | None = None
    """None: none is needed."""

    csrf: str = ""
    """What a request that changes something has to know."""

    @property
    def token_cookie(self) -> str:
        """Name of the cookie with the token. Cookies know no ports, so the name has it."""
        return f"moopt-token-{self.port}"

    @property
    def csrf_cookie(self) -> str:
        """Name of the cookie that the page copies into a header."""
        return f"moopt-csrf-{self.port}"


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_secret() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(24)


def status_without_access(asked: Request, access: Access) -> int | None:
    """Return the HTTP status of a request that may not even look; None: it may.

    Args:
        asked: Of any server that werkzeug runs.
        access: The rules.
    """
    if is_loopback(access.host) and not _names_loopback(asked.host):
        return 403
    given = asked.args.get("token") or asked.cookies.get(access.token_cookie) or ""
    return 401 if access.token is not None and not _equal(given, access.token) else None


def harden_headers(headers: Headers, policy: str) -> None:
    """Tell browsers to load nothing from elsewhere, and to show the page in no other.

    Args:
        headers: Of an answer.
        policy: The Content-Security-Policy.
    """
    headers["Content-Security-Policy"] = policy
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"


def guard(server: Flask, access: Access, *, script_hashes: list[str]) -> None:
    """Check every request of a server, and tell browsers to load nothing from elsewhere.

    Args:
        server: Its routes are all guarded, those of Dash and its files too.
        access: The rules.
        script_hashes: Of the scripts in the page itself, as a Content-Security-Policy has them.
    """
    policy = _policy(script_hashes)

    @server.before_request
    def check() -> Response | None:
        return _refusal(access)

    @server.after_request
    def harden(response: Response) -> Response:
        harden_headers(response.headers, policy)
        if response.status_code == 200 and response.mimetype == "text/html":
            response.headers["Cache-Control"] = "no-store"
            response.set_cookie(access.csrf_cookie, access.csrf, samesite="Strict")
            given = request.args.get("token")
            if access.token is not None and given is not None:
                response.set_cookie(
                    access.token_cookie, given, max_age=DAY, httponly=True, samesite="Strict"
                )
        return response


def _refusal(access: Access) -> Response | None:
    """Return the answer to a request that may not pass; None: it may."""
    match status_without_access(request, access):
        case 403:
            return Response(FOREIGN_NAME, 403)
        case 401:
            return Response(_REFUSAL, 401, mimetype="text/html")
    if request.method in {"GET", "HEAD"}:
        return None
    if not _equal(request.headers.get("X-CSRFToken", ""), access.csrf) or not _is_own_origin():
        return Response("reload the page: it is of another server, or of an earlier one", 403)
    return None


def _names_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname
    return name is not None and is_loopback(name)


def _is_own_origin() -> bool:
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def _equal(one: str, two: str) -> bool:
    return hmac.compare_digest(one.encode(), two.encode())


def _policy(script_hashes: list[str]) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' {' '.join(script_hashes)}",
            # Plotly and Dash set styles of single elements.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
