// A vendor that knows webhooks, and what the package has for those: external sources, dynamic triggers, webhook triggers.
const {
  ExternalSource, ExternalSourceTrigger, WebhookSource, WebhookTrigger, invokeTrigger,
} = require("@trigger.dev/sdk");
const { z } = require("zod");

const hooks = {};
let failures = 0;

const integration = {
  id: "fake",
  metadata: { id: "fake", name: "Fake" },
  authSource: "LOCAL",
  cloneForRun() {
    return this;
  },
};

const pushed = {
  name: "fake.push", title: "Push", source: "fake", icon: "star", parsePayload: (payload) => payload,
  runProperties: (payload) => [{ label: "Repo", text: payload.repo, url: `https://vendor.example/${payload.repo}` }],
};
const inserted = { ...pushed, name: "fake.row", title: "Row", source: "fake-rows" };

const repos = new ExternalSource("HTTP", {
  id: "fake.repo",
  version: "0.1.0",
  schema: z.object({ repo: z.string() }),
  integration,
  key: (params) => params.repo,
  filter: (params) => ({ repo: [params.repo] }),
  register: async (event, io) => {
    const { params, source, options } = event;
    return io.runTask("register", async () => {
      const secret = `secret of ${params.repo}`;
      const events = [...options.event.desired, ...options.event.missing];
      hooks[params.repo] = { url: source.url, secret, events };
      return { secret, data: { hook: `hook of ${params.repo}` }, options: { event: events } };
    });
  },
  handler: async ({ rawEvent, source }) => {
    const body = await rawEvent.json();
    if (body.breaks && failures++ < 1) throw new Error("breaks once");
    if (rawEvent.headers.get("x-secret") !== source.secret) return { events: [] };
    const count = (source.metadata?.count ?? 0) + 1;
    const payload = { repo: source.params.repo, hook: source.data.hook, count, ...body };
    return { events: [{ name: "fake.push", source: "fake", payload }], metadata: { count } };
  },
});

const rows = new WebhookSource({
  id: "fake.rows",
  version: "0.1.0",
  integration,
  schemas: { params: z.object({ table: z.string() }), config: z.record(z.string().array()) },
  key: (params) => params.table,
  crud: {
    create: async ({ io, ctx }) => {
      await io.runTask("create", async () => {
        hooks[ctx.params.table] = { url: ctx.url, secret: ctx.secret, events: ctx.config.desired.events };
      });
    },
    delete: async ({ io, ctx }) => {
      await io.runTask("delete", async () => {
        delete hooks[ctx.params.table];
      });
    },
  },
  filter: (params) => ({ table: [params.table] }),
  verify: async ({ request, ctx }) =>
    request.headers.get("x-secret") === ctx.secret ? { success: true } : { success: false, reason: "not you" },
  generateEvents: async ({ request, client, ctx }) => {
    const body = await request.json();
    await client.sendEvent({
      id: `row-${body.row}`, name: "fake.row", source: "fake-rows", payload: { table: ctx.params.table, ...body },
    });
  },
});

module.exports = (client) => {
  const job = (id, trigger, run) => client.defineJob({ id, name: id, version: "1.0.0", trigger, run });

  job("on-push", new ExternalSourceTrigger({ event: pushed, source: repos, params: { repo: "fixed" }, options: {} }),
    async (payload) => payload);

  const anyRepo = client.defineDynamicTrigger({ id: "any-repo", event: pushed, source: repos });
  for (const id of ["on-any-push", "on-any-push-too"]) {
    job(id, anyRepo, async (payload, io, ctx) => ({ payload, source: ctx.source, account: ctx.account?.id }));
  }
  job("registers", invokeTrigger(), async (payload, io) => {
    const made = await anyRepo.register(payload.key, { repo: payload.repo }, payload.options ?? {});
    return { dynamicTriggerId: made.dynamicTriggerId, options: made.options, active: made.source.active };
  });

  job("registers-by-io", invokeTrigger(), async (payload, io) =>
    io.registerTrigger("reg", anyRepo, payload.key, { repo: payload.repo }),
  );

  job("on-row",
    new WebhookTrigger({ event: inserted, source: rows, params: { table: "people" }, config: { events: ["INSERT"] } }),
    async (payload) => payload);

  job("vendor-knows", invokeTrigger(), async (payload) => hooks[payload.name] ?? null);
  job("vendor-sends", invokeTrigger(), async (payload, io) =>
    io.runTask("send", async () => {
      const hook = hooks[payload.name];
      const answer = await fetch(hook.url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-secret": payload.secret ?? hook.secret,
          ...(payload.delivery ? { "x-github-delivery": payload.delivery } : {}),
        },
        body: JSON.stringify(payload.body),
      });
      return answer.status;
    }),
  );
};
