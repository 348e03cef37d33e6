// Serves an app by each framework adapter, each on a free port of its own; prints where they are.
const http = require("node:http");
const express = require("express");
const { Hono } = require("hono");
const { serve } = require("@hono/node-server");
const { TriggerClient, eventTrigger, invokeTrigger } = require("@trigger.dev/sdk");
const adapters = {
  express: require("@trigger.dev/express"),
  hono: require("@trigger.dev/hono"),
  nextjs: require("@trigger.dev/nextjs"),
  remix: require("@trigger.dev/remix"),
};

function clientOf(id) {
  const client = new TriggerClient({
    id, apiKey: process.env.TRIGGER_API_KEY, apiUrl: process.env.TRIGGER_API_URL,
  });
  let failures = 0;
  client.defineJob({
    id: `greets-${id}`, name: "Greets", version: "1.0.0", trigger: invokeTrigger(),
    run: async (payload, io) => {
      const greeting = await io.runTask("greet", async () => `Hello ${payload.name}`);
      return io.runTask(
        "fails-once",
        async () => {
          if (failures++ < 1) throw new Error("once");
          return { greeting, failures };
        },
        { retry: { limit: 3, minTimeoutInMs: 1, factor: 1, randomize: false } },
      );
    },
  });
  return client;
}

function defineShown(client) {
  // What pages show by hooks: a run with a status that changes, which waits until it is told to go on.
  client.defineJob({
    id: "is-shown", name: "Is shown", version: "1.0.0", trigger: eventTrigger({ name: "shown.asked" }),
    run: async (payload, io) => {
      const status = await io.createStatus("progress", { label: "Progress", state: "loading", data: { step: 1 } });
      await io.waitForEvent("wait", { name: "shown.go", filter: { id: [payload.id] }, timeoutInSeconds: 600 });
      await status.update("done", { state: "success", data: { step: 2 } });
      return { shown: payload.id };
    },
  });
}

function listen(server) {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

function listenTo(fetch) {
  return new Promise((resolve) => serve({ fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => resolve(port)));
}

function expressApp({ parsed }) {
  const app = express();
  if (parsed) app.use(express.json());
  const client = clientOf(parsed ? "express-json" : "express");
  if (!parsed) defineShown(client);
  app.use(adapters.express.createMiddleware(client));
  return listen(http.createServer(app));
}

function honoApp() {
  const app = new Hono();
  app.use("*", adapters.hono.createMiddleware(clientOf("hono")));
  return listenTo(app.fetch);
}

function honoAppWithEnvironment() {
  const app = new Hono();
  const client = clientOf("hono-add");
  adapters.hono.addMiddleware(app, () => client);
  return listenTo(app.fetch);
}

function nextPages() {
  // Next.js gives handlers of pages/api the request of node, unread, and a response with two more methods.
  const route = adapters.nextjs.createPagesRoute(clientOf("next-pages"));
  return listen(http.createServer((request, response) => {
    response.status = (status) => Object.assign(response, { statusCode: status });
    response.json = (body) => response.setHeader("content-type", "application/json").end(JSON.stringify(body));
    return route.handler(request, response);
  }));
}

const nextApp = () => listenTo(adapters.nextjs.createAppRoute(clientOf("next-app")).POST);

function remixApp() {
  const { action } = adapters.remix.createRemixRoute(clientOf("remix"));
  return listenTo((request) => action({ request, params: {}, context: {} }));
}

async function main() {
  const ports = {
    express: await expressApp({ parsed: false }),
    "express-json": await expressApp({ parsed: true }),
    hono: await honoApp(),
    "hono-add": await honoAppWithEnvironment(),
    "next-pages": await nextPages(),
    "next-app": await nextApp(),
    remix: await remixApp(),
  };
  console.log(JSON.stringify(ports));
}

main();
