const { cronTrigger, invokeTrigger } = require("@trigger.dev/sdk");

module.exports = (client) => {
  const reminders = client.defineDynamicSchedule({ id: "reminders" });
  const job = (id, trigger, run) => client.defineJob({ id, name: id, version: "1.0.0", trigger, run });

  job("on-leap-days", cronTrigger({ cron: "30 59 23 L 2 ?" }), async () => null);
  job("reminds", reminders, async (payload, io, ctx) => ({ id: ctx.source.id, ts: payload.ts }));

  job("reminds-often", invokeTrigger(), async ({ id, cron }) => reminders.register(id, { type: "cron", options: { cron } }));
  job("reminds-no-more", invokeTrigger(), async ({ id }) => reminders.unregister(id));
};
