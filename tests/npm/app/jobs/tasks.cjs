const { eventTrigger, invokeTrigger, isTriggerError } = require("@trigger.dev/sdk");
const { z } = require("zod");

module.exports = (client) => {
  const job = (id, run, trigger = invokeTrigger()) =>
    client.defineJob({ id, name: id, version: "1.0.0", trigger, run });

  job(
    "two-tasks",
    async (payload, io, ctx) => {
      await io.logger.info("begun", { who: payload.who });
      const first = await io.runTask("first", async () => ({ n: 1 }), { name: "The first", icon: "star" });
      const second = await io.runTask("second", async () => ({ n: first.n + 1 }));
      return { who: payload.who, n: second.n, run: ctx.run.id, environment: ctx.environment.slug };
    },
    eventTrigger({ name: "user.created", schema: z.object({ who: z.string() }), filter: { who: ["ada", "bob"] } }),
  );

  job("nested", async (payload, io) =>
    io.runTask("outer", async () => {
      const inner = await io.runTask("inner", async () => 2);
      await io.wait("nap", 1);
      return { inner, deeper: await io.runTask("deeper", async () => io.runTask("deepest", async () => 3)) };
    }),
  );

  job("retried", async (payload, io) =>
    io.runTask(
      "flaky",
      async (task) => {
        if (task.attempts < 3) throw new Error(`attempt ${task.attempts}`);
        return { attempts: task.attempts };
      },
      { retry: { limit: 4, factor: 1, minTimeoutInMs: 100, randomize: false } },
    ),
  );

  job("retries-end", async (payload, io) =>
    io.runTask("hopeless", async () => { throw new Error("never"); }, {
      retry: { limit: 2, factor: 1, minTimeoutInMs: 100, randomize: false },
    }),
  );

  job("fails", async (payload, io) => io.runTask("bad", async () => { throw new TypeError("boom"); }));

  job("catches", async (payload, io) => {
    try {
      await io.runTask("bad", async () => { throw new Error("boom"); });
    } catch (error) {
      if (isTriggerError(error)) throw error;
      return { caught: error.message };
    }
  });

  job("tries", async (payload, io) =>
    io.try(
      async () => io.runTask("bad", async () => { throw new Error("boom"); }),
      async (error) => ({ caught: error.message }),
    ),
  );

  job("chooses-its-retry", async (payload, io) =>
    io.runTask(
      "later",
      async (task) => {
        if (task.attempts === 1) throw new Error("not now");
        return task.attempts;
      },
      {},
      (error) => ({ retryAt: new Date(Date.now() + 200), error }),
    ),
  );

  job("gives-up-at-once", async (payload, io) =>
    io.runTask("once", async () => { throw new Error("no use"); }, { retry: { limit: 5 } }, () => ({ skipRetrying: true })),
  );

  job("returns-nothing", async (payload, io) => {
    const nothing = await io.runTask("nothing", async () => undefined);
    return { isUndefined: nothing === undefined };
  });

  job("returns-undefined", async () => undefined);

  job("keeps-values", async (payload, io) => {
    const kept = await io.runTask("values", async () => ({ text: "ü€😀\u0000", big: 9007199254740991, none: null, list: [1, [2]] }));
    await io.wait("nap", 1);
    return kept;
  });

  job("many", async (payload, io) => {
    let sum = 0;
    for (let n = 0; n < 60; n++) sum += await io.runTask(["task", n], async () => n);
    await io.wait("nap", 1);
    for (let n = 0; n < 60; n++) sum += await io.runTask(["task", n, "again"], async () => n);
    return sum;
  });

  job(
    "refuses-payloads",
    async () => "never",
    invokeTrigger({ schema: z.object({ amount: z.number() }) }),
  );

  job("twice-the-key", async (payload, io) => {
    await io.runTask("same", async () => 1);
    return io.runTask("same", async () => 2);
  });

  // More than a hundred thousand values, in less than three megabytes.
  job("many-values", async (payload, io) => {
    const rows = await io.runTask("rows", async () => Array.from({ length: 60_000 }, (_, n) => ({ n, ok: true })));
    await io.runTask("shown", async () => {}, { params: { rows } });
    await io.wait("nap", 1);
    return rows;
  });
  job("logs-inside", async (payload, io) => {
    await io.logger.info("before", { step: 1 });
    await io.runTask("work", async () => { await io.logger.warn("inside"); });
    await io.logger.info("after");
  });
  job("logs", async (payload, io) => {
    await io.logger.debug("one");
    await io.logger.warn("two", { n: 2 });
    await io.logger.error("three");
    return "logged";
  });

  job("random", async (payload, io) => {
    const first = await io.random("r", { min: 5, max: 10, round: true });
    await io.wait("nap", 1);
    return { first, inside: first >= 5 && first <= 10 };
  });

  job("yields", async (payload, io, ctx) => {
    await io.yield("once");
    const one = await io.runTask("one", async () => 1);
    await io.yield("twice");
    return one;
  });

  job("parallel", async (payload, io) =>
    io.parallel("all", [1, 2, 3], async (item) => {
      await io.wait(`nap ${item}`, 1);
      return io.runTask(`task ${item}`, async () => item * 10);
    }),
  );

  job("parallel-retries", async (payload, io) =>
    io.parallel("all", ["a", "b"], async (item) =>
      io.runTask(
        `task ${item}`,
        async (task) => {
          if (item === "b" && task.attempts < 2) throw new Error("again");
          return `${item}${task.attempts}`;
        },
        { retry: { limit: 3, factor: 1, minTimeoutInMs: 100, randomize: false } },
      ),
    ),
  );

  job("nested-parallel", async (payload, io) =>
    io.parallel("outer", [1, 2], async (one) =>
      io.parallel(`inner ${one}`, [10, 20], async (two) => {
        await io.wait(`nap ${one} ${two}`, 1);
        return one + two;
      }),
    ),
  );
};
