"""What the platforms answer with a number, as named errors: each class says what may be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import NuanyeError


class CallbackRefused(NuanyeError):
    """Raised for a callback that is forged, stale, replayed or for another account: HTTP 403."""

    code = "callback.refused"


class PlatformError(NuanyeError):
    """Raised when a platform's API answered with an error; ``errcode`` is its number (0: none)."""

    code = "platform.failed"

    def __init__(self, message: str, *, errcode: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.errcode = errcode


class PlatformUnavailable(PlatformError):
    """Raised when the platform cannot be reached or is busy: the same call may succeed later."""

    code = "platform.unavailable"


class TokenRejected(PlatformError):
    """Raised when the platform does not accept the access token: fetch another one."""

    code = "platform.token"


class WindowClosed(PlatformError):
    """Raised when the user must write first: the 48 hours are over or the quota of messages is used up."""

    code = "platform.window_closed"


class NotPermitted(PlatformError):
    """Raised when the account has not got this right: an operator changes it on the admin pages."""

    code = "platform.not_permitted"


class SendRefused(PlatformError):
    """Raised when this message or its receiver is refused for good: repeating it is useless."""

    code = "platform.refused"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One error number: its class, what it means, and what an operator does about it."""

    kind: type[PlatformError]
    text: str
    hint: str = ""


_WHITELIST = "add this server's address to the IP whitelist on the platform's admin pages"

MEANINGS: dict[int, Meaning] = {
    -1: Meaning(PlatformUnavailable, "the platform is busy"),
    40001: Meaning(TokenRejected, "the access token or the secret is wrong", "check the app secret"),
    40002: Meaning(PlatformError, "wrong grant type"),
    40003: Meaning(SendRefused, "no such user of this account"),
    40004: Meaning(SendRefused, "this kind of media is not allowed"),
    40007: Meaning(SendRefused, "the media has expired or never existed"),
    40008: Meaning(SendRefused, "this kind of message is not allowed"),
    40013: Meaning(NotPermitted, "no such app id", "check the app id"),
    40014: Meaning(TokenRejected, "the access token is not one of the platform's"),
    40037: Meaning(SendRefused, "no such template"),
    40054: Meaning(SendRefused, "a menu entry has a bad address"),
    40055: Meaning(SendRefused, "a menu entry has a bad address"),
    40096: Meaning(SendRefused, "no such user of customer service"),
    40125: Meaning(NotPermitted, "the app secret is wrong", "set the app secret again"),
    40164: Meaning(NotPermitted, "this server's address is not on the whitelist", _WHITELIST),
    40243: Meaning(NotPermitted, "the app secret is frozen", "thaw it on the platform's admin pages"),
    41001: Meaning(TokenRejected, "the access token is missing"),
    41004: Meaning(NotPermitted, "the app secret is missing", "set the app secret"),
    42001: Meaning(TokenRejected, "the access token has expired"),
    42007: Meaning(TokenRejected, "the access token was revoked"),
    43004: Meaning(SendRefused, "the user does not follow the account"),
    43019: Meaning(SendRefused, "the user is on the account's blacklist"),
    43101: Meaning(SendRefused, "the user has not subscribed to this message"),
    44002: Meaning(SendRefused, "the body is empty"),
    44004: Meaning(SendRefused, "the text is empty"),
    45002: Meaning(SendRefused, "the text is too long"),
    45009: Meaning(PlatformUnavailable, "the daily quota of API calls is used up"),
    45011: Meaning(PlatformUnavailable, "too many API calls this minute"),
    45015: Meaning(WindowClosed, "the user has not written for 48 hours"),
    45033: Meaning(PlatformUnavailable, "too many calls at the same time"),
    45047: Meaning(WindowClosed, "the quota of messages to this user is used up until they write"),
    45064: Meaning(SendRefused, "a menu entry opens a mini-program that is not linked to the account"),
    46003: Meaning(SendRefused, "there is no menu"),
    47003: Meaning(SendRefused, "a parameter of the message breaks its template"),
    48001: Meaning(NotPermitted, "the account has no right to this API", "have the account certified"),
    48002: Meaning(WindowClosed, "the user has switched messages off"),
    48004: Meaning(NotPermitted, "the API is blocked for this account", "see the platform's notices"),
    50001: Meaning(NotPermitted, "the account has not authorised this API"),
    50002: Meaning(NotPermitted, "the user or the account is restricted"),
    60011: Meaning(NotPermitted, "the application may not see this user", "widen its visible range"),
    60020: Meaning(NotPermitted, "this server's address is not trusted", _WHITELIST),
    61004: Meaning(NotPermitted, "this server's address is not on the whitelist", _WHITELIST),
    81013: Meaning(SendRefused, "none of the receivers may be written to"),
    82001: Meaning(SendRefused, "there is no receiver"),
    87014: Meaning(SendRefused, "the platform's content check refused the text"),
    89503: Meaning(NotPermitted, "this server's address waits for the administrator's consent", _WHITELIST),
    95000: Meaning(SendRefused, "no such customer service account"),
    95001: Meaning(WindowClosed, "five messages were sent since the user last wrote"),
    95002: Meaning(WindowClosed, "the user has not written for 48 hours"),
    95007: Meaning(SendRefused, "no such message"),
    95012: Meaning(SendRefused, "the customer service account was deleted"),
    95013: Meaning(WindowClosed, "the conversation has ended"),
    95016: Meaning(SendRefused, "the session may not change to this state"),
    95017: Meaning(NotPermitted, "customer service is not open to the API", "switch it on (admin pages)"),
    95018: Meaning(WindowClosed, "the session is not in a state in which the API may write"),
    301002: Meaning(NotPermitted, "the application may not use this customer service account"),
    301007: Meaning(NotPermitted, "the servicer may not be given sessions"),
}


# Where WeCom gives a number of the official accounts another meaning, and numbers of its own.
CORP_MEANINGS: dict[int, Meaning] = {
    **MEANINGS,
    40001: Meaning(NotPermitted, "the application's secret is wrong", "copy the secret again"),
    40003: Meaning(SendRefused, "no such member"),
    40013: Meaning(NotPermitted, "no such corporation", "check the corp id"),
    40056: Meaning(NotPermitted, "no such application", "check the agent id"),
    40058: Meaning(SendRefused, "a parameter is wrong"),
    41011: Meaning(NotPermitted, "the agent id is missing", "set the agent id"),
    45024: Meaning(SendRefused, "too many receivers"),
    48002: Meaning(NotPermitted, "the application has no right to this API", "grant it on the admin pages"),
    95004: Meaning(SendRefused, "no such customer service account"),
    95007: Meaning(SendRefused, "the message or its token is not valid any more"),
    95014: Meaning(SendRefused, "the servicer has not activated WeCom"),
    301002: Meaning(
        NotPermitted, "the application may not do this", "check agent id, visible range, accounts"
    ),
}


def error_of(errcode: int, api: str, meanings: Mapping[int, Meaning] = MEANINGS) -> PlatformError:
    """Return the named error for a number; ``api`` is the path that was called, without its query."""
    meaning = meanings.get(errcode)
    if meaning is None:
        return PlatformError(f"{api}: the platform answered with error {errcode}", errcode=errcode)
    return meaning.kind(f"{api}: {meaning.text} ({errcode})", errcode=errcode, hint=meaning.hint)
