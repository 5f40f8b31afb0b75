// Studies that take longer: their text, a job with its progress, and the sections of its report. Runs stay while the page is
// open and can be looked at side by side.

import { createEffect, createMemo, createResource, createSignal, For, on, Show } from "solid-js";
import { api, type Ran } from "../api";
import { Data, flat, type Line } from "../data";
import { t, type Word } from "../i18n";
import { watched } from "../job";
import { pack, unpack } from "../link";
import { Problem, problem, save, Shown } from "../parts";

/// Runs that stay; the oldest goes.
const STAY = 6;

interface Done extends Ran {
  number: number;
  title: string;
  text: string;
}

/// The table of a result: what happens over time, systems, orders, or cases.
function rows(kind: string, findings: any): Line[] {
  const list = (value: unknown): Line[] => (Array.isArray(value) ? value.map((one) => flat(one)) : []);
  switch (kind) {
    case "replay": return list(findings.series);
    case "claims": return findings.flatMap((claim: any) => list(claim.cases).map((line) => ({ claim: claim.id, verdict: claim.verdict, ...line })));
    case "plan": {
      const name = (order: any) => ({ ...order, offer: findings.offers[order.offer]?.name ?? order.offer });
      return list(findings.answer.orders?.map(name) ?? findings.answer.binding);
    }
    default: return list(findings.systems);
  }
}

// Runs stay while other views are looked at.
const [all, setAll] = createSignal<Record<string, Done[]>>({});
let count = 0;

