// Predicted against measured, for everyone to see.

import { createEffect, createMemo, createSignal, For, onCleanup, Show } from "solid-js";
import { api, type Row, type Validation } from "../api";
import { flat, Share } from "../data";
import { lang, t, told, type Word } from "../i18n";
import { watched } from "../job";
import { Problem } from "../parts";

const GROUPS = ["chip", "engine", "class", "phase"] as const;
type Group = (typeof GROUPS)[number];

const per = (value: number | null) => (value === null ? "–" : `${Number((value * 100).toPrecision(2))} %`);

function median(values: number[], at: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] ?? null;
}

// The result stays while the page is open.
const [result, setResult] = createSignal<Validation>();

export default function Validate(props: { link: string }) {
  const [failure, setFailure] = createSignal<unknown>();
  const asked = new URLSearchParams(props.link);
  const [metric, setMetric] = createSignal(asked.get("metric") ?? "");
  const [group, setGroup] = createSignal<Group>(GROUPS.find((g) => g === asked.get("by")) ?? "chip");
  const [plain, setPlain] = createSignal(asked.get("rows") !== "all");
  createEffect(() => {
    const link = new URLSearchParams({ metric: metric(), by: group(), rows: plain() ? "plain" : "all" });
    history.replaceState(null, "", `#validate/${link}`);
  });
  const job = watched<Validation>(setResult, setFailure);
  const start = async () => {
    setFailure(undefined);
    await job.start(api.validate);
  };
  const metrics = createMemo(() => [...new Set((result()?.rows ?? []).map((r) => r.metric))].sort());
  const rows = createMemo(() =>
    (result()?.rows ?? []).filter((r) => r.predicted !== null && (!plain() || r.plain) && (metric() === "" || r.metric === metric())));
  const groups = createMemo(() => {
    const by = new Map<string, Row[]>();
    for (const row of rows()) {
      const key = row[group()] || "–";
      by.set(key, [...(by.get(key) ?? []), row]);
    }
    return [...by].map(([name, of]) => {
      const errors = of.map((r) => Math.abs(r.error ?? 0));
      const covered = of.filter((r) => r.low !== null && r.high !== null && r.low <= r.measured && r.measured <= r.high).length;
      return { name, count: of.length, median: median(errors, 0.5), p90: median(errors, 0.9), coverage: covered / of.length };
    }).sort((a, b) => b.count - a.count);
  });
  return (
    <main>
      <h1>{t("scatter")}</h1>
      <p class="note">{t("validateNote")}</p>
      <div class="buttons">
        <Show when={job.running() === undefined} fallback={<button type="button" onClick={() => void job.cancel()}>{t("cancel")}</button>}>
          <button type="button" class="main" onClick={() => void start()}>{t("start")}</button>
        </Show>
        <Show when={job.running() !== undefined}>
          <progress max={Math.max(1, job.progress().total)} value={job.progress().done} aria-label={t("validate")} />
          <span role="status">{t("progress", { ...job.progress() })}</span>
        </Show>
      </div>
      <Share name="validate" json={result} lines={() => rows().map((row) => flat(row))} />
      <Problem error={failure()} />
      <Show when={result()}>
        {(found) => (
          <>
            <section>
              <h2>{t("goals")}</h2>
              <div class="scroll" tabindex="0"><table>
                <thead><tr><th>{t("metric")}</th><th class="n">{t("count")}</th><th class="n">{t("refused")}</th><th class="n">{t("median")}</th><th class="n">{t("goal")}</th><th class="n">{t("p90")}</th><th class="n">{t("goal")}</th><th class="n">{t("coverage")}</th></tr></thead>
                <tbody><For each={found().goals}>{(g) => (
                  <tr><td>{g.what}</td><td class="n">{g.errors.count}</td><td class="n">{g.errors.refused}</td><td class="n">{per(g.errors.median)}</td><td class="n">{per(g.median)}</td><td class="n">{per(g.errors.p90)}</td><td class="n">{per(g.p90)}</td><td class="n">{per(g.errors.coverage)}</td></tr>
                )}</For></tbody>
              </table></div>
            </section>
            <section>
              <div class="picks">
                <label class="field"><span>{t("metric")}</span>
                  <select onChange={(e) => setMetric(e.currentTarget.value)}>
                    <option value="">{t("allMetrics")}</option>
                    <For each={metrics()}>{(m) => <option value={m}>{m}</option>}</For>
                  </select></label>
                <label class="field"><span>{t("colour")}</span>
                  <select onChange={(e) => setGroup(e.currentTarget.value as Group)}>
                    <For each={GROUPS}>{(g) => <option value={g} selected={g === group()}>{told(g as Word)}</option>}</For>
                  </select></label>
                <label class="check"><input type="checkbox" checked={plain()} onChange={(e) => setPlain(e.currentTarget.checked)} /> {t("plainOnly")}</label>
              </div>
              <p class="note">{t("whiskers")}</p>
              <Scatter rows={rows()} group={group()} />
              <h2>{t("byGroup")}</h2>
              <div class="scroll" tabindex="0"><table>
                <thead><tr><th>{told(group())}</th><th class="n">{t("count")}</th><th class="n">{t("median")}</th><th class="n">{t("p90")}</th><th class="n">{t("coverage")}</th></tr></thead>
                <tbody><For each={groups()}>{(g) => <tr><td>{g.name}</td><td class="n">{g.count}</td><td class="n">{per(g.median)}</td><td class="n">{per(g.p90)}</td><td class="n">{per(g.coverage)}</td></tr>}</For></tbody>
              </table></div>
            </section>
            <Show when={found().jobs.length > 0}>
              <section>
                <h2>{t("longJobs")}</h2>
                <p class="note">{t("longJobsNote")}</p>
                <div class="scroll" tabindex="0"><table>
                  <thead><tr><th>{t("job")}</th><th>{t("value")}</th><th class="n">{t("measuredAxis")}</th><th class="n">{t("predictedAxis")}</th><th>{t("inside")}</th></tr></thead>
                  <tbody><For each={found().jobs}>{(one) => (
                    <For each={one.seen ?? []} fallback={<tr><td>{one.title}</td><td colspan="4">{one.reason ?? "–"}</td></tr>}>{(seen, i) => (
                      <tr>
                        <td>{i() === 0 ? one.title : ""}</td>
                        <td>{told(seen.what)}</td>
                        <td class="n">{seen.at_least ? "> " : ""}{amount(seen.what, seen.value)}</td>
                        <td class="n">{amount(seen.what, seen.predicted.value)} <small>({amount(seen.what, seen.predicted.low)} – {amount(seen.what, seen.predicted.high)})</small></td>
                        <td>{t(seen.inside ? "yes" : "no")}</td>
                      </tr>
                    )}</For>
                  )}</For></tbody>
                </table></div>
              </section>
            </Show>
          </>
        )}
      </Show>
    </main>
  );
}

