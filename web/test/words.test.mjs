// No word of the page is missing in a language, and none stands in the page's source outside the table.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const src = new URL("../src", import.meta.url).pathname;
const table = readFileSync(join(src, "i18n.ts"), "utf8");
const entries = [...table.matchAll(/^ {2}(?:"([^"]+)"|(\w+)): \[\s*"((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)",?\s*\]/gm)];

test("every word is in both languages with the same arguments", () => {
  assert.ok(entries.length > 100);
  const holes = (text) => [...text.matchAll(/\{\w+\}/g)].map((m) => m[0]).sort();
  for (const [, quoted, plain, en, zh] of entries) {
    const key = quoted ?? plain;
    assert.match(en, /[A-Za-z]/, key);
    assert.match(zh, /[\u3400-\u9fff]|^(TTFT|TPOT)/, key);
    assert.deepEqual(holes(en), holes(zh), key);
  }
});

test("every word is used, and no text stands outside the table", () => {
  const files = [...readdirSync(src), ...readdirSync(join(src, "views")).map((f) => join("views", f))].filter((f) => /\.tsx?$/.test(f) && f !== "i18n.ts");
  const all = files.map((f) => readFileSync(join(src, f), "utf8")).join("\n");
  for (const file of files) {
    const text = readFileSync(join(src, file), "utf8");
    const bare = [...text.matchAll(/>\s*([A-Z][a-z]+(?: [a-z]+)+)\s*</g)].map((m) => m[1]);
    assert.deepEqual(bare, [], file);
  }
  const fromData = new Set(["cost per token", "tokens per chip", "energy", "chips", "world", "us", "cn", "eu", "vendor", "measured", "analyst", "derived", "assumed", "chip", "engine", "class", "phase", "weigh", "facts", "validate", "train", "replay", "goodput", "reroute", "rewire", "replace", "shrink", "useful time", "up time"]);
  for (const [, quoted, plain] of entries) {
    const key = quoted ?? plain;
    assert.ok(fromData.has(key) || all.includes(`"${key}"`) , `unused: ${key}`);
  }
});
