"""Whether a request comes from the server of an app: by its signature, or by the key in it (v2 protocol, section 2)."""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING, Final

from perdure.adapters.refusal import Refusal
from perdure.config.settings import load_settings
from perdure.errors import NotConnectedError
from perdure.protocol.messages.headers import ACTION_HEADER, API_KEY_HEADER, ENDPOINT_ID_HEADER, Action
from perdure.protocol.signing import (
    SIGNATURE_HEADER,
    SIGNED_AT_HEADER,
    SIGNED_ID_HEADER,
    TOLERANCE_SECONDS,
    is_signature,
    is_stamp,
    signature_of,
    signing_secret,
)
from perdure.transport.seen_requests import SeenRequests

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.adapters.exchange import AppRequest
    from perdure.sdk.client import Client

_INVALID: Final = "invalid_signature"
# Done twice they are done once.
_REPEATABLE: Final = frozenset({Action.PING, Action.VALIDATE, Action.INDEX_ENDPOINT})


class Verification:
    """Knows the server of a client.

    Args:
        client: The client.
        unix_time: Gives the time in seconds since 1970.
    """

    def __init__(self, client: Client, *, unix_time: Callable[[], float] = time.time) -> None:
        self._client = client
        self._unix_time = unix_time
        self._seen = SeenRequests()
        self._must_be_signed: bool | None = None

    def check(self, request: AppRequest) -> bool:
        """Let a request of the server pass; whether it was signed.

        Raises:
            Refusal: It is from somebody else, too old, or comes again.
        """
        if SIGNATURE_HEADER in request.headers:
            self._check_signature(request)
            return True
        given = request.headers.get(API_KEY_HEADER)
        if self._requires_signatures():
            # By the versions a server of perdure's knows that it may sign.
            sentence = "Unauthorized: this app takes signed requests only."
            raise Refusal(401, sentence, code=_INVALID, has_versions=True)
        if not given:
            raise Refusal(401, "Unauthorized: missing x-trigger-api-key header", code=_INVALID)
        if not hmac.compare_digest(given.encode(), self._key().encode()):
            raise Refusal(
                401,
                "Forbidden: client apiKey mismatch: Make sure you are using the correct API Key for your environment",
                code=_INVALID,
            )
        return False

    def _check_signature(self, request: AppRequest) -> None:
        headers = request.headers
        signed_id, at = headers.get(SIGNED_ID_HEADER, ""), headers.get(SIGNED_AT_HEADER, "")
        if not is_stamp(signed_id, at):
            raise Refusal(401, "Unauthorized: a signed request has an id and a time.", code=_INVALID)
        action, own = headers.get(ACTION_HEADER, ""), self._client.id
        # This one asks who the app is, and has its answer.
        asked = headers.get(ENDPOINT_ID_HEADER, own) if action == Action.PING else own
        secret = signing_secret(self._key(), action=action, endpoint_id=asked, headers=headers.items())
        expected = signature_of(secret, signed_id=signed_id, at=at, body=request.body)
        if not is_signature(headers[SIGNATURE_HEADER], expected):
            raise Refusal(401, "Forbidden: the request is not signed with the API key of this app.", code=_INVALID)
        now = int(self._unix_time())
        if abs(now - int(at)) > TOLERANCE_SECONDS:
            raise Refusal(
                401,
                f"Forbidden: the time of the request differs by {abs(now - int(at))} s from that of this app, more "
                f"than {TOLERANCE_SECONDS} s. Set the clocks of both machines.",
                code=_INVALID,
            )
        if action not in _REPEATABLE and not self._seen.take(signed_id, int(at), now=now):
            raise Refusal(401, "Forbidden: this request has come before.", code="replayed")

    def _key(self) -> str:
        try:
            return self._client.connecting.server_key()
        except NotConnectedError:
            raise Refusal(401, "Unauthorized: client missing apiKey", code=_INVALID) from None

    def _requires_signatures(self) -> bool:
        # Not when the app is imported: a file of variables may be read after that.
        if self._must_be_signed is None:
            self._must_be_signed = load_settings().require_signatures
        return self._must_be_signed
