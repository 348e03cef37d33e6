const { invokeTrigger } = require("@trigger.dev/sdk");

module.exports = (client) => {
  const job = (id, run) => client.defineJob({ id, name: id, version: "1.0.0", trigger: invokeTrigger(), run });

  job("stores", async (payload, io) => {
    const out = {};
    for (const scope of ["run", "job", "env"]) {
      await io.store[scope].set(`set ${scope}`, "key/ü", { scope, n: 1 });
      out[scope] = await io.store[scope].get(`get ${scope}`, "key/ü");
      out[`${scope}Has`] = await io.store[scope].has(`has ${scope}`, "key/ü");
      out[`${scope}Deleted`] = await io.store[scope].delete(`delete ${scope}`, "key/ü");
      out[`${scope}Gone`] = (await io.store[scope].get(`get ${scope} again`, "key/ü")) === undefined;
    }
    await io.store.env.set("set undefined", "nothing", undefined);
    out.nothing = (await io.store.env.get("get undefined", "nothing")) === undefined;
    out.nothingIsThere = await io.store.env.has("has undefined", "nothing");
    return out;
  });

  job("shows-statuses", async (payload, io) => {
    const status = await io.createStatus("progress", { label: "Begun", state: "loading", data: { percent: 10 } });
    await status.update("half", { label: "Half", data: { percent: 50 } });
    await status.update("done", { state: "success" });
    return "shown";
  });

  job("sends-events", async (payload, io) => {
    const one = await io.sendEvent("one", { id: `${payload.id}-1`, name: "seen.by.nobody", payload: { n: 1 } });
    const many = await io.sendEvents("many", [
      { id: `${payload.id}-2`, name: "seen.by.nobody", payload: { n: 2 } },
      { id: `${payload.id}-3`, name: "seen.by.nobody" },
    ]);
    const later = await io.sendEvent("later", { id: `${payload.id}-4`, name: "seen.by.nobody" }, { deliverAfter: 600 });
    const cancelled = await io.cancelEvent("cancel", later.id);
    const found = await io.getEvent("get", one.id);
    return {
      ids: [one.id, ...many.map((event) => event.id)],
      found: found.name,
      cancelled: cancelled.cancelledAt != null,
    };
  });
};
