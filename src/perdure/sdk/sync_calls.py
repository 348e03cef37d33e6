"""`client.sync`: every call of the client, blocking."""

from __future__ import annotations

from perdure.sdk.client_events import ClientEvents
from perdure.sdk.client_requests import ClientRequests
from perdure.sdk.client_run import ClientRun
from perdure.sdk.client_runs import ClientRuns
from perdure.sdk.client_schedules import ClientSchedules
from perdure.sdk.store import SyncStore
from perdure.sdk.sync import SyncClient, blocking


class SyncCalls(SyncClient):
    """Every call of the client in its blocking form."""

    send_event = blocking(ClientEvents.send_event)
    send_events = blocking(ClientEvents.send_events)
    get_event = blocking(ClientEvents.get_event)
    cancel_event = blocking(ClientEvents.cancel_event)
    get_run = blocking(ClientRun.get_run)
    get_runs = blocking(ClientRuns.get_runs)
    cancel_run = blocking(ClientRun.cancel_run)
    cancel_runs_for_event = blocking(ClientRuns.cancel_runs_for_event)
    cancel_runs_for_job = blocking(ClientRuns.cancel_runs_for_job)
    continue_run = blocking(ClientRuns.continue_run)
    get_run_statuses = blocking(ClientRun.get_run_statuses)
    update_status = blocking(ClientRun.update_status)
    register_schedule = blocking(ClientSchedules.register_schedule)
    unregister_schedule = blocking(ClientSchedules.unregister_schedule)
    get_http_endpoint_url = blocking(ClientRequests.get_http_endpoint_url)
    replay_request = blocking(ClientRequests.replay_request)
    register_trigger = blocking(ClientRequests.register_trigger)

    @property
    def store(self) -> SyncStore:
        """`Client.store`, blocking."""
        return SyncStore(self.client)
