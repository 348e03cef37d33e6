"""Clients that are declared, started or called in a way that cannot be."""

from __future__ import annotations

from perdure.errors.base import PerdureError


class DuplicateJobError(PerdureError):
    """Two jobs have the same id."""

    code = "duplicate_job"


class NotConnectedError(PerdureError):
    """There is no node to talk to: start the client, set api_url and api_key, or run perdure dev."""

    code = "not_connected"


class SyncInAsyncError(PerdureError):
    """A call that blocks its thread was made in one that runs an event loop; await the async call instead."""

    code = "sync_in_async"


class ForkedProcessError(PerdureError):
    """This process was forked after the client had started; start it in the child: in gunicorn's post_worker_init.

    A fork has the memory of its parent, but none of its threads: the node is not there.
    """

    code = "forked_process"
