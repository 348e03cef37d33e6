-- The whole v2 model. Instants are integer milliseconds since 1970 in UTC (`…_at`); JSON is text.
-- Rows refer to each other by the integer keys (`…_no`): an id that users see costs 30 bytes wherever it stands, and
-- a run asleep should cost about one KiB in all. Hot tables declare no foreign keys: retention drops whole runs,
-- and every row of a run is written in the transaction that checks the run.
-- The checks of hot tables spell their lists out with OR: SQLite builds a table for `IN (…)` each time it is evaluated,
-- which costs a third of an insert.

CREATE TABLE organizations (
  organization_no INTEGER PRIMARY KEY,
  id    TEXT NOT NULL UNIQUE,
  slug  TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL
);

CREATE TABLE projects (
  project_no INTEGER PRIMARY KEY,
  organization_no INTEGER NOT NULL REFERENCES organizations,
  id   TEXT NOT NULL UNIQUE,
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL
);

CREATE TABLE environments (
  environment_no INTEGER PRIMARY KEY,
  project_no INTEGER NOT NULL REFERENCES projects,
  id         TEXT NOT NULL UNIQUE,
  slug       TEXT NOT NULL,
  type       TEXT NOT NULL CHECK (
    type = 'DEVELOPMENT' OR type = 'STAGING' OR type = 'PRODUCTION' OR type = 'PREVIEW'),
  created_at INTEGER NOT NULL,
  UNIQUE (project_no, slug)
);

-- A key is looked up by its SHA-256. `sealed` is the key itself, encrypted: endpoints of v2 are shown it, and
-- notifications are signed with it. A key that was revoked has expired, and is sealed no more.
CREATE TABLE api_keys (
  api_key_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL REFERENCES environments,
  id         TEXT NOT NULL UNIQUE,
  kind       TEXT NOT NULL CHECK (kind = 'PRIVATE' OR kind = 'PUBLIC'),
  hash       BLOB NOT NULL UNIQUE,
  sealed     BLOB,
  last_four  TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  used_at    INTEGER
);
CREATE INDEX api_keys_of_environment ON api_keys (environment_no);

CREATE TABLE accounts (
  account_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL REFERENCES environments,
  id       TEXT NOT NULL,
  metadata TEXT,
  UNIQUE (environment_no, id)
);

CREATE TABLE endpoints (
  endpoint_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL REFERENCES environments,
  id         TEXT NOT NULL,
  url        TEXT,
  -- Whether it verifies signatures: then it is not shown a key.
  is_signed  INTEGER NOT NULL DEFAULT 0,
  -- Whether its code is in another process than a node: behind a URL, or in a worker.
  is_remote  INTEGER NOT NULL DEFAULT 0,
  version    TEXT NOT NULL DEFAULT 'unknown',
  -- How long its platform lets an execution take, as far as it has shown that.
  chunk_ms   INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (environment_no, id)
);

