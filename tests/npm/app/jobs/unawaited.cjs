// Work that a job begins and does not await, and what becomes of it once the job is over.
const { invokeTrigger } = require("@trigger.dev/sdk");

const outcomeOf = (promise) => promise.then((value) => value ?? null, (error) => error.constructor.name);

module.exports = (client) => {
  const job = (id, run) => client.defineJob({ id, name: id, version: "1.0.0", trigger: invokeTrigger(), run });
  const begun = new Map();

  job("leaves-work", async (payload, io) => {
    let work;
    const atWork = new Promise((resolve) => {
      work = io.runTask("work", () => new Promise((finish) => {
        begun.set(payload.of, { io, finish, outcome: outcomeOf(work) });
        resolve();
      }));
    });
    const done = await Promise.race([atWork, work]);
    if (payload.waits) await io.waitForEvent("go-on", { name: "work.go-on", filter: { of: [payload.of] } });
    if (payload.fails) throw new Error("fails");
    return done ?? "left";
  });

  const refusals = [];

  job("leaves-line", async (payload, io) => {
    io.logger.info("last").catch((error) => refusals.push(error.constructor.name));
  });

  job("was-refused", async () => refusals);

  job("finishes-work", async (payload) => {
    const { io, finish, outcome } = begun.get(payload.of);
    finish(7);
    return {
      work: await outcome,
      line: await outcomeOf(io.logger.info("afterwards")),
      more: await outcomeOf(io.runTask("more", async () => 8)),
    };
  });
};
