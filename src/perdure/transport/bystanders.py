"""What stands between a server and an app: proxies, load balancers, firewalls. They answer in the app's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.protocol.messages.headers import NATIVE_HEADER, VERSION_HEADER
from perdure.transport.platform_timeouts import is_platform_timeout

if TYPE_CHECKING:
    from perdure.protocol.outbound import OutboundResponse

TOO_LARGE: Final = 413
LARGEST_MIB: Final = 16
"""How large bodies become that a server and its apps send each other."""

_NOBODY_BEHIND: Final = (502, 503)
_OF_REQUESTS: Final = (401, TOO_LARGE)


def is_bystander(answer: OutboundResponse, *, is_native: bool) -> bool:
    """Say whether somebody else than the app has answered, as far as can be told.

    Args:
        answer: The answer.
        is_native: Whether the app is known to be perdure's: all its answers say so.
    """
    named = NATIVE_HEADER if is_native else VERSION_HEADER
    return not any(name.lower() == named.lower() for name, _ in answer.headers)


def may_be_gone(answer: OutboundResponse, *, is_native: bool) -> bool:
    """Say whether an answer may mean that the app is not there, which it is to be asked then.

    Args:
        answer: The answer to an execution.
        is_native: As for `is_bystander`.
    """
    if not is_bystander(answer, is_native=is_native) or is_platform_timeout(answer):
        return False
    return answer.status in _NOBODY_BEHIND or (is_native and answer.status < 500 and answer.status not in _OF_REQUESTS)


def too_large(url: str) -> str:
    """Say what to do where a body is refused for its size."""
    return (
        f"What stands before {url} takes no body of this size (status {TOO_LARGE}): let it take {LARGEST_MIB} MiB, "
        f"as nginx does by client_max_body_size {LARGEST_MIB}m."
    )