-- How many executions may be at work at once: of a job (`id` is the job's), of all jobs of a group, or of the whole
-- environment (`id` is empty): in that one, every execution of the environment takes a place.
CREATE TABLE concurrency_limits (
  limit_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL REFERENCES environments,
  kind TEXT NOT NULL CHECK (kind IN ('JOB', 'GROUP', 'ENVIRONMENT')),
  id   TEXT NOT NULL,
  most INTEGER NOT NULL CHECK (most > 0),
  UNIQUE (environment_no, kind, id)
);

-- `is_internal`: it belongs to the SDK of its app, and is not listed. `notify_success`, `notify_failure`: whether its endpoint wants to be told when a run of it has ended so.
CREATE TABLE jobs (
  job_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL REFERENCES environments,
  id TEXT NOT NULL,
  limit_no INTEGER REFERENCES concurrency_limits,
  is_internal    INTEGER NOT NULL DEFAULT 0,
  notify_success INTEGER NOT NULL DEFAULT 0,
  notify_failure INTEGER NOT NULL DEFAULT 0,
  UNIQUE (environment_no, id)
);

-- DISABLED: its trigger does not start it. GONE: neither does anybody else, since its app declares it no more.
CREATE TABLE job_versions (
  version_no INTEGER PRIMARY KEY,
  job_no      INTEGER NOT NULL REFERENCES jobs,
  endpoint_no INTEGER NOT NULL REFERENCES endpoints,
  version     TEXT NOT NULL,
  name        TEXT NOT NULL,
  status      TEXT NOT NULL CHECK (status IN ('ACTIVE', 'DISABLED', 'GONE')),
  trigger_spec TEXT NOT NULL,
  registered_at INTEGER NOT NULL,
  UNIQUE (job_no, version)
);
-- Which version of a job was registered last.
CREATE INDEX job_versions_by_registration ON job_versions (job_no, registered_at);

-- A subscription: which events start what. Unique per subscriber, so registering again replaces it.
CREATE TABLE dispatchers (
  dispatcher_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL REFERENCES environments,
  subscriber_type TEXT NOT NULL CHECK (
    subscriber_type = 'JOB' OR subscriber_type = 'DYNAMIC_TRIGGER' OR subscriber_type = 'DYNAMIC_SCHEDULE'
    OR subscriber_type = 'EPHEMERAL'),
  subscriber      TEXT NOT NULL,
  event_names     TEXT NOT NULL,
  source          TEXT NOT NULL,
  filter          TEXT,
  context_filter  TEXT,
  account_no      INTEGER,
  enabled         INTEGER NOT NULL DEFAULT 1,
  manual          INTEGER NOT NULL DEFAULT 0,
  UNIQUE (environment_no, subscriber_type, subscriber)
);

-- UNIQUE (environment_no, id): an event sent twice is one event.
-- `is_unmatched` is set if it was delivered to nobody: it started no run and ended no wait.
-- `waits_below` is set if the event ends more waits than one transaction could: those of tasks before that number.
-- The last CHECK: an event that was cancelled is never delivered, and the other way round.
CREATE TABLE events (
  event_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL,
  id           TEXT NOT NULL,
  name         TEXT NOT NULL,
  source       TEXT NOT NULL,
  payload      TEXT NOT NULL,
  context      TEXT NOT NULL,
  payload_type TEXT CHECK (payload_type IN ('REQUEST')),
  timestamp    INTEGER NOT NULL,
  account_no   INTEGER,
  source_id       TEXT,
  source_metadata TEXT,
  is_test      INTEGER NOT NULL DEFAULT 0,
  is_internal  INTEGER NOT NULL DEFAULT 0,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  deliver_at   INTEGER NOT NULL,
  delivered_at INTEGER,
  cancelled_at INTEGER,
  is_unmatched INTEGER NOT NULL DEFAULT 0,
  waits_below  INTEGER,
  UNIQUE (environment_no, id),
  CHECK (NOT is_unmatched OR delivered_at IS NOT NULL),
  CHECK (delivered_at IS NULL OR cancelled_at IS NULL)
);

-- UNIQUE (event_no, dispatcher_no, job_no): one run for an event and a job, whatever crashes or is sent again
-- (dispatcher_no 0: invoked). `epoch` numbers the executions; only the one that holds the run, by this number, may
-- write. `available_at` is set while the run is in line, `node_no` while an execution holds it. `limit_no` is set while
-- an execution takes a place of that limit; and while the run, in line, stands aside because no place is free.
-- `execution_ms` counts all executions; `earlier_ms` of that was there when the run was last let go on after its end.
-- `failures`: how often in a row it came back without result, which for its app is a failure; `misses`: how often in a row
-- its code was not there. While it is in line for later, a run that has misses is due as soon as that is there again.
CREATE TABLE runs (
  run_no INTEGER PRIMARY KEY,
  id             TEXT NOT NULL UNIQUE,
  environment_no INTEGER NOT NULL,
  job_no         INTEGER NOT NULL,
  version_no     INTEGER NOT NULL,
  event_no       INTEGER NOT NULL,
  dispatcher_no  INTEGER NOT NULL DEFAULT 0,
  status TEXT NOT NULL CHECK (
    status = 'PENDING' OR status = 'WAITING_ON_CONNECTIONS' OR status = 'PREPROCESSING' OR status = 'QUEUED'
    OR status = 'STARTED' OR status = 'EXECUTING' OR status = 'WAITING_TO_CONTINUE' OR status = 'WAITING_TO_EXECUTE'
    OR status = 'SUCCESS' OR status = 'FAILURE' OR status = 'TIMED_OUT' OR status = 'ABORTED' OR status = 'CANCELED'
    OR status = 'UNRESOLVED_AUTH' OR status = 'INVALID_PAYLOAD'),
  epoch          INTEGER NOT NULL DEFAULT 0,
  node_no        INTEGER,
  available_at   INTEGER,
  limit_no       INTEGER,
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  executing_since INTEGER,
  started_at     INTEGER,
  completed_at   INTEGER,
  execution_ms   INTEGER NOT NULL DEFAULT 0,
  earlier_ms     INTEGER NOT NULL DEFAULT 0,
  failures       INTEGER NOT NULL DEFAULT 0,
  misses         INTEGER NOT NULL DEFAULT 0,
  fruitless      INTEGER NOT NULL DEFAULT 0,
  losses         INTEGER NOT NULL DEFAULT 0,
  is_retry       INTEGER NOT NULL DEFAULT 0,
  output         TEXT,
  error          TEXT,
  why            TEXT,
  warnings       TEXT,
  -- What its app has said is to be shown of it before it was executed first: a JSON array.
  properties     TEXT,
  yielded        TEXT,
  -- The task that encloses all that the run waits for, if it is to go on only when none in it waits any more.
  awaited_block  TEXT,
  UNIQUE (event_no, dispatcher_no, job_no),
  CHECK ((node_no IS NOT NULL) = (status = 'EXECUTING')),
  CHECK ((available_at IS NOT NULL) = (status IN ('QUEUED', 'WAITING_TO_EXECUTE'))),
  CHECK ((completed_at IS NOT NULL) = (
    status = 'SUCCESS' OR status = 'FAILURE' OR status = 'TIMED_OUT' OR status = 'ABORTED' OR status = 'CANCELED'
    OR status = 'UNRESOLVED_AUTH' OR status = 'INVALID_PAYLOAD'))
);
CREATE INDEX runs_in_line ON runs (available_at) WHERE available_at IS NOT NULL AND limit_no IS NULL;
CREATE INDEX runs_aside ON runs (limit_no, available_at) WHERE available_at IS NOT NULL AND limit_no IS NOT NULL;
CREATE INDEX runs_limited ON runs (limit_no) WHERE node_no IS NOT NULL AND limit_no IS NOT NULL;
CREATE INDEX runs_held ON runs (node_no) WHERE node_no IS NOT NULL;
CREATE INDEX runs_unconnected ON runs (environment_no, run_no) WHERE status = 'WAITING_ON_CONNECTIONS';
CREATE INDEX runs_of_job ON runs (job_no, run_no);
CREATE INDEX runs_unsuccessful ON runs (job_no, status) WHERE completed_at IS NOT NULL AND status <> 'SUCCESS';

-- One row for each execution that has ended; the one at work is in its run's row.
CREATE TABLE executions (
  run_no     INTEGER NOT NULL,
  epoch      INTEGER NOT NULL,
  node_no    INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at   INTEGER NOT NULL,
  status     TEXT NOT NULL CHECK (
    status = 'SUCCESS' OR status = 'ERROR' OR status = 'INVALID_PAYLOAD' OR status = 'UNRESOLVED_AUTH_ERROR'
    OR status = 'RESUME_WITH_TASK' OR status = 'RESUME_WITH_PARALLEL_TASK' OR status = 'RETRY_WITH_TASK'
    OR status = 'CANCELED' OR status = 'YIELD_EXECUTION' OR status = 'AUTO_YIELD_EXECUTION'
    OR status = 'AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK' OR status = 'AUTO_YIELD_RATE_LIMIT' OR status = 'LOST'
    OR status = 'UNREACHABLE'),
  PRIMARY KEY (run_no, epoch)
) WITHOUT ROWID;

-- UNIQUE (run_no, idempotency_key): a task's result is recorded once. `details` holds what is only shown.
CREATE TABLE tasks (
  task_no INTEGER PRIMARY KEY,
  id        TEXT NOT NULL UNIQUE,
  run_no    INTEGER NOT NULL,
  idempotency_key BLOB NOT NULL,
  parent_id TEXT,
  operation TEXT NOT NULL,
  name      TEXT NOT NULL,
  display_key TEXT,
  status    TEXT NOT NULL CHECK (
    status = 'PENDING' OR status = 'WAITING' OR status = 'RUNNING' OR status = 'COMPLETED' OR status = 'ERRORED'
    OR status = 'CANCELED'),
  noop      INTEGER NOT NULL DEFAULT 0,
  attempts  INTEGER NOT NULL DEFAULT 1,
  started_at INTEGER NOT NULL,
  completed_at INTEGER,
  delay_until INTEGER,
  params    TEXT,
  params_hash TEXT,
  output    TEXT,
  error     TEXT,
  output_properties TEXT,
  details   TEXT,
  UNIQUE (run_no, idempotency_key),
  CHECK ((completed_at IS NOT NULL) = (
    status = 'COMPLETED' OR status = 'ERRORED' OR status = 'CANCELED'))
);

-- A row for each attempt that failed; a task's last or only attempt is the task itself.
CREATE TABLE attempts (
  task_no  INTEGER NOT NULL,
  number   INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  error    TEXT NOT NULL,
  PRIMARY KEY (task_no, number)
) WITHOUT ROWID;

-- What is due, and when. A timer is deleted in the transaction that acts on it.
CREATE TABLE timers (
  due_at  INTEGER NOT NULL,
  kind    TEXT NOT NULL CHECK (
    kind = 'TASK' OR kind = 'CALLBACK_TIMEOUT' OR kind = 'EVENT' OR kind = 'SCHEDULE' OR kind = 'WAITS'),
  subject_no INTEGER NOT NULL,
  PRIMARY KEY (due_at, kind, subject_no),
  UNIQUE (kind, subject_no)
) WITHOUT ROWID;

-- A task that waits for an event. `path` and `value`: what the event's payload must hold where, taken from the filter,
-- so that an event need not be compared with every wait of its name; both empty if the filter says nothing so plain. A
-- task of an app elsewhere may wait for events of several names: the first of them ends it. `until_at`: events that are
-- delivered then or later do not end it, though the task goes on waiting for a request.
CREATE TABLE event_waits (
  task_no INTEGER NOT NULL,
  environment_no INTEGER NOT NULL,
  name   TEXT NOT NULL,
  path   TEXT NOT NULL,
  value  TEXT NOT NULL,
  source TEXT NOT NULL,
  account_id     TEXT,
  filter         TEXT,
  context_filter TEXT,
  until_at       INTEGER,
  PRIMARY KEY (task_no, name)
) WITHOUT ROWID;
CREATE INDEX event_waits_by_value ON event_waits (environment_no, name, path, value, task_no);

-- A task that waits for runs to end, in the order of its call. `notification` is set when the run has ended.
CREATE TABLE awaited_runs (
  task_no  INTEGER NOT NULL,
  position INTEGER NOT NULL,
  run_no   INTEGER NOT NULL,
  notification TEXT,
  PRIMARY KEY (task_no, position)
);
CREATE INDEX awaited_runs_by_run ON awaited_runs (run_no) WHERE notification IS NULL;
CREATE INDEX awaited_runs_missing ON awaited_runs (task_no) WHERE notification IS NULL;

-- Where the end of a run is to be told beside its endpoint.
CREATE TABLE run_callbacks (
  run_no INTEGER NOT NULL,
  url    TEXT NOT NULL,
  PRIMARY KEY (run_no, url)
) WITHOUT ROWID;

-- The end of a run that is to be told: to a URL, or without one to the endpoint that has the job. Written in the
-- transaction that ends the run, deleted when it has been told or was tried too often. `is_out`: a node is telling it,
-- and it is due when that node must have ended or failed.
CREATE TABLE notifications (
  notification_no INTEGER PRIMARY KEY,
  run_no   INTEGER NOT NULL,
  id       TEXT NOT NULL,
  job_no   INTEGER NOT NULL,
  url      TEXT,
  body     TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  is_out   INTEGER NOT NULL DEFAULT 0,
  is_absent INTEGER NOT NULL DEFAULT 0,
  due_at   INTEGER NOT NULL
);
CREATE INDEX notifications_due ON notifications (due_at);

-- A task whose work the engine does itself, until it has its outcome. `due_at`: when to send its next request; while a
-- node is at it (`node_no`), when that node counts as dead. `secrets` is encrypted: what the task's params show masked.
-- `begun` counts the beginnings of the attempt at hand, `failures` the requests in a row that were not answered.
CREATE TABLE operations (
  task_no INTEGER PRIMARY KEY,
  due_at   INTEGER NOT NULL,
  lease_ms INTEGER NOT NULL,
  node_no  INTEGER,
  begun    INTEGER NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0,
  secrets  BLOB
);
CREATE INDEX operations_due ON operations (due_at);
CREATE INDEX operations_held ON operations (node_no) WHERE node_no IS NOT NULL;

-- The jobs that the ticks of schedules start: of a job's own schedule that job, of a dynamic schedule any number.
CREATE TABLE scheduled_jobs (
  job_no INTEGER PRIMARY KEY,
  dispatcher_no INTEGER NOT NULL REFERENCES dispatchers
);
CREATE INDEX scheduled_jobs_by_dispatcher ON scheduled_jobs (dispatcher_no);

-- A job's own schedule, whose key is the job's id, or a registration with a dynamic schedule. When it ticks next is its
-- timer; it has none while it is not active or its dispatcher starts no job. `revision` counts the changes: a tick that
-- was planned before one is planned anew. 'v2-cron': a cron of a v2 client, which is read otherwise.
CREATE TABLE schedules (
  schedule_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL REFERENCES environments,
  dispatcher_no INTEGER NOT NULL REFERENCES dispatchers,
  key      TEXT NOT NULL,
  type     TEXT NOT NULL CHECK (type IN ('interval', 'cron', 'v2-cron')),
  seconds  INTEGER,
  cron     TEXT,
  timezone TEXT NOT NULL DEFAULT 'UTC',
  catch_up TEXT NOT NULL DEFAULT 'latest' CHECK (
    catch_up = 'latest' OR catch_up = 'all' OR catch_up = 'none'),
  account_no INTEGER,
  metadata TEXT,
  active   INTEGER NOT NULL,
  revision INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  last_tick_at INTEGER,
  UNIQUE (environment_no, dispatcher_no, key),
  CHECK ((seconds IS NOT NULL) = (type = 'interval')),
  CHECK ((cron IS NOT NULL) = (type <> 'interval'))
);
CREATE INDEX schedules_active ON schedules (dispatcher_no) WHERE active = 1;

-- UNIQUE (schedule_no, tick_at): a tick fires once.
CREATE TABLE schedule_ticks (
  schedule_no INTEGER NOT NULL,
  tick_at     INTEGER NOT NULL,
  event_no    INTEGER NOT NULL,
  PRIMARY KEY (schedule_no, tick_at)
) WITHOUT ROWID;

-- A URL that takes requests for an app: its secret part is derived from the environment's id. `response_filter`: which
-- requests the app itself answers; `skips_runs`: these start no run. `delivery_id`: the member of a JSON body that names a
-- delivery.
CREATE TABLE http_endpoints (
  http_endpoint_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL REFERENCES environments,
  endpoint_no INTEGER NOT NULL REFERENCES endpoints,
  key     TEXT NOT NULL,
  source  TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  response_filter TEXT,
  skips_runs  INTEGER NOT NULL DEFAULT 0,
  delivery_id TEXT,
  UNIQUE (environment_no, key)
);

-- What sends requests for an app once the app has registered it with a vendor: a webhook, whose requests come to the HTTP
-- endpoint of the same key, or an external source, which has a URL of its own. `desired` and `registered`: JSON objects of
-- names to lists of values, as the app wants them and as the vendor knows them. `data` is what the app has kept there,
-- `metadata` what it answered to the last request. `secret` is encrypted; without one it is derived from the id. A source
-- of a dynamic trigger names that and its registration. `hosted` is its integration, if the server keeps the credentials of
-- that.
CREATE TABLE sources (
  source_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL REFERENCES environments,
  endpoint_no INTEGER NOT NULL REFERENCES endpoints,
  id         TEXT NOT NULL UNIQUE,
  kind       TEXT NOT NULL CHECK (kind IN ('SOURCE', 'WEBHOOK')),
  key        TEXT NOT NULL,
  params     TEXT NOT NULL,
  desired    TEXT NOT NULL,
  registered TEXT NOT NULL DEFAULT '{}',
  data       TEXT,
  metadata   TEXT,
  secret     BLOB,
  active     INTEGER NOT NULL DEFAULT 0,
  account_no INTEGER,
  dynamic_id   TEXT,
  registration TEXT,
  registration_metadata TEXT,
  hosted TEXT,
  UNIQUE (environment_no, kind, key)
);

CREATE TABLE dynamic_triggers (
  trigger_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL REFERENCES environments,
  endpoint_no INTEGER NOT NULL REFERENCES endpoints,
  id TEXT NOT NULL,
  UNIQUE (environment_no, id)
);

-- The jobs that the registrations with a dynamic trigger start.
CREATE TABLE triggered_jobs (
  job_no INTEGER PRIMARY KEY,
  trigger_no INTEGER NOT NULL REFERENCES dynamic_triggers
);

-- A request, which is an event, that is to be handed to the app of a source. Deleted when it was, or was tried too often.
-- `is_out`: a node is at it, and it is due when that node must have ended or failed.
CREATE TABLE request_deliveries (
  event_no  INTEGER PRIMARY KEY,
  source_no INTEGER NOT NULL,
  attempts  INTEGER NOT NULL DEFAULT 0,
  is_out    INTEGER NOT NULL DEFAULT 0,
  due_at    INTEGER NOT NULL
);
CREATE INDEX request_deliveries_due ON request_deliveries (due_at);
CREATE INDEX request_deliveries_of_source ON request_deliveries (source_no, event_no);

-- Credentials that the server keeps for integrations: of an external account, or of the whole environment (`account_id` is
-- empty). `sealed` is the credential, encrypted for this integration and account.
CREATE TABLE connections (
  connection_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL REFERENCES environments,
  id          TEXT NOT NULL UNIQUE,
  integration TEXT NOT NULL,
  account_id  TEXT NOT NULL DEFAULT '',
  type        TEXT NOT NULL CHECK (type IN ('oauth2', 'apiKey')),
  sealed      BLOB NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  UNIQUE (environment_no, integration, account_id)
);
CREATE INDEX connections_of_environment ON connections (environment_no, connection_no);

-- Connections that a run waits for, until they are stored. The events that tell apps of it, whose ids are made of this one,
-- are stored with the row (that it is missing) and with its deletion (that it is there).
CREATE TABLE missing_connections (
  missing_no INTEGER PRIMARY KEY,
  environment_no INTEGER NOT NULL REFERENCES environments,
  id          TEXT NOT NULL UNIQUE,
  integration TEXT NOT NULL,
  account_id  TEXT NOT NULL DEFAULT '',
  created_at  INTEGER NOT NULL,
  UNIQUE (environment_no, integration, account_id)
);

-- The connections that a run which waits for some lacks, of its account or of none. Of runs that wait no more, rows may be left.
CREATE TABLE lacking_runs (
  run_no INTEGER NOT NULL,
  integration TEXT NOT NULL,
  environment_no INTEGER NOT NULL,
  account_id  TEXT NOT NULL,
  PRIMARY KEY (run_no, integration)
) WITHOUT ROWID;
CREATE INDEX lacking_runs_of_connection ON lacking_runs (environment_no, integration, account_id, run_no);

-- `history` is a JSON array of what the status was before, oldest first.
CREATE TABLE run_statuses (
  status_no INTEGER PRIMARY KEY,
  run_no INTEGER NOT NULL,
  key    TEXT NOT NULL,
  label  TEXT NOT NULL,
  state  TEXT CHECK (
    state = 'loading' OR state = 'success' OR state = 'failure'),
  data   TEXT,
  history TEXT NOT NULL DEFAULT '[]',
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (run_no, key)
);

-- The keys of values that belong to a job or a run begin with `job:<job id>:` or `run:<run id>:`. `value` is JSON; where
-- a client of v2 has stored any other text, a string of that text, or null for the empty one, and `is_text`.
CREATE TABLE key_values (
  environment_no INTEGER NOT NULL,
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  is_text INTEGER NOT NULL DEFAULT 0,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (environment_no, key)
);

-- A node holds its executions by one lease of its own; it is renewed while it executes. `port`: where an embedded node
-- listens; the next one on this database listens there again, so that URLs handed out stay right.
CREATE TABLE nodes (
  node_no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  started_at INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  port INTEGER
);

-- The history of each run's status, gapless by `seq`.
CREATE TABLE run_log (
  run_no INTEGER NOT NULL,
  seq    INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  status TEXT NOT NULL,
  epoch  INTEGER NOT NULL,
  PRIMARY KEY (run_no, seq)
) WITHOUT ROWID;

-- Runs ended, by job, hour and status: what the dashboard counts without reading runs.
CREATE TABLE rollups (
  job_no INTEGER NOT NULL,
  hour   INTEGER NOT NULL,
  status TEXT NOT NULL,
  runs   INTEGER NOT NULL,
  execution_ms INTEGER NOT NULL,
  PRIMARY KEY (job_no, hour, status)
) WITHOUT ROWID;

-- The log row is written by the database itself, so no transition can forget it.
CREATE TRIGGER runs_created AFTER INSERT ON runs BEGIN
  INSERT INTO run_log VALUES (new.run_no, 1, new.created_at, new.status, new.epoch);
END;

CREATE TRIGGER runs_moved AFTER UPDATE OF status ON runs WHEN new.status <> old.status BEGIN
  INSERT INTO run_log VALUES (new.run_no, (SELECT max(seq) + 1 FROM run_log WHERE run_no = new.run_no),
    new.updated_at, new.status, new.epoch);
END;

CREATE TRIGGER runs_ended AFTER UPDATE OF status ON runs WHEN new.completed_at IS NOT NULL AND old.completed_at IS NULL BEGIN
  INSERT INTO rollups VALUES (new.job_no, new.completed_at / 3600000, new.status, 1, new.execution_ms - new.earlier_ms)
  ON CONFLICT (job_no, hour, status) DO UPDATE SET runs = runs + 1, execution_ms = rollups.execution_ms + excluded.execution_ms;
END;
