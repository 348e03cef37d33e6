// Renders the hooks of @trigger.dev/react for an event and its run; prints what each gives, whenever that changes, and each
// URL that they ask, once. Arguments: the id of the event, the id of the run.
globalThis.window = new EventTarget();  // Without one the hooks take it that they are on a server, and do not ask again.
// The package is written for bundlers: its files for require name each other without their ending, .cjs.
const Module = require("node:module");
Module._extensions = { ".cjs": Module._extensions[".js"], ...Module._extensions };
const React = require("react");
const { create } = require("react-test-renderer");
const hooks = require("@trigger.dev/react");

globalThis.IS_REACT_ACT_ENVIRONMENT = false;
const [eventId, runId] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify(line));

const original = globalThis.fetch;
const asked = new Set();
globalThis.fetch = (url, init) => {
  if (!asked.has(String(url))) say({ asks: String(url), method: init.method, headers: init.headers });
  asked.add(String(url));
  return original(url, init);
};

const shown = {
  useEventDetails: () => {
    const { data, error } = hooks.useEventDetails(eventId);
    return { name: data?.name, statuses: data?.runs.map((run) => run.status), error: error?.message };
  },
  useEventRunDetails: () => pick(hooks.useEventRunDetails(eventId)),
  useRunDetails: () => pick(hooks.useRunDetails(runId, { subtasks: true, refreshIntervalMs: 500 })),
  useRunStatuses: () => picked(hooks.useRunStatuses(runId, { refreshIntervalMs: 500 })),
  useEventRunStatuses: () => picked(hooks.useEventRunStatuses(eventId)),
};

function pick({ data, error }) {
  return { status: data?.status, output: data?.output, tasks: data?.tasks?.length, error: error?.message };
}

function picked({ statuses, run, error }) {
  const [status] = statuses ?? [];
  return {
    status: run?.status, output: run?.output, error: error?.message,
    shown: status && { key: status.key, label: status.label, state: status.state, data: status.data },
  };
}

function Shown({ name }) {
  const value = JSON.stringify(shown[name]());
  React.useEffect(() => say({ hook: name, gives: JSON.parse(value) }), [value]);
  return null;
}

// Each has a provider of its own: with one, hooks of the package overwrite what others of the same run have cached.
for (const name of Object.keys(shown)) {
  create(
    React.createElement(
      hooks.TriggerProvider,
      { publicApiKey: process.env.PUBLIC_KEY, apiUrl: process.env.TRIGGER_API_URL },
      React.createElement(Shown, { name }),
    ),
  );
}
