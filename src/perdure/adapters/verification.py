"""Whether a request comes from the server of an app: by its signature, or by the key in it (v2 protocol, section 2)."""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING, Final

from perdure.adapters.refusal import Refusal
from perdure.config.settings import load_settings
from perdure.errors import NotConnectedError
from perdure.protocol.messages.headers import ACTION_HEADER, API_KEY_HEADER, ENDPOINT_ID_HEADER, Action
from perdure.protocol.signing import SIGNATURE_HEADER, mark_of, signing_secret
from perdure.transport.signatures import INVALID_SIGNATURE, SignatureError, Signatures

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.adapters.exchange import AppRequest
    from perdure.sdk.client import Client

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
        self._signatures = Signatures("this app", unix_time=unix_time)
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
            raise Refusal(401, sentence, code=INVALID_SIGNATURE, has_versions=True)
        if not given:
            raise Refusal(401, "Unauthorized: missing x-trigger-api-key header", code=INVALID_SIGNATURE)
        if not hmac.compare_digest(given.encode(), self._key().encode()):
            raise Refusal(
                401,
                "Forbidden: client apiKey mismatch: Make sure you are using the correct API Key for your environment",
                code=INVALID_SIGNATURE,
            )
        return False

    def _check_signature(self, request: AppRequest) -> None:
        headers = request.headers
        action, own = headers.get(ACTION_HEADER, ""), self._client.id
        # This one asks who the app is, and has its answer.
        asked = headers.get(ENDPOINT_ID_HEADER, own) if action == Action.PING else own
        secret = signing_secret(self._key(), endpoint_id=asked)
        mark = mark_of(action=action, headers=headers.items())
        try:
            self._signatures.check(headers, request.body, secret=secret, repeats=action in _REPEATABLE, mark=mark)
        except SignatureError as error:
            raise Refusal(401, f"Forbidden: {error.message}", code=error.code) from error

    def _key(self) -> str:
        try:
            return self._client.connecting.server_key()
        except NotConnectedError:
            raise Refusal(401, "Unauthorized: client missing apiKey", code=INVALID_SIGNATURE) from None

    def _requires_signatures(self) -> bool:
        # Not when the app is imported: a file of variables may be read after that.
        if self._must_be_signed is None:
            self._must_be_signed = load_settings().require_signatures
        return self._must_be_signed
