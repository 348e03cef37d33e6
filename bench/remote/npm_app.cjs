// The job of W2 as an app of the npm package has it: node npm_app.cjs --port PORT
const http = require("node:http");
const { TriggerClient, eventTrigger } = require("@trigger.dev/sdk");

const client = new TriggerClient({
  id: "bench",
  apiKey: process.env.TRIGGER_API_KEY,
  apiUrl: process.env.TRIGGER_API_URL,
});

client.defineJob({
  id: "in-order",
  name: "Steps in order",
  version: "1.0.0",
  trigger: eventTrigger({ name: "in-order" }),
  run: async (payload, io) => {
    for (let number = 0; number < payload.steps; number++) {
      await io.runTask(`s${number}`, async () => ({ ok: true, n: 1 }));
    }
    return payload.steps;
  },
});

async function handle(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const asked = new Request(`http://localhost${request.url}`, {
    method: request.method,
    headers: request.headers,
    body: Buffer.concat(chunks),
  });
  const answer = await client.handleRequest(asked);
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(answer.body));
}

http
  .createServer((request, response) => {
    handle(request, response).catch(() => response.writeHead(500).end());
  })
  .listen(Number(process.argv[3]), "127.0.0.1");
