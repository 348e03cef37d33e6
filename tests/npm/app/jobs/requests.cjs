const { verifyRequestSignature } = require("@trigger.dev/sdk");

const SECRET = "shhh";

module.exports = (client) => {
  const signed = client.defineHttpEndpoint({
    id: "Signed Hook",
    source: "vendor.example",
    verify: async (request) =>
      verifyRequestSignature({
        request, headerName: "x-signature-256", secret: SECRET, algorithm: "sha256", headerEncoding: "hex",
      }),
  });
  client.defineJob({
    id: "takes-request", name: "takes-request", version: "1.0.0", trigger: signed.onRequest(),
    run: async (request, io, ctx) => ({
      method: request.method,
      path: new URL(request.url).pathname.split("/").slice(0, 6).join("/"),
      search: new URL(request.url).search,
      agent: request.headers.get("x-agent"),
      body: await request.json(),
    }),
  });
  client.defineJob({
    id: "takes-pushes", name: "takes-pushes", version: "1.0.0",
    trigger: signed.onRequest({ filter: { body: { action: ["push"] } } }),
    run: async (request) => ({ pushed: (await request.json()).action }),
  });

  const answered = client.defineHttpEndpoint({
    id: "answered", source: "vendor.example", verify: async () => ({ success: true }),
    respondWith: {
      filter: { method: ["GET"], query: { challenge: [{ $startsWith: "c" }] } },
      skipTriggeringRuns: true,
      handler: async (request) =>
        new Response(new URL(request.url).searchParams.get("challenge"), {
          status: 201, headers: { "x-answered": "yes", "content-type": "text/plain" },
        }),
    },
  });
  client.defineJob({
    id: "takes-unanswered", name: "takes-unanswered", version: "1.0.0", trigger: answered.onRequest(),
    run: async (request) => ({ text: await request.text() }),
  });

  const strict = client.defineHttpEndpoint({
    id: "strict", source: "vendor.example", verify: async () => ({ success: true }),
    respondWith: {
      filter: { headers: { "x-wants": ["an answer"] } },
      handler: async (request, verify) => {
        const { success } = await verify();
        return new Response(null, { status: success && (await request.text()) === "good" ? 200 : 403 });
      },
    },
  });
  client.defineJob({
    id: "takes-strict", name: "takes-strict", version: "1.0.0",
    trigger: strict.onRequest(),
    run: async () => ({ seen: true }),
  });
};
