"""Digest authentication (RFC 7616): the same request again, with credentials."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiosipua.auth import SipDigestAuth, build_credentials
from aiosipua.headers import parse_auth, stringify_auth
from aiosipua.message import SipRequest, SipResponse


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a registrar or trunk knows us by."""

    user: str
    password: str = field(repr=False)


def challenged(response: SipResponse | None) -> bool:
    """Whether the answer asks for credentials."""
    return response is not None and response.status_code in {401, 407}


def authorize(
    request: SipRequest, response: SipResponse, credentials: Credentials | None, cseq: int
) -> SipRequest | None:
    """Return ``request`` with credentials and a new CSeq, ``None`` when that cannot help.

    It cannot help without a password, with a scheme or algorithm that we do not speak, or when
    the same nonce has already refused us.
    """
    if credentials is None or not credentials.password:
        return None
    asked, given = (
        ("WWW-Authenticate", "Authorization")
        if response.status_code == 401
        else ("Proxy-Authenticate", "Proxy-Authorization")
    )
    used = request.headers.get_first(given)
    for value in response.headers.get(asked):
        challenge = parse_auth(value)
        if used and parse_auth(used).params.get("nonce") == challenge.params.get("nonce"):
            continue
        if used and challenge.params.get("stale", "").lower() != "true":
            continue
        answer = build_credentials(
            SipDigestAuth(credentials.user, credentials.password), challenge, request.method, request.uri
        )
        if answer is None:
            continue
        again = SipRequest(
            method=request.method, uri=request.uri, headers=request.headers.copy(), body=request.body
        )
        again.headers.set_single("CSeq", f"{cseq} {request.method}")
        again.headers.set_single(given, stringify_auth(answer))
        return again
    return None
