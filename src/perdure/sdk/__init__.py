"""What user code touches: client, jobs, triggers, and the task library, with the machinery that replays runs.

Start reading at `client` for what is called from outside a run, at `io.run_task` for what happens inside one, and at
`execution` for how a run's code is held, parked and unwound. Nothing here knows of storage, the engine or HTTP: the
SDK speaks to `perdure.protocol.platform.Platform`, and is spoken to through `perdure.protocol.endpoint.Endpoint`.
"""
