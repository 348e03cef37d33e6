// Says when cron expressions fire: reads a list of {cron, after, count} as JSON, and writes for each the ticks that come
// first after an instant, in UTC, and the message of the error that ended them, if one did.

const { parseExpression } = require("cron-parser");
const { readFileSync } = require("node:fs");

function ticks({ cron, after, count }) {
  const told = [];
  try {
    for (let at = new Date(after); told.length < count; told.push(at.toISOString())) {
      at = parseExpression(cron, { currentDate: at, tz: "UTC" }).next().toDate();
    }
    return { ticks: told, error: null };
  } catch (error) {
    return { ticks: told, error: error.message };
  }
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(ticks)));
