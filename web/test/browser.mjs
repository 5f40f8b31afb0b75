// The page in a real browser: `node test/browser.mjs STEELYARD [FOLDER FOR PICTURES]`. Needs chromium; says so and ends
// well where there is none. Exits 1 at the first thing that is not as it should be.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [binary, pictures] = process.argv.slice(2);
const browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
if (!browser) {
  console.log("SKIPPED: no chromium on this machine");
  process.exit(0);
}
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const studies = mkdtempSync(join(tmpdir(), "steelyard-page-"));
if (pictures) mkdirSync(pictures, { recursive: true });

const server = spawn(binary, ["ui", "--port", "0", "--studies", studies, "--lang", "en"], { stdio: ["ignore", "ignore", "pipe"] });
const address = await new Promise((found, failed) => {
  let said = "";
  server.stderr.on("data", (data) => {
    said += data;
    const at = /http:\/\/\S+?\//.exec(said);
    if (at) found(at[0]);
  });
  server.on("exit", () => failed(new Error(`the server ended: ${said}`)));
});

const chrome = await chromium.launch({ executablePath: browser, args: ["--no-sandbox"] });
let passed = 0;

/// A fresh page that may say nothing on its console, fetch nothing from elsewhere.
async function page(options, work) {
  const context = await chrome.newContext({ acceptDownloads: true, bypassCSP: false, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: address.slice(0, -1) });
  const one = await context.newPage();
  const said = [];
  one.on("console", (m) => ["error", "warning"].includes(m.type()) && said.push(m.text()));
  one.on("pageerror", (e) => said.push(e.message));
  one.on("request", (r) => {
    if (!r.url().startsWith(address) && !r.url().startsWith("data:") && !r.url().startsWith("blob:")) said.push(`asks ${r.url()}`);
  });
  await work(one, said);
  assert.deepEqual(said, []);
  await context.close();
}

async function step(name, work) {
  const began = Date.now();
  await work();
  passed += 1;
  console.log(`ok ${name} (${Date.now() - began} ms)`);
}

const answered = (one) => one.waitForSelector("#ranked tbody tr", { timeout: 60_000 });
const settled = async (one) => {
  await one.waitForFunction(() => document.querySelector("main")?.getAttribute("aria-busy") === "false", null, { timeout: 60_000 });
};

