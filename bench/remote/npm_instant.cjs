// A server that keeps nothing and answers at once: node npm_instant.cjs --port PORT
// POST /runs with {url, key, runs, steps, at_once} has an app execute so many runs; the answer is {seconds, steps}.
const http = require("node:http");

let steps = 0;
let tasks = 0;

const task = (id, key, status) => ({
  id, idempotencyKey: key, name: "Task", status, noop: false, attempts: 1, startedAt: new Date().toISOString(),
  completedAt: status === "COMPLETED" ? new Date().toISOString() : null, delayUntil: null, icon: null,
  description: null, properties: [], outputProperties: [], params: null, output: null, context: null, error: null,
  parentId: null, style: { style: "normal" }, operation: null, callbackUrl: null, childExecutionMode: "SEQUENTIAL",
  forceYield: false,
});

const agent = new http.Agent({ keepAlive: true });

function execute({ url, key, steps: perRun }, number) {
  const at = new Date().toISOString();
  const body = JSON.stringify({
    event: { id: `evt_${number}`, name: "in-order", payload: { steps: perRun }, context: {}, timestamp: at },
    job: { id: "in-order", version: "1.0.0" },
    run: { id: `run_${number}`, isTest: false, isRetry: false, startedAt: at },
    environment: { id: "env_1", slug: "dev", type: "DEVELOPMENT" },
    organization: { id: "org_1", slug: "org", title: "Org" },
    project: { id: "proj_1", slug: "proj", name: "Proj" },
    connections: {}, tasks: [], yieldedExecutions: [], runChunkExecutionLimit: 59650,
    autoYieldConfig: {
      startTaskThreshold: 750, beforeExecuteTaskThreshold: 1500, beforeCompleteTaskThreshold: 750,
      afterCompleteTaskThreshold: 750,
    },
  });
  const headers = {
    "content-type": "application/json", "x-trigger-api-key": key, "x-trigger-action": "EXECUTE_JOB",
    "x-trigger-version": "2023-09-29",
  };
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: "POST", headers, agent }, async (answer) => {
      const chunks = [];
      for await (const chunk of answer) chunks.push(chunk);
      const said = JSON.parse(Buffer.concat(chunks).toString());
      if (said.status === "SUCCESS") resolve();
      else reject(new Error(JSON.stringify(said)));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function drive(asked) {
  steps = 0;
  const began = performance.now();
  let next = 0;
  const work = async () => {
    while (next < asked.runs) await execute(asked, next++);
  };
  await Promise.all(Array.from({ length: Math.min(asked.at_once, asked.runs) }, work));
  return { seconds: (performance.now() - began) / 1000, steps };
}

async function handle(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = JSON.parse(Buffer.concat(chunks).toString());
  response.setHeader("content-type", "application/json");
  if (request.url === "/runs") {
    response.end(JSON.stringify(await drive(body)));
  } else if (request.url.endsWith("/complete")) {
    steps++;
    response.end(JSON.stringify(task(request.url.split("/").at(-2), "0".repeat(64), "COMPLETED")));
  } else {
    response.setHeader("trigger-version", "2023-09-29");
    response.end(JSON.stringify({ task: task(`task_${tasks++}`, body.idempotencyKey, "RUNNING") }));
  }
}

http
  .createServer((request, response) => {
    handle(request, response).catch((error) => {
      response.writeHead(500).end(JSON.stringify({ error: String(error) }));
    });
  })
  .listen(Number(process.argv[3]), "127.0.0.1");
