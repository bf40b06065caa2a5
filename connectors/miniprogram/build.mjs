// Checks what the compiler of WeChat's tools would only find later, then copies src to dist (or the folder that is
// given; `--check` copies nothing), ready to be uploaded.
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";

const problems = [];
const at = (path) => new URL(path, import.meta.url);
const read = (path) => readFileSync(at(path), "utf8");
const VOID = new Set(["textarea", "input", "image", "import", "include"]);
const TAG = /<(\/?)([a-z-]+)((?:[^<>"]|"[^"]*")*?)(\/?)>/g;

function checkMarkup(path, script) {
  const open = [];
  const text = read(path).replace(/<!--[\s\S]*?-->/g, "");
  for (const [, closing, name, attributes, selfClosing] of text.matchAll(TAG)) {
    if (closing) {
      if (open.pop() !== name) problems.push(`${path}: </${name}> closes nothing`);
    } else {
      if (!selfClosing && !VOID.has(name)) open.push(name);
      if (!selfClosing && VOID.has(name)) problems.push(`${path}: <${name}> is not closed`);
      for (const [, handler] of attributes.matchAll(/\b(?:bind|catch):?\w+="(\w+)"/g)) {
        if (!new RegExp(`^  (?:async )?${handler}\\(`, "m").test(script)) problems.push(`${path}: no function ${handler}`);
      }
      if (/\bwx:for=/.test(attributes) && !/\bwx:key=/.test(attributes)) problems.push(`${path}: wx:for without wx:key`);
    }
  }
  for (const name of open) problems.push(`${path}: <${name}> is not closed`);
  for (const [, expression] of text.matchAll(/\{\{([^}]*)\}\}/g)) {
    const [root] = expression.match(/[a-z]\w*/i) ?? [];
    if (root && !new RegExp(`\\b${root}\\b`).test(`${script} item index source choice true false`)) {
      problems.push(`${path}: nothing called ${root}`);
    }
  }
}

function checkStyles(path, markup) {
  const text = read(path);
  if ((text.match(/{/g) ?? []).length !== (text.match(/}/g) ?? []).length) problems.push(`${path}: braces do not match`);
  for (const [, name] of text.matchAll(/\.([a-z][\w-]*)/g)) {
    const known = new RegExp(`[\\s"'{]${name}[\\s"'}]|${name.replace(/-\d$/, "")}-\\{\\{`).test(markup) || ["mine", "theirs", "notice"].includes(name);
    if (!known) problems.push(`${path}: .${name} is used nowhere`);
  }
}

const app = JSON.parse(read("src/app.json"));
for (const file of ["project.config.json", "src/sitemap.json"]) JSON.parse(read(file));
if (JSON.parse(read("project.config.json")).appid !== "touristappid") problems.push("project.config.json: an AppID belongs in project.private.config.json");
for (const page of app.pages) {
  for (const kind of ["js", "json", "wxml", "wxss"]) {
    if (!existsSync(at(`src/${page}.${kind}`))) problems.push(`src/${page}.${kind} is missing`);
  }
  JSON.parse(read(`src/${page}.json`));
  checkMarkup(`src/${page}.wxml`, read(`src/${page}.js`));
  checkStyles(`src/${page}.wxss`, read(`src/${page}.wxml`));
}
if (problems.length > 0) {
  process.stderr.write(`${problems.join("\n")}\n`);
  process.exit(1);
}
const [out = at("dist")] = process.argv.slice(2);
if (out !== "--check") {
  rmSync(out, { recursive: true, force: true });
  cpSync(at("src"), out, { recursive: true });
}
