const { invokeTrigger, redactString } = require("@trigger.dev/sdk");

module.exports = (client) => {
  const job = (id, run) => client.defineJob({ id, name: id, version: "1.0.0", trigger: invokeTrigger(), run });

  job("fetches", async (payload, io) =>
    io.backgroundFetch("fetch", `${payload.url}/echo`, {
      method: "POST",
      headers: { Authorization: redactString`Bearer ${"hush"}` },
      body: JSON.stringify({ n: 1 }),
    }),
  );
  job("fetches-again", async (payload, io) =>
    io.backgroundFetch("fetch", `${payload.url}/echo/429`, { method: "GET" }, {
      retry: { 429: { strategy: "backoff", limit: 3, minTimeoutInMs: 100, factor: 1, randomize: false } },
    }),
  );
  job("fetch-fails", async (payload, io) => io.backgroundFetch("fetch", `${payload.url}/echo/404`));
  job("catches-fetch", async (payload, io) => {
    try {
      return await io.runTask("outer", async (task) =>
        io.backgroundFetch("fetch", `${payload.url}/echo/404/plain`));
    } catch (error) {
      if (!error.cause) throw error; // Not an error: the run waits.
      return error.cause.output;
    }
  });
  job("catches-fetch-again", async (payload, io) => {
    try {
      return await io.runTask("outer", async (task) =>
        io.backgroundFetch("fetch", `${payload.url}/echo/404/plain`));
    } catch (error) {
      if (!error.cause) throw error;
      await io.wait("for another execution", 1);
      return error.cause.output;
    }
  });
  job("fetch-fails-silently", async (payload, io) => io.backgroundFetch("fetch", `${payload.url}/echo/404/silent`));
  job("fetches-response", async (payload, io) => {
    const answer = await io.backgroundFetchResponse("fetch", `${payload.url}/echo`);
    return { status: answer.status, method: answer.data.method };
  });
  job("polls", async (payload, io) =>
    io.backgroundPoll("poll", { url: `${payload.url}/echo`, interval: 10, timeout: 60, responseFilter: { status: [200], body: { method: ["GET"] } } }),
  );
  job("fetches-metadata", async (payload, io) => io.backgroundFetch("fetch", "http://169.254.169.254/latest"));
};
