"""The commands, by name; each is imported when it is called."""

from __future__ import annotations

import sys

from cyclopts import App

_STATUSES = "Exit status: 0 done, 1 failed, 2 used wrongly, 3 not found, 4 not connected."

# Where each command is, and what the list of commands says of it.
_COMMANDS = {
    "init": ("init.command:init", "Write the first files of an app."),
    "dev": (
        "dev.command:run_dev",
        "Run an app's jobs while they are written: files that are saved are loaded at once.",
    ),
    "serve": ("serve:run_server", "Serve apps that register with it, in any language."),
    "worker": ("worker:run_worker", "Execute an app's jobs for a server that this process dials."),
    "endpoints": ("", "Register apps that are behind URLs, list and forget them."),
    "endpoints add": ("endpoints:add_endpoint", "Register an app with a server, or say where it is now."),
    "endpoints list": ("endpoints:list_endpoints", "List the apps that are registered."),
    "endpoints index": ("endpoints:index_endpoint", "Ask an app anew which jobs it has."),
    "endpoints remove": ("endpoints:remove_endpoint", "Forget an app: its jobs start no more."),
    "connections": ("", "Store the tokens that the server keeps for integrations, list and forget them."),
    "connections add": ("connections:add_connection", "Store the token of an integration."),
    "connections list": ("connections:list_connections", "List the connections of integrations."),
    "connections remove": ("connections:remove_connection", "Forget a connection."),
    "keys": ("", "Make the keys of a server's environments, exchange and revoke them."),
    "keys create": ("keys:create_key", "Make a key, and show it, this once."),
    "keys list": ("keys:list_keys", "List the keys of an environment."),
    "keys rotate": ("keys:rotate_key", "Make a key in place of another, which stays valid for a while."),
    "keys revoke": ("keys:revoke_key", "Take a key back: it opens nothing from now on."),
    "env": ("", "Create environments, and list them."),
    "env create": ("environments:create_environment", "Create an environment."),
    "env list": ("environments:list_environments", "List the environments of a server."),
    "run": ("run:run_job", "Start a run of a job."),
    "runs": ("", "List runs, show them, follow, cancel and repeat them."),
    "runs list": ("runs:list_runs", "List runs, newest first."),
    "runs show": ("runs:show_run", "Show a run: where it stands, its tasks, its log, and what it ended with."),
    "runs tail": ("tail:tail_runs", "Show what a run does until it has ended; without an id, the runs that change."),
    "runs cancel": ("runs:cancel_run", "Cancel a run that has not ended."),
    "runs rerun": ("runs:rerun", "Start another run of the same job with the same event."),
    "runs continue": ("runs:continue_run", "Let a run go on that has ended without success."),
    "events": ("", "Send events, list them, show and cancel them."),
    "events send": ("events:send_event", "Send an event, which starts runs of the jobs that listen to it."),
    "events list": ("events:list_events", "List events, newest first."),
    "events show": ("events:show_event", "Show an event, with the runs that it started."),
    "events cancel": ("events:cancel_event", "Cancel an event that is to be delivered later."),
    "webhooks": ("", "List where requests from outside go, and what has come; have it come again."),
    "webhooks urls": ("webhooks:list_urls", "List the HTTP endpoints that apps declare, with their URLs."),
    "webhooks list": ("webhooks:list_requests", "List the requests that HTTP endpoints have received, newest first."),
    "webhooks replay": ("webhooks:replay_requests", "Take in requests once more that HTTP endpoints have received."),
    "schedules": ("", "List schedules, and when they tick next."),
    "schedules list": ("schedules:list_schedules", "List schedules: those of jobs, and registrations."),
    "schedules next": ("schedules:show_next", "Show the ticks that come next."),
    "store": ("", "Read and set stored values."),
    "store get": ("store:get_value", "Show a stored value, as JSON."),
    "store set": ("store:set_value", "Store a value."),
    "check": ("check.command:check", "Find mistakes in the code of jobs, without running it."),
    "doctor": ("doctor.command:examine", "Look for what may be wrong with this folder's set-up."),
    "config": ("", "Show the settings."),
    "config show": ("configuration:show_config", "Show the settings of this folder, and where they come from."),
    "completion": ("completion:show_completion", "Print what completes commands and options in a shell."),
    "prune": ("prune:prune", "Delete what ended long ago."),
    "version": ("version:show_version", "Show the version of perdure, and of the Python that it runs on."),
}


def make_app() -> App:
    """Make the application that reads a command line; a command gives the exit status."""
    app = App(
        name="perdure",
        help="Durable background jobs: develop them, and look after their runs.",
        version_flags=[],
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        help_format="plaintext",
        # On a pipe: no frames.
        help_formatter="default" if sys.stdout.isatty() else "plain",
        help_epilogue=_STATUSES,
    )
    groups = {"": app}
    for path, (place, summary) in _COMMANDS.items():
        group, _, name = path.rpartition(" ")
        if place:
            groups[group].command(f"perdure.cli.{place}", name=name, help=summary)
        else:
            groups[path] = App(name=name, help=summary, version_flags=[])
            groups[group].command(groups[path])
    return app