async function accessible(one, where) {
  // The policy lets no script in from elsewhere, so the checker is evaluated, not added.
  await one.evaluate(axe);
  const found = await one.evaluate(async () => {
    const result = await window.axe.run(document, { resultTypes: ["violations"] });
    return result.violations
      .filter((v) => ["serious", "critical"].includes(v.impact))
      .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(", ")}`);
  });
  assert.deepEqual(found, [], where);
}

async function picture(one, name) {
  if (pictures) await one.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

const desktop = { viewport: { width: 1280, height: 900 } };
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };

try {
  for (const [lang, locale, weigh] of [["en", "en-US", "Weigh"], ["zh", "zh-CN", "权衡"]]) {
    for (const [size, view] of [["desktop", desktop], ["phone", phone]]) {
      for (const colorScheme of ["light", "dark"]) {
        await step(`${size} ${lang} ${colorScheme}`, () =>
          page({ ...view, locale, colorScheme }, async (one) => {
            await one.goto(address);
            await answered(one);
            await settled(one);
            assert.equal(await one.getAttribute("html", "data-lang"), lang);
            assert.equal(await one.textContent("nav a[aria-current]"), weigh);
            assert.equal(await one.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "too wide");
            await accessible(one, `weigh ${lang} ${colorScheme}`);
            await picture(one, `weigh-${size}-${lang}-${colorScheme}`);
            await one.goto(`${address}#facts/huawei_cloudmatrix384`);
            await one.waitForSelector("table.facts a[href^='https:']");
            await accessible(one, `facts ${lang} ${colorScheme}`);
            assert.equal(await one.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "too wide");
            await picture(one, `facts-${size}-${lang}-${colorScheme}`);
          }));
      }
    }
  }

  await step("a slider brings a new answer, a link restores it", () =>
    page({ ...desktop, locale: "en-US" }, async (one) => {
      await one.goto(address);
      await answered(one);
      await settled(one);
      const before = await one.textContent(".lead");
      await one.locator("input[type=range]").nth(1).focus();
      for (let i = 0; i < 4; i++) await one.keyboard.press("ArrowRight");
      await one.waitForFunction((old) => document.querySelector(".lead")?.textContent !== old, before, { timeout: 60_000 });
      await settled(one);
      const now = await one.textContent(".lead");
      await one.getByRole("button", { name: "Copy link" }).click();
      await one.getByText("Copied").waitFor();
      const link = await one.evaluate(() => navigator.clipboard.readText());
      await one.goto("about:blank");
      await one.goto(link);
      await answered(one);
      await one.waitForFunction((old) => document.querySelector(".lead")?.textContent === old, now, { timeout: 60_000 });
    }));

  await step("a system is added and removed, the table sorted, a series hidden", () =>
    page({ ...desktop, locale: "en-US" }, async (one) => {
      await one.goto(address);
      await answered(one);
      await settled(one);
      const systems = await one.locator("#ranked tbody tr").count();
      await one.getByPlaceholder("Find a system").fill("s5000");
      await one.locator(".systems .all input").first().check();
      await one.waitForFunction((n) => document.querySelectorAll("#ranked tbody tr, #others li").length > n, systems, { timeout: 60_000 });
      await settled(one);
      await one.locator("#ranked thead button").nth(1).click();
      assert.notEqual(await one.locator("#ranked thead th[aria-sort]").count(), 0);
      const series = one.locator(".legend.systems [data-toggle]").first();
      await series.click();
      assert.equal(await series.getAttribute("aria-pressed"), "false");
      await one.locator(".chosen li").last().locator(".cross").click();
      await settled(one);
    }));

  await step("a fault is told with its place, and mended", () =>
    page({ ...desktop, locale: "en-US" }, async (one, said) => {
      await one.goto(address);
      await answered(one);
      await one.getByRole("button", { name: "As text" }).click();
      const text = one.locator("textarea");
      const study = await text.inputValue();
      await text.fill(study.replace('"5 s"', '"5 parsecs"'));
      await one.waitForSelector(".problem li");
      assert.match(await one.textContent(".problem li"), /line \d+, column \d+/);
      await text.fill(study);
      await one.waitForFunction(() => !document.querySelector(".problem"), null, { timeout: 60_000 });
      // A browser notes answers of 4xx on its console by itself.
      said.splice(0, said.length, ...said.filter((s) => !s.includes("422")));
    }));

  await step("a study is kept, opened, deleted; files are saved", () =>
    page({ ...desktop, locale: "en-US" }, async (one) => {
      await one.goto(address);
      await answered(one);
      await settled(one);
      await one.getByLabel("Name to keep it under").fill("My study");
      await one.getByRole("button", { name: "Keep", exact: true }).click();
      await one.getByText("Kept studies").click();
      await one.getByRole("button", { name: "My study", exact: true }).click();
      await one.getByRole("button", { name: "Delete My study" }).click();
      await one.waitForFunction(() => !document.querySelector(".kept li"));
      for (const name of ["Study (TOML)", "Report (HTML)", "Table (CSV)", "Findings (JSON)"]) {
        const [file] = await Promise.all([one.waitForEvent("download"), one.getByRole("button", { name }).click()]);
        assert.ok(readFileSync(await file.path()).length > 100, name);
      }
    }));

  await step("validation runs, tells its progress, and is cancelled", () =>
    page({ ...desktop, locale: "zh-CN" }, async (one) => {
      await one.goto(`${address}#validate`);
      await one.getByRole("button", { name: "全部预测" }).click();
      await one.waitForSelector("progress");
      await one.getByRole("button", { name: "取消" }).click();
      await one.getByText("已取消").waitFor({ timeout: 60_000 });
      await accessible(one, "validate");
      await one.getByRole("button", { name: "全部预测" }).click();
      await one.waitForSelector(".scatter canvas", { timeout: 300_000 });
      await accessible(one, "validated");
      await picture(one, "validate-desktop-zh-light");
    }));

  console.log(`${passed} passed, 0 failed`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await chrome.close();
  server.kill("SIGINT");
  rmSync(studies, { recursive: true, force: true });
}
