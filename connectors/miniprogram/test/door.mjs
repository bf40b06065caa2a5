// Runs pages/chat/chat.js as it is against a real chat door: `node test/door.mjs http://127.0.0.1:PORT`.
// Prints what the page shows as JSON. Only the platform's own functions are replaced.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const [base] = process.argv.slice(2);
const storage = new Map();
let page;

globalThis.wx = {
  getStorageSync: (name) => storage.get(name) ?? "",
  setStorageSync: (name, value) => storage.set(name, value),
  removeStorageSync: (name) => storage.delete(name),
  setNavigationBarTitle: () => undefined,
  request: ({ url, method, data, header, success, fail }) => {
    const body = method !== "POST" || data === undefined ? undefined : data instanceof ArrayBuffer ? data : JSON.stringify(data);
    fetch(url, { method, body, headers: header })
      .then(async (answer) => success({ data: await answer.json(), statusCode: answer.status }))
      .catch(fail);
  },
};
globalThis.Page = (definition) => {
  page = definition;
  page.setData = (values) => Object.assign(page.data, values);
};
require("../src/config.js").base = base;
require("../src/pages/chat/chat.js");

const until = async (done) => {
  for (let tries = 0; tries < 400 && !done(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  if (!done()) throw new Error(`not within 20 s: ${done}`);
};
const texts = () => page.data.entries.map((entry) => entry.text);

page.onLoad();
await until(() => page.data.ready);
const consent = page.data.texts.consent;
page.onAgree();
await until(() => texts().length === 1);
page.onInput({ detail: { value: "社保补贴怎么领" } });
page.onSend();
await until(() => texts().length === 4 && !page.data.pending);
const simplified = texts();
await page.hear(new ArrayBuffer(9));
const unheard = page.data.told;
page.onLanguage({ detail: { value: "2" } });
await until(() => texts().length === 4);
process.stdout.write(JSON.stringify({ consent, simplified, unheard, traditional: texts(), states: page.data.entries.map((entry) => entry.state) }));
process.exit(0);
