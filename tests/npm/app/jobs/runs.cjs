const { eventTrigger, invokeTrigger } = require("@trigger.dev/sdk");
const { z } = require("zod");

module.exports = (client) => {
  const child = client.defineJob({
    id: "doubles",
    name: "doubles",
    version: "1.0.0",
    trigger: invokeTrigger({ schema: z.object({ x: z.number() }) }),
    run: async (payload, io) => {
      await io.wait("nap", 1);
      if (payload.x < 0) throw new Error("negative");
      return { y: payload.x * 2 };
    },
  });
  const job = (id, run, options = {}) =>
    client.defineJob({ id, name: id, version: "1.0.0", trigger: invokeTrigger(), run, ...options });

  job("invokes", async (payload, io) => {
    const handle = await child.invoke("child", { x: 1 });
    return { hasId: handle.id.startsWith("run_") };
  });
  job("invokes-and-waits", async (payload, io) => {
    const done = await child.invokeAndWaitForCompletion("child", { x: 21 });
    return { ok: done.ok, output: done.output };
  });
  job("child-fails", async (payload, io) => {
    const done = await child.invokeAndWaitForCompletion("child", { x: -1 });
    return { ok: done.ok, status: done.status, message: done.error.message };
  });
  job("batch", async (payload, io) => {
    const all = await child.batchInvokeAndWaitForCompletion("children", [{ payload: { x: 1 } }, { payload: { x: 2 } }]);
    return all.map((done) => done.output.y);
  });

  job("large-batch", async (payload, io) => {
    const runs = Array.from({ length: 12 }, (_, x) => ({ payload: { x, seconds: x % 3 } }));
    const all = await child.batchInvokeAndWaitForCompletion("children", runs);
    return all.map((done) => done.output.y);
  });

  const told = [];
  job("tells", async () => "over", {
    onSuccess: async (notification) => { told.push([notification.ok, notification.output]); },
  });
  job("was-told", async () => told);

  client.defineJob({
    id: "limited",
    name: "limited",
    version: "1.0.0",
    concurrencyLimit: 1,
    trigger: eventTrigger({ name: "work.asked", source: "elsewhere" }),
    run: async (payload, io) => io.runTask("work", async () => payload),
  });
};
