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
            await one.goto(`${address}#why/huawei_cloudmatrix384`);
            await one.waitForSelector(".report details[open] table", { timeout: 60_000 });
            await one.waitForSelector(".field.disputed input");
            await settled(one);
            await accessible(one, `why ${lang} ${colorScheme}`);
            assert.equal(await one.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "too wide");
            await picture(one, `why-${size}-${lang}-${colorScheme}`);
            for (const system of ["huawei_cloudmatrix384", "google_ironwood_64"]) {
              await one.goto("about:blank");
              await one.goto(`${address}#fabric/system=${system}`);
              await one.waitForSelector(".fabric svg .spot", { timeout: 60_000 });
              await settled(one);
              await accessible(one, `fabric ${lang} ${colorScheme}`);
              assert.equal(await one.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "too wide");
              await picture(one, `fabric-${system}-${size}-${lang}-${colorScheme}`);
            }
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
      for (const name of ["Study (TOML)", "Report (HTML)", "Data (CSV)", "Data (Parquet)", "Data (JSON)"]) {
        const [file] = await Promise.all([one.waitForEvent("download"), one.getByRole("button", { name }).click()]);
        assert.ok(readFileSync(await file.path()).length > 100, name);
      }
    }));

  await step("every view gives its data away, and views without a study themselves", () =>
    page({ ...desktop, locale: "en-US" }, async (one) => {
      const starts = { "Data (CSV)": /^[a-z_]+,/, "Data (Parquet)": /^PAR1/, "Data (JSON)": /^[{[]/, "Report (HTML)": /^<!doctype html>/i };
      for (const [view, names] of [["fabric", Object.keys(starts)], ["facts", Object.keys(starts)], ["why", Object.keys(starts)]]) {
        await one.goto("about:blank");
        await one.goto(`${address}#${view}`);
        await one.waitForFunction(() => [...document.querySelectorAll("button")].some((b) => b.textContent === "Data (CSV)" && !b.disabled), null, { timeout: 60_000 });
        for (const name of names) {
          const [file] = await Promise.all([one.waitForEvent("download"), one.getByRole("button", { name }).click()]);
          assert.match(readFileSync(await file.path(), "latin1"), starts[name], `${view}: ${name}`);
        }
      }
    }));

  await step("the points where two systems are level are sought", () =>
    page({ ...desktop, locale: "en-US" }, async (one) => {
      await one.goto(address);
      await answered(one);
      await settled(one);
      await one.getByRole("button", { name: "Find the points" }).click();
      await one.waitForSelector(".even li", { timeout: 120_000 });
      assert.equal(await one.locator(".even li").count(), 4);
      assert.match(await one.textContent(".even"), /from .* to /);
      await accessible(one, "break-even");
      await one.locator("#break-even").scrollIntoViewIfNeeded();
      if (pictures) await one.locator("#break-even").screenshot({ path: join(pictures, "break-even.png") });
    }));

  await step("a disputed fact is moved, told as assumed, and restored by a link", () =>
    page({ ...desktop, locale: "en-US" }, async (one) => {
      await one.goto(`${address}#why/huawei_cloudmatrix384`);
      const slider = one.locator(".field.disputed input").first();
      await slider.waitFor({ timeout: 60_000 });
      await settled(one);
      await slider.focus();
      await one.keyboard.press("Home");
      await one.locator(".mark-assumed").waitFor();
      await settled(one);
      await one.waitForFunction(() => /#why\/huawei_cloudmatrix384\/.+/.test(location.href));
      await picture(one, "why-assumed");
      const value = await one.locator(".mark-assumed").textContent();
      await one.waitForTimeout(200);
      const link = one.url();
      await one.goto("about:blank");
      await one.goto(link);
      await one.locator(".mark-assumed").waitFor({ timeout: 60_000 });
      assert.equal(await one.locator(".mark-assumed").textContent(), value);
      const [file] = await Promise.all([one.waitForEvent("download"), one.getByRole("button", { name: "Study (TOML)" }).click()]);
      assert.match(readFileSync(await file.path(), "utf8"), /\[assume\]\n"/);
      await one.locator(".mark-assumed button").click();
      await one.waitForFunction(() => !document.querySelector(".mark-assumed"));
      await settled(one);
    }));

  await step("a link and a chip of a fabric are broken and mended", () =>
    page({ ...desktop, locale: "en-US" }, async (one) => {
      await one.goto(`${address}#fabric/system=google_ironwood_64`);
      await one.waitForSelector(".fabric svg .wire", { state: "attached", timeout: 60_000 }); // a straight line has no height
      await settled(one);
      await one.locator(".fabric .wire .hit").nth(3).dispatchEvent("click");
      await one.waitForFunction(() => document.querySelectorAll(".tile").length > 1, null, { timeout: 60_000 });
      await one.locator(".fabric .spot").nth(5).focus();
      await one.keyboard.press("Enter");
      await one.waitForFunction(() => document.querySelectorAll(".question .kept li").length === 2);
      await settled(one);
      assert.equal(await one.locator(".spot.broken").count() > 0, true);
      await picture(one, "fabric-broken");
      await one.getByRole("button", { name: "Mend all" }).click();
      await one.waitForFunction(() => document.querySelectorAll(".tile").length === 1, null, { timeout: 60_000 });
      await settled(one);
    }));

  await step("replays run, are cancelled, and stand side by side; a trace is uploaded", () =>
    page({ ...desktop, locale: "en-US" }, async (one) => {
      await one.goto(`${address}#replay`);
      const text = one.locator("textarea");
      await one.waitForFunction(() => document.querySelector("textarea")?.value.includes("trace"));
      await one.locator('input[type=file][accept*=".csv"]').setInputFiles({
        name: "my trace.csv", mimeType: "text/csv",
        buffer: Buffer.from("arrival_s,input_tokens,output_tokens\n" + Array.from({ length: 200 }, (_, i) => `${i / 5},${100 + i},${20 + (i % 30)}`).join("\n") + "\n"),
      });
      await one.waitForFunction(() => document.querySelector("textarea")?.value.includes("my-trace.csv"));
      for (const replicas of [1, 2]) {
        await text.fill((await text.inputValue()).replace(/replicas = \d+/, `replicas = ${replicas}`));
        await one.getByRole("button", { name: "Run", exact: true }).click();
        await settled(one);
        await one.waitForSelector(".report section", { timeout: 120_000 });
      }
      await one.locator(".ticks input").first().check();
      await one.waitForFunction(() => document.querySelectorAll(".beside .report").length === 2);
      await accessible(one, "replays side by side");
      await picture(one, "replay-side-by-side");
    }));

  for (const kind of ["goodput", "claims", "plan", "train"]) {
    await step(`a study of ${kind} runs and is cancelled`, () =>
      page({ ...desktop, locale: kind === "plan" ? "zh-CN" : "en-US" }, async (one) => {
        const word = kind === "plan" ? { run: "运行", cancel: "取消", cancelled: "已取消" } : { run: "Run", cancel: "Cancel", cancelled: "Cancelled" };
        await one.goto(`${address}#${kind}`);
        await one.waitForFunction(() => (document.querySelector("textarea")?.value.length ?? 0) > 50);
        await one.getByRole("button", { name: word.run, exact: true }).click();
        if (kind === "train" || kind === "plan") {
          await one.getByRole("button", { name: word.cancel, exact: true }).click();
          await one.getByText(word.cancelled).waitFor({ timeout: 60_000 });
          await one.getByRole("button", { name: word.run, exact: true }).click();
        }
        await one.waitForSelector(".report section", { timeout: 280_000 });
        await settled(one);
        await accessible(one, kind);
        await picture(one, `${kind}-desktop`);
        await one.setViewportSize(phone.viewport);
        assert.equal(await one.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "too wide");
        await picture(one, `${kind}-phone`);
      }));
  }

  await step("kept studies are compared side by side", () =>
    page({ ...desktop, locale: "en-US" }, async (one) => {
      await one.goto(address);
      await answered(one);
      await settled(one);
      for (const name of ["Before", "After"]) {
        await one.getByLabel("Name to keep it under").fill(name);
        await one.getByRole("button", { name: "Keep", exact: true }).click();
        await one.getByText(`Kept as ${name}`).waitFor();
      }
      await one.goto(`${address}#compare/Before`);
      await one.getByLabel("After").check();
      await one.waitForFunction(() => document.querySelectorAll(".compare thead th").length === 3, null, { timeout: 60_000 });
      await settled(one);
      await accessible(one, "compare");
      await picture(one, "compare");
    }));

  await step("by keyboard alone: skip, choose a view, move a slider", () =>
    page({ ...desktop, locale: "en-US" }, async (one) => {
      await one.goto(address);
      await answered(one);
      await settled(one);
      await one.keyboard.press("Tab");
      assert.equal(await one.evaluate(() => document.activeElement?.className), "skip");
      await one.keyboard.press("Enter");
      assert.equal(await one.evaluate(() => document.activeElement?.tagName), "MAIN");
      // Everything that can be reached shows that it is.
      await one.evaluate(() => document.body.focus());
      const seen = [];
      for (let i = 0; i < 60; i++) {
        await one.keyboard.press("Tab");
        seen.push(await one.evaluate(() => {
          const at = document.activeElement;
          if (!at || at === document.body) return "";
          const style = getComputedStyle(at);
          const box = at.getBoundingClientRect();
          const shows = style.outlineStyle !== "none" || at.matches(".button input");
          return shows || box.width === 0 ? at.tagName : `hidden focus: ${at.outerHTML.slice(0, 80)}`;
        }));
      }
      assert.deepEqual(seen.filter((s) => s.startsWith("hidden focus")), []);
      await one.locator(".views a[href='#facts']").focus();
      await one.keyboard.press("Enter");
      await one.waitForSelector("table.facts");
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

  await step("an interrupt ends the server at once, whatever runs", async () => {
    const body = '{"busy":1}';
    assert.equal((await fetch(`${address}api/v1/validate`, { method: "POST", body })).status, 202);
    const ended = new Promise((end) => server.once("exit", (code, signal) => end({ code, signal })));
    server.kill("SIGINT");
    const late = new Promise((end) => setTimeout(() => end("still running"), 5_000));
    assert.deepEqual(await Promise.race([ended, late]), { code: 0, signal: null });
  });

  console.log(`${passed} passed, 0 failed`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await chrome.close();
  server.kill("SIGINT");
  rmSync(studies, { recursive: true, force: true });
}
