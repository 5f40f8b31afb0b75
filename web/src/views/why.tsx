// Why a system does what it does: its operators, its roofline, the facts behind it. Disputed ones can be moved.

import { createEffect, createMemo, createResource, createSignal, For, on, Show } from "solid-js";
import { api, type Choices, type Thing, type Weighed } from "../api";
import { current, setCurrent } from "../current";
import { t, told } from "../i18n";
import { Data, flat } from "../data";
import { pack, unpack } from "../link";
import { newest } from "../newest";
import { Problem, save, Shown } from "../parts";
import { between, figures } from "../quantity";
import { assume, assumed, example, write } from "../study";

/// Quiet time after a slider moved.
const QUIET = 80;

/// A fact with the path that answers name.
interface Known {
  path: string;
  fact: Thing["facts"][number];
  of: string;
}

export default function Why(props: { choices: Choices; link: string }) {
  const [text, setText] = createSignal(current() ?? write(example));
  const [system, setSystem] = createSignal("");
  const [answer, setAnswer] = createSignal<Weighed>();
  const [failure, setFailure] = createSignal<unknown>();
  let own = "";
  createEffect(on(() => props.link, async (link) => {
    if (link === own) return;
    const [id = "", packed = ""] = link.split("/");
    if (id !== "") setSystem(decodeURIComponent(id));
    const study = packed === "" ? undefined : await unpack(packed);
    if (study !== undefined) setText(study);
  }));
  const busy = newest(text, QUIET, async (study, signal) => {
    setAnswer(await api.weigh(study, signal));
    setFailure(undefined);
    setCurrent(study);
  }, setFailure);
  const systems = () => answer()?.findings.systems ?? [];
  const at = createMemo(() => Math.max(0, systems().findIndex((s) => s.id === system())));
  const chosen = createMemo(() => systems()[at()]);
  createEffect(on([chosen, text], async ([one, study]) => {
    if (!one) return;
    own = `${encodeURIComponent(one.id)}/${await pack(study)}`;
    if (location.hash.startsWith("#why")) history.replaceState(null, "", `#why/${own}`);
  }));
  // The report has a section on each system that serves, by rank; only the chosen one's is shown.
  const detail = createMemo(() => {
    const page = answer()?.page;
    if (!page) return "";
    const whole = document.createElement("template");
    whole.innerHTML = page;
    const one = whole.content.querySelector(`#sys-${at() + 1}`);
    one?.setAttribute("open", "");
    return one?.outerHTML ?? "";
  });
  const [things] = createResource(() => chosen()?.id, async (id): Promise<Known[]> => {
    const chip = props.choices.systems.find((s) => s.id === id)?.chip;
    const all = [...(await api.facts(id)), ...(chip ? await api.facts(chip) : [])];
    const known = new Map<string, Known>();
    for (const thing of all)
      for (const fact of thing.facts) {
        const path = `${thing.what}s/${thing.id}.${fact.path}`;
        known.set(path, { path, fact, of: thing.name });
      }
    return [...known.values()];
  });
  const used = createMemo(() => new Set((chosen()?.answer.facts ?? []).map((f) => f.path)));
  const MOVABLE = /\.(peak|memory|links?|scale|die)|tier\[\d+\]\.(bandwidth|latency)$/;
  const disputed = createMemo(() => (things() ?? []).filter((k) => k.fact.low !== null && used().has(k.path) && MOVABLE.test(k.path)));
  const set = (path: string, value: string | undefined) => setText(assume(text(), path, value));
  return (
    <div class="two">
      <aside class="question" aria-label={t("question")}>
        <label class="field"><span>{t("ofRank")}</span>
          <select onChange={(e) => setSystem(e.currentTarget.value)}>
            <For each={systems()}>{(s, i) => <option value={s.id} selected={i() === at()}>{s.name}</option>}</For>
          </select></label>
        <div class="group">
          <h2 class="small">{t("disputed")}</h2>
          <Show when={disputed().length > 0} fallback={<p class="note">{t("disputedNone")}</p>}>
            <For each={disputed()}>{(known) => <Disputed known={known} value={assumed(text())[known.path]} set={(value) => set(known.path, value)} />}</For>
          </Show>
        </div>
        <div class="group">
          <div class="buttons">
            <a class="button" href="#weigh">{t("weigh")}</a>
            <button type="button" onClick={() => void navigator.clipboard.writeText(`${location.origin}/#why/${own}`)}>{t("link")}</button>
            <button type="button" onClick={() => save(new Blob([text()], { type: "application/toml" }), "study.toml")}>{t("study")}</button>
            <button type="button" onClick={async () => save(await api.file("report", text()), "report.html")}>{t("report")}</button>
            <button type="button" disabled={!answer()} onClick={() => save(new Blob([JSON.stringify(chosen(), null, 2)], { type: "application/json" }), "system.json")}>{t("findings")}</button>
            <Data name="operators" lines={() => (chosen()?.answer.operators ?? []).map((one) => flat(one))} />
          </div>
        </div>
      </aside>
      <main aria-busy={busy()} aria-label={t("answer")}>
        <h1>{t("why")}<Show when={chosen()}>{(one) => <>: {one().name}</>}</Show></h1>
        <p class="note">{t("whyNote")}</p>
        <p class="status" role="status">{busy() ? t("weighing") : ""}</p>
        <Problem error={failure()} />
        <Show when={answer()}>
          <Show when={detail() !== ""} fallback={<p class="problem">{t("cannotServe")}</p>}><Shown page={detail()} /></Show>
        </Show>
        <Show when={(things()?.length ?? 0) > 0}>
          <section>
            <h2>{t("provenance")}</h2>
            <div class="scroll" tabindex="0"><table class="facts">
              <thead><tr><th>{t("fact")}</th><th>{t("value")}</th><th>{t("range")}</th><th>{t("kind")}</th><th>{t("source")}</th></tr></thead>
              <tbody><For each={(things() ?? []).filter((k) => used().has(k.path))}>{(k) => (
                <tr classList={{ disputed: k.fact.low !== null }}>
                  <td><code>{k.path}</code></td>
                  <td class="v">{assumed(text())[k.path] ? t("assumedMark", { value: assumed(text())[k.path]! }) : k.fact.value}</td>
                  <td>{k.fact.low === null ? "" : `${k.fact.low} – ${k.fact.high}`}</td>
                  <td>{assumed(text())[k.path] ? t("assumed") : told(k.fact.kind)}</td>
                  <td><Show when={/^https?:\/\//.test(k.fact.url)} fallback={k.fact.title}><a href={k.fact.url} target="_blank" rel="noreferrer noopener">{k.fact.title}</a></Show> <small>{k.fact.date}</small></td>
                </tr>
              )}</For></tbody>
            </table></div>
          </section>
        </Show>
      </main>
    </div>
  );
}

/// A range with the value that the study assumes, or that sources are taken for.
function Disputed(props: { known: Known; value: string | undefined; set: (value: string | undefined) => void }) {
  const { fact, path } = props.known;
  const [low, high] = [fact.low ?? fact.value, fact.high ?? fact.value];
  const id = `d-${path.replaceAll(/\W/g, "-")}`;
  const share = () => figures(low, high, props.value ?? fact.value);
  return (
    <div class="field slider disputed">
      <label for={id}><code>{fact.path}</code><small>{props.known.of}</small></label>
      <span class="entry">{props.value ?? fact.value}</span>
      <input id={id} type="range" min="0" max="100" value={share()} aria-valuetext={props.value ?? fact.value}
        onInput={(e) => props.set(between(low, high, e.currentTarget.valueAsNumber))} />
      <small class="ends"><span>{low}</span><span>{high}</span></small>
      <Show when={props.value !== undefined}>
        <small class="mark-assumed">{t("assumedMark", { value: props.value! })} <button type="button" class="release" aria-label={t("release", { path })} onClick={() => props.set(undefined)}>{t("asSources")}</button></small>
      </Show>
    </div>
  );
}
