// Serves the catalogue of jobs as an app of the npm package does, on a free port that it prints.
const http = require("node:http");
const { TriggerClient } = require("@trigger.dev/sdk");

const client = new TriggerClient({
  id: "npm-app",
  apiKey: process.env.TRIGGER_API_KEY,
  apiUrl: process.env.TRIGGER_API_URL,
});
for (const name of ["tasks", "waits", "state", "runs", "fetches", "requests", "vendors", "unawaited", "schedules"]) {
  require(`./jobs/${name}.cjs`)(client);
}

const statusOf = { flaky: 0 };

async function echo(request, response, body) {
  // What the jobs fetch: it shows what it was sent, and fails the first time if it is asked to.
  response.setHeader("content-type", "application/json");
  if (request.url.startsWith("/echo/429") && statusOf.flaky++ === 0) {
    response.statusCode = 429;
    response.end("{}");
    return;
  }
  if (request.url.startsWith("/echo/404")) {
    response.statusCode = 404;
    if (request.url.endsWith("/silent")) return void response.end();
    response.end(JSON.stringify(request.url.endsWith("/plain") ? { reason: "none" } : { message: "not here" }));
    return;
  }
  response.end(JSON.stringify({ method: request.method, authorization: request.headers.authorization, body }));
}

async function handle(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (request.url.startsWith("/echo")) {
    await echo(request, response, body.toString());
    return;
  }
  const hasBody = request.method !== "GET" && request.method !== "HEAD";
  const answer = await client.handleRequest(
    new Request(`http://localhost${request.url}`, {
      method: request.method,
      headers: request.headers,
      body: hasBody ? body : undefined,
    }),
  );
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(answer.body));
}

async function handleOrFail(request, response) {
  // As web frameworks do: the package lets errors of handlers through.
  try {
    await handle(request, response);
  } catch (error) {
    response.statusCode = 500;
    response.end();
  }
}

const server = http.createServer(handleOrFail);
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => console.log(server.address().port));