export default function Run(props: { kind: string; link: string }) {
  const [kinds] = createResource(api.kinds);
  const examples = () => kinds()?.find((k) => k.kind === props.kind)?.examples ?? [];
  const runs = createMemo(() => all()[props.kind] ?? []);
  const [text, setText] = createSignal("");
  const [failure, setFailure] = createSignal<unknown>();
  const [chosen, choose] = createSignal<number[]>([]);
  const [said, say] = createSignal("");
  let own = "";
  const shown = createMemo(() => runs().filter((r) => chosen().includes(r.number)));
  const newest = () => shown().at(-1);
  createEffect(on([() => props.link, examples], async ([link, begin]) => {
    if (link !== "" && link !== own) {
      const study = await unpack(link);
      if (study !== undefined) setText(study);
    } else if (text() === "" && begin[0]) setText(begin[0].text);
  }));
  choose(runs().slice(-1).map((r) => r.number));
  let asked = "";
  const job = watched<Ran>((ran) => {
    const title = /^\s*(?:title|says|claim)\s*=\s*["'](.+?)["']/m.exec(asked)?.[1] ?? t(props.kind as Word);
    const done: Done = { ...ran, number: ++count, title, text: asked };
    setAll({ ...all(), [props.kind]: [...runs(), done].slice(-STAY) });
    choose([done.number]);
  }, setFailure);
  const start = async () => {
    setFailure(undefined);
    say("");
    asked = text();
    own = await pack(asked);
    history.replaceState(null, "", `#${props.kind}/${own}`);
    await job.start(() => api.run(props.kind, asked));
  };
  const forget = (number: number) => {
    setAll({ ...all(), [props.kind]: runs().filter((r) => r.number !== number) });
    choose(chosen().filter((n) => n !== number));
  };
  const upload = async (file: File) => {
    const name = file.name.replaceAll(/[^\p{L}\p{N}_.-]/gu, "-").replace(/^\.+/, "").slice(-64);
    try {
      await api.trace(name, file);
      const line = `trace = ${JSON.stringify(name)}`;
      setText(/^\s*trace\s*=.*$/m.test(text()) ? text().replace(/^\s*trace\s*=.*$/m, line) : text().replace(/^\[traffic\]\s*$/m, `[traffic]\n${line}`));
      say(t("uploaded"));
    } catch (error) {
      say(problem(error));
    }
  };
  const blob = (content: string, type: string, ending: string) => save(new Blob([content], { type }), `${props.kind}.${ending}`);
  return (
    <div class="two">
      <aside class="question" aria-label={t("question")}>
        <div class="group">
          <Show when={examples().length > 0}>
            <label class="field"><span>{t("example")}</span>
              <select onChange={(e) => { const one = examples().find((x) => x.name === e.currentTarget.value); if (one) setText(one.text); }}>
                <For each={examples()}>{(one) => <option value={one.name}>{one.name}</option>}</For>
              </select></label>
          </Show>
          <textarea aria-label={t("text")} spellcheck={false} value={text()} onInput={(e) => setText(e.currentTarget.value)} />
          <div class="buttons">
            <Show when={job.running() === undefined} fallback={<button type="button" onClick={() => void job.cancel()}>{t("cancel")}</button>}>
              <button type="button" class="main" disabled={text().trim() === ""} onClick={() => void start()}>{t("run")}</button>
            </Show>
            <button type="button" onClick={async () => { await navigator.clipboard.writeText(`${location.origin}/#${props.kind}/${await pack(text())}`); say(t("copied")); }}>{t("link")}</button>
            <button type="button" onClick={() => blob(text(), "application/toml", "toml")}>{t("study")}</button>
            <button type="button" disabled={!newest()} onClick={() => blob(newest()!.report, "text/html", "html")}>{t("report")}</button>
            <button type="button" disabled={!newest()} onClick={() => blob(JSON.stringify(newest()!.findings, null, 2), "application/json", "json")}>{t("findings")}</button>
            <Data name={props.kind} lines={() => (newest() ? rows(props.kind, newest()!.findings) : [])} />
            <label class="button">{t("open")}<input type="file" accept=".toml,text/plain" onInput={async (e) => { const file = e.currentTarget.files?.[0]; if (file) setText(await file.text()); }} /></label>
            <Show when={props.kind === "replay"}>
              <label class="button">{t("uploadTrace")}<input type="file" accept=".csv,.jsonl,.json,.gz" onInput={async (e) => { const file = e.currentTarget.files?.[0]; if (file) await upload(file); }} /></label>
            </Show>
          </div>
          <p class="said" role="status">{said()}</p>
        </div>
      </aside>
      <main aria-busy={job.running() !== undefined} aria-label={t("answer")}>
        <h1>{t(props.kind as Word)}</h1>
        <Show when={job.running() !== undefined}>
          <p class="status" role="status">
            <Show when={job.progress().total > 0} fallback={<><progress aria-label={t("running")} /> {t("steps", { done: job.progress().done })}</>}>
              <progress max={job.progress().total} value={job.progress().done} aria-label={t("running")} /> {Math.round((100 * job.progress().done) / job.progress().total)} %
            </Show>
          </p>
        </Show>
        <Problem error={failure()} />
        <Show when={runs().length > 1}>
          <fieldset class="ticks"><legend>{t("runs")}</legend>
            <For each={runs()}>{(run) => (
              <span class="run">
                <label class="check"><input type="checkbox" checked={chosen().includes(run.number)}
                  onChange={(e) => choose(e.currentTarget.checked ? [...chosen(), run.number] : chosen().filter((n) => n !== run.number))} /> {run.number}. {run.title}</label>
                <button type="button" class="cross" aria-label={t("forget", { name: `${run.number}. ${run.title}` })} onClick={() => forget(run.number)}>×</button>
              </span>
            )}</For>
          </fieldset>
        </Show>
        <div class="beside" classList={{ many: shown().length > 1 }} tabindex={shown().length > 1 ? 0 : undefined} role={shown().length > 1 ? "group" : undefined} aria-label={shown().length > 1 ? t("sideBySide") : undefined}>
          <For each={shown()}>{(run) => (
            <div class="one">
              <Show when={shown().length > 1}><h2>{run.number}. {run.title}</h2></Show>
              <Shown page={run.page} apart={shown().length > 1 ? `run-${run.number}-` : ""} />
            </div>
          )}</For>
        </div>
      </main>
    </div>
  );
}
