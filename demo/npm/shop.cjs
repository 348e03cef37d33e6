// An app of the unchanged npm package, and the world outside: a photographer who calls back, a customs office that is busy.
// It prints the port that it listens on, and notes what it does in the file that it is given.
const fs = require("node:fs");
const http = require("node:http");
const { TriggerClient, eventTrigger } = require("@trigger.dev/sdk");

const [log] = process.argv.slice(2);
const note = (facts) => fs.appendFileSync(log, `${JSON.stringify(facts)}\n`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const client = new TriggerClient({
  id: "shop",
  apiKey: process.env.TRIGGER_API_KEY,
  apiUrl: process.env.TRIGGER_API_URL,
});

async function work(order, body) {
  note({ order, body });
  await sleep(50);
  return { order, body };
}

client.defineJob({
  id: "fulfil",
  name: "Fulfil an order",
  version: "1.0.0",
  trigger: eventTrigger({ name: "order.placed" }),
  run: async ({ order }, io) => {
    await io.runTask("charge", () => work(order, "charge"));
    const taken = await io.waitForRequest("picture", async (url) => {
      void photograph(order, url);
    });
    const papers = await io.backgroundFetch("papers", `${world()}/papers/${order}`, { method: "GET" }, {
      retry: { "500-599": { strategy: "backoff", limit: 20, minTimeoutInMs: 300, factor: 1, randomize: false } },
    });
    await io.wait("second thoughts", 1);
    await io.runTask("pack", () => work(order, "pack"));
    await io.sendEvent("packed", { id: `packed-${order}`, name: "order.packed", payload: { order } });
    return { order, picture: taken.picture, papers: papers.number };
  },
});

client.defineJob({
  id: "ship",
  name: "Ship a parcel",
  version: "1.0.0",
  trigger: eventTrigger({ name: "order.packed" }),
  run: async ({ order }, io) => io.runTask("label", () => work(order, "label")),
});

async function photograph(order, url) {
  // As anybody does who has promised to call: until somebody answers.
  await sleep(1500);
  for (;;) {
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ picture: `picture of order ${order}` }),
      });
      if (answer.ok) return;
    } catch {
      // Nobody is there just now.
    }
    await sleep(200);
  }
}

const refused = new Set();

function givePapers(order, response) {
  if (!refused.has(order)) {
    refused.add(order);
    response.statusCode = 503;
    response.end("{}");
    return;
  }
  response.end(JSON.stringify({ number: `papers for order ${order}` }));
}

async function handle(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  response.setHeader("content-type", "application/json");
  if (request.url.startsWith("/papers/")) {
    givePapers(request.url.slice("/papers/".length), response);
    return;
  }
  const asked = new Request(`http://localhost${request.url}`, {
    method: request.method,
    headers: request.headers,
    body: Buffer.concat(chunks),
  });
  const answer = await client.handleRequest(asked);
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  response.end(JSON.stringify(answer.body));
}

const server = http.createServer((request, response) => {
  handle(request, response).catch(() => response.writeHead(500).end());
});
const world = () => `http://127.0.0.1:${server.address().port}`;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
