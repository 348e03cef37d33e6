// Serves an app with the integrations of the npm package, on a free port that it prints. What they send to their vendors
// goes to VENDORS_URL instead, with the vendor's name in x-vendor; nothing else of them is changed.
const http = require("node:http");
const https = require("node:https");

const vendors = new URL(process.env.VENDORS_URL);

https.request = ({ method, path, headers, hostname, host }, callback) => {
  const request = http.request(
    { host: vendors.hostname, port: vendors.port, method, path, headers: { ...headers, "x-vendor": hostname ?? host } },
    callback,
  );
  // Stripe's client does not write before it knows that the connection is encrypted.
  request.once("socket", (socket) => socket.once("connect", () => socket.emit("secureConnect")));
  return request;
};

const fetchThere = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const given = new Request(input, init);
  const url = new URL(given.url);
  if (url.hostname === "127.0.0.1") return fetchThere(input, init);
  const headers = new Headers(given.headers);
  headers.set("x-vendor", url.host);
  const there = new URL(`${url.pathname}${url.search}`, vendors);
  return fetchThere(there, { method: given.method, headers, body: given.body, duplex: "half" });
};

const { Github, events } = require("@trigger.dev/github");
const { OpenAI } = require("@trigger.dev/openai");
const { Resend } = require("@trigger.dev/resend");
const { SendGrid } = require("@trigger.dev/sendgrid");
const { Slack } = require("@trigger.dev/slack");
const { Stripe } = require("@trigger.dev/stripe");
const { Supabase, SupabaseManagement } = require("@trigger.dev/supabase");
const { createMiddleware } = require("@trigger.dev/express");
const {
  TriggerClient, invokeTrigger, missingConnectionNotification, missingConnectionResolvedNotification,
} = require("@trigger.dev/sdk");
const express = require("express");

const client = new TriggerClient({
  id: "integrations", apiKey: process.env.TRIGGER_API_KEY, apiUrl: process.env.TRIGGER_API_URL,
});

const github = new Github({ id: "github", token: "github-token" });
const openai = new OpenAI({
  id: "openai", apiKey: "openai-key", baseURL: new URL("/v1", vendors).href, defaultHeaders: { "x-vendor": "api.openai.com" },
});
const resend = new Resend({ id: "resend", apiKey: "resend-key" });
const sendgrid = new SendGrid({ id: "sendgrid", apiKey: "SG.sendgrid-key" });
const slack = new Slack({ id: "slack" });
const stripe = new Stripe({ id: "stripe", apiKey: "stripe-key" });
const supabase = new Supabase({
  id: "supabase", supabaseUrl: vendors.origin, supabaseKey: "supabase-key",
  options: { global: { headers: { "x-vendor": "supabase.co" } } },
});
const management = new SupabaseManagement({ id: "management", apiKey: "management-key" });

// Slack's integration knows no key of its own: without hosted connections the app says which one.
client.defineAuthResolver(slack, async () => ({ type: "oauth", token: "slack-token" }));

// Of these the server keeps the tokens.
const chat = new Slack({ id: "hosted-slack" });
const code = new Github({ id: "hosted-github" });

function job(id, integrations, run, trigger = invokeTrigger()) {
  client.defineJob({ id, name: id, version: "1.0.0", trigger, integrations, run });
}

const twice = { retry: { limit: 2, minTimeoutInMs: 1, factor: 1, randomize: false } };
const mail = { from: "shop@example.com", to: "ada@example.com", subject: "Hello", text: "Thank you" };
const question = { model: "gpt-4", messages: [{ role: "user", content: "Say hello" }] };

job("openai", { openai }, async (payload, io) => {
  const { choices } = await io.openai.chat.completions.create("ask", question);
  return choices[0].message.content;
});
job("openai-background", { openai }, async (payload, io) => {
  const { choices } = await io.openai.chat.completions.backgroundCreate("ask", question);
  return choices[0].message.content;
});
job("stripe", { stripe }, async (payload, io) => {
  const { id } = await io.stripe.customers.create("create", { email: "ada@example.com" });
  return id;
});
job("stripe-twice", { stripe }, async (payload, io) =>
  io.stripe.runTask("charge", (native) => native.charges.create({ amount: 100, currency: "eur" }), twice));
job("slack", { slack }, async (payload, io) => {
  const { ts } = await io.slack.postMessage("post", { channel: "C1", text: "Hello" });
  return ts;
});
job("slack-twice", { slack }, async (payload, io) =>
  io.slack.runTask("post", (native) => native.chat.postMessage({ channel: "C1", text: "Hello" }), twice));
job("resend", { resend }, async (payload, io) => {
  const { id } = await io.resend.emails.send("send", mail);
  return id;
});
job("github", { github }, async (payload, io) => {
  const { number } = await io.github.issues.create("create", { owner: "acme", repo: "shop", title: "Broken" });
  return number;
});
job("github-twice", { github }, async (payload, io) =>
  io.github.runTask("get", async (native) => (await native.rest.repos.get({ owner: "acme", repo: "none" })).data, twice));
job("slack-hosted", { chat }, async (payload, io) => {
  const { ts } = await io.chat.postMessage("post", { channel: "C1", text: "Hello" });
  return ts;
});
job("github-hosted", { code }, async (payload, io) => {
  const { number } = await io.code.issues.create("create", { owner: "acme", repo: "shop", title: "Broken" });
  return number;
});
job("connection-missing", {}, async (payload) => payload, missingConnectionNotification([chat]));
job("connection-there", {}, async (payload) => payload, missingConnectionResolvedNotification([chat]));
job("auth", {}, async (payload, io) => {
  const auth = await io.getAuth("auth", "asked-for");
  return auth ? auth.accessToken.length : "none";
});
job("sendgrid", { sendgrid }, async (payload, io) => {
  await io.sendgrid.sendEmail("send", mail);
  return "sent";
});

async function insert(native) {
  const { data, error } = await native.from("todos").insert({ title: "Write" }).select();
  if (error) throw error;
  return data;
}

job("supabase", { supabase }, async (payload, io) => io.supabase.runTask("insert", insert));
job("supabase-twice", { supabase }, async (payload, io) => io.supabase.runTask("insert", insert, twice));

job("on-issue", {}, async (payload, io, ctx) => ({ title: payload.issue.title, event: ctx.event.name }),
  github.triggers.repo({ event: events.onIssueOpened, owner: "acme", repo: "shop" }));
job("on-customer", {}, async (payload, io, ctx) => ({ email: payload.email, event: ctx.event.id }),
  stripe.onCustomerCreated());
job("on-todo", {}, async (payload) => payload.record,
  management.db("https://project.supabase.co").onInserted({ table: "todos" }));

const app = express();
app.use(createMiddleware(client));
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