/// A count, hours between two of something, or a share.
function amount(what: string, value: number): string {
  if (what === "interruptions") return value < 99.5 ? value.toPrecision(3) : Math.round(value).toLocaleString("en-US");
  return what === "mean between" ? `${Number((value / 3600).toPrecision(3))} h` : `${(value * 100).toFixed(1)} %`;
}

/// The chart's library is large, so it is fetched when a chart is first shown.
function Scatter(props: { rows: Row[]; group: Group }) {
  let place!: HTMLDivElement;
  let chart: { setOption: (o: object, all: boolean) => void; resize: () => void; dispose: () => void } | undefined;
  const fit = () => chart?.resize();
  addEventListener("resize", fit);
  onCleanup(() => {
    removeEventListener("resize", fit);
    chart?.dispose();
  });
  createEffect(async () => {
    const [rows, group] = [props.rows, props.group];
    const axes = [t("measuredAxis"), t("predictedAxis")];
    lang();
    const { scatter } = await import("../scatter");
    const made = scatter(place, chart, rows.map((r) => ({ group: r[group] || "–", x: r.measured, y: r.predicted ?? 0, low: r.low, high: r.high, name: `${r.id} · ${r.metric}` })), axes);
    chart = made;
  });
  return <div class="scatter" ref={place} role="img" aria-label={t("scatter")} />;
}
