// Fails when the built files hold syntax or styles that the oldest supported browser (vite.config.js) does not know.
import { readFileSync, readdirSync } from "node:fs";

import { parse } from "acorn";

const OUT = new URL("../static/", import.meta.url);
const ES = 2017;
// Not known to Chrome 64 or Safari 12. A rule with :focus-visible is dropped as a whole there, which is harmless.
const STYLES = [/[;{]\s*(?:row-|column-)?gap:/, /[;{]\s*inset\b/, /[:,(\s](?:min|max|clamp)\([^)]*(?:px|em|v[wh]|%)/, /:(?:is|where|has)\(/, /aspect-ratio:/, /@layer/, /\b\d*[sdl]v[hw]\b/];

const name = (folder) => readdirSync(new URL(folder, OUT)).map((file) => folder + file);
const problems = [];
for (const file of [...name("assets/"), "embed.js", "sw.js"]) {
  const text = readFileSync(new URL(file, OUT), "utf8");
  if (file.endsWith(".css")) {
    for (const style of STYLES) if (style.test(text)) problems.push(`${file}: ${style}`);
    continue;
  }
  try {
    parse(text, { ecmaVersion: ES, sourceType: file.startsWith("assets/") ? "module" : "script" });
  } catch (error) {
    problems.push(`${file}: not ES${ES}: ${error.message}`);
  }
}
if (problems.length > 0) {
  process.stderr.write(`${problems.join("\n")}\n`);
  process.exit(1);
}
