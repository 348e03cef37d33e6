"""Arguments that a call does not accept."""

from __future__ import annotations

from perdure.errors.base import RunError


class InvalidArgumentError(RunError, ValueError):
    """An argument is outside what the call accepts."""

    code = "invalid_argument"


class InvalidFilterError(InvalidArgumentError):
    """A filter has an unknown operator or an operand of the wrong kind."""

    code = "invalid_filter"


class InvalidUrlError(InvalidArgumentError):
    """The URL is not one that perdure sends requests to."""

    code = "invalid_url"


class InvalidHeaderError(InvalidArgumentError):
    """A header is malformed, or is one that perdure sets itself."""

    code = "invalid_header"


class InvalidCronError(InvalidArgumentError):
    """A cron expression has five fields: minute, hour, day of the month, month, day of the week."""

    code = "invalid_cron"


class CronNeverFiresError(InvalidArgumentError):
    """No date matches the cron expression, or none within five years."""

    code = "cron_never_fires"


class UnsupportedTypeError(InvalidArgumentError):
    """An annotation cannot be resolved to a type that values can be decoded to; pass as_type=."""

    code = "unsupported_type"
