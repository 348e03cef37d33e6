const { invokeTrigger } = require("@trigger.dev/sdk");

const post = (url, value) =>
  fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value) });

module.exports = (client) => {
  const job = (id, run) => client.defineJob({ id, name: id, version: "1.0.0", trigger: invokeTrigger(), run });

  job("waits", async (payload, io) => {
    const before = await io.runTask("before", async () => Date.now());
    await io.wait("nap", 1);
    const after = await io.runTask("after", async () => Date.now());
    return { slept: after - before >= 1000 };
  });

  job("waits-for-request", async (payload, io) => {
    const answer = await io.waitForRequest("request", async (url) => {
      await post(url, { first: true });
      await post(url, { first: false });
    });
    return answer;
  });

  job("request-never-comes", async (payload, io) =>
    io.waitForRequest("request", async () => {}, { timeoutInSeconds: 1 }),
  );

  job("waits-for-event", async (payload, io) => {
    const event = await io.waitForEvent("event", { name: "order.paid", filter: { id: [payload.order] } });
    return { name: event.name, payload: event.payload, isDate: event.timestamp instanceof Date };
  });

  job("waits-for-either", async (payload, io) => {
    const event = await io.waitForEvent("event", { name: ["order.paid", "order.dropped"], filter: { id: [payload.order] } });
    return event.name;
  });

  job("event-never-comes", async (payload, io) =>
    // The protocol has no shorter one.
    io.waitForEvent("event", { name: "never.sent" }, { timeoutInSeconds: 10 }),
  );

  job("calls-back", async (payload, io) =>
    io.runTask("callback", async (task) => { await post(task.callbackUrl, { done: 1 }); }, {
      callback: { enabled: true, timeoutInSeconds: 60 },
    }),
  );

  job("calls-in-vain", async (payload, io) =>
    // As integrations do whose vendor calls back, where that takes no callback URL.
    io.runTask("callback", async (task) => { throw new Error(`refused ${task.attempts} times`); }, {
      callback: { enabled: true, timeoutInSeconds: 60 },
      retry: { limit: 3, minTimeoutInMs: 10, factor: 1, randomize: false },
    }),
  );
};
