// The main view: the question on one side, the answer on the other, which follows.

import { createEffect, createResource, createSignal, For, on, Show } from "solid-js";
import { api, type Choices, type Parallel, type Weighed } from "../api";
import { Controls } from "../controls";
import { t } from "../i18n";
import { pack, unpack } from "../link";
import { newest } from "../newest";
import { Problem, problem, save, Shown } from "../parts";
import { current, setCurrent } from "../current";
import { example, type Form, read, TRAFFIC, write } from "../study";
import { BreakEven } from "./breakeven";

/// Quiet time after a change, so that a moving slider asks for few answers.
const QUIET = 80;
/// Rest after a draft before the search.
const RESTED = 400;

/// The best set-ups of an answer, as a study names them: the search chooses how many of them, and their load.
function setups(of: Weighed): Record<string, string> {
  const split = (p: Parallel) => `TP${p.tp} PP${p.pp} DP${p.dp} EP${p.ep}`;
  const out: Record<string, string> = {};
  for (const { id, answer } of of.findings.systems) {
    const setup = answer.setup;
    if (!setup) continue;
    const pools = setup.prefill ? `prefill ${split(setup.prefill[1])} + decode ${split(setup.parallel)}` : `aggregated ${split(setup.parallel)}`;
    out[id] = `${pools} engine=${setup.engine}`;
  }
  return out;
}

export function Weigh(props: { choices: Choices; link: string }) {
  const begin = current() ?? write(example);
  const [form, setForm] = createSignal<Form | undefined>(read(begin));
  const [text, setText] = createSignal(begin);
  // The study that the answer on the screen is of.
  const [asked, setAsked] = createSignal("");
  const [asText, setAsText] = createSignal(read(begin) === undefined);
  const [answer, setAnswer] = createSignal<Weighed>();
  const [took, setTook] = createSignal(0);
  const [failure, setFailure] = createSignal<unknown>();

  let drafts = false;
  const open = (study: string) => {
    drafts = false;
    const found = read(study);
    setForm(found);
    setAsText(found === undefined);
    setText(study);
  };
  const change = (part: Partial<Form>) => {
    const old = form();
    if (!old) return;
    drafts = Object.keys(part).every((key) => TRAFFIC.has(key));
    const changed = { ...old, ...part };
    setForm(changed);
    setText(write(changed));
  };

  // A link restores its study; the page's own changes of the address are not read back.
  let own = "";
  createEffect(on(() => props.link, async (link) => {
    if (link === "" || link === own) return;
    const study = await unpack(link);
    if (study !== undefined) open(study);
  }));

  // Where only the traffic moves, the set-ups of before are weighed first, which follows a slider; the search goes on when
  // it rests.
  const draw = async (signal: AbortSignal) => {
    const [now, before] = [form(), answer()];
    if (!now || !before || !drafts) return false;
    const began = performance.now();
    try {
      const found = await api.weigh(write(now, setups(before)), signal);
      if (signal.aborted || !found.findings.systems.some((s) => s.answer.kind === "served")) return false;
      setAnswer({ ...found, draft: Math.round(performance.now() - began) });
      setFailure(undefined);
      return true;
    } catch {
      // The search itself tells what is wrong.
      return false;
    }
  };
  const search = async (study: string, signal: AbortSignal) => {
    if (await draw(signal)) await new Promise((rested) => setTimeout(rested, RESTED));
    if (signal.aborted) return;
    const began = performance.now();
    const found = await api.weigh(study, signal);
    setAsked(study);
    setAnswer(found);
    setFailure(undefined);
    setTook(Math.round(performance.now() - began));
    setCurrent(study);
    own = await pack(study);
    // Another view may be on the screen by now.
    if (!signal.aborted) history.replaceState(null, "", `#weigh/${own}`);
  };
  const busy = newest(text, QUIET, search, setFailure);

  return (
    <div class="two">
      <aside class="question" aria-label={t("question")}>
        <div class="switch" role="group">
          <button type="button" aria-pressed={!asText()} disabled={form() === undefined} onClick={() => setAsText(false)}>{t("asForm")}</button>
          <button type="button" aria-pressed={asText()} onClick={() => setAsText(true)}>{t("asText")}</button>
        </div>
        <Show when={!asText() && form()} fallback={
          <>
            <Show when={form() === undefined}><p class="note">{t("textOnly")}</p></Show>
            <textarea aria-label={t("text")} spellcheck={false} value={text()} onInput={(e) => {
              const typed = e.currentTarget.value;
              drafts = false;
              setForm(read(typed));
              setText(typed);
            }} />
          </>
        }>
          {(shown) => <Controls form={shown()} set={change} choices={props.choices} />}
        </Show>
        <Files text={text()} answer={answer()} keeps={props.choices.studies} open={open} title={form()?.title ?? ""} />
      </aside>
      <main aria-busy={busy()} aria-label={t("answer")}>
        <p class="status" role="status">
          <Show when={busy()} fallback={
            <Show when={answer() && !failure()}>{t("took", { weighed: answer()!.weighed, remembered: answer()!.remembered, ms: took() })}</Show>
          }>{answer()?.draft === undefined ? t("weighing") : t("draft", { ms: answer()!.draft! })}</Show>
        </p>
        <Problem error={failure()} />
        <Show when={answer()}>
          {(found) => <Answer found={found()} text={asked()} />}
        </Show>
      </main>
    </div>
  );
}

/// The report's sections, and among them what would have to change.
function Answer(props: { found: Weighed; text: string }) {
  const even = (<div><BreakEven findings={props.found.findings} text={props.text} /></div>) as HTMLElement;
  return <Shown page={props.found.page} after={(place) => place.querySelector("#cost")?.after(even)} />;
}

function Files(props: { text: string; answer: Weighed | undefined; keeps: boolean; open: (text: string) => void; title: string }) {
  const [said, say] = createSignal("");
  const [name, setName] = createSignal("");
  const [kept, { refetch }] = createResource(() => props.keeps, api.studies);
  const tried = (work: () => Promise<void>) => async () => {
    try {
      await work();
    } catch (error) {
      say(problem(error));
    }
  };
  const toml = (text: string) => new Blob([text], { type: "application/toml" });
  return (
    <div class="group files">
      <div class="buttons">
        <button type="button" onClick={tried(async () => { await navigator.clipboard.writeText(`${location.origin}/#weigh/${await pack(props.text)}`); say(t("copied")); })}>{t("link")}</button>
        <button type="button" onClick={() => save(toml(props.text), "study.toml")}>{t("study")}</button>
        <button type="button" onClick={tried(async () => save(await api.file("report", props.text), "report.html"))}>{t("report")}</button>
        <button type="button" onClick={tried(async () => save(await api.file("csv", props.text), "findings.csv"))}>{t("table")}</button>
        <button type="button" onClick={tried(async () => save(await api.file("parquet", props.text), "findings.parquet"))}>{t("parquet")}</button>
        <button type="button" disabled={!props.answer} onClick={() => save(new Blob([JSON.stringify(props.answer?.findings, null, 2)], { type: "application/json" }), "findings.json")}>{t("findings")}</button>
        <label class="button">
          {t("open")}
          <input type="file" accept=".toml,text/plain" onChange={tried(async () => {})} onInput={async (e) => { const file = e.currentTarget.files?.[0]; if (file) props.open(await file.text()); }} />
        </label>
      </div>
      <Show when={props.keeps} fallback={<p class="note">{t("keepNone")}</p>}>
        <form class="keep" onSubmit={(e) => { e.preventDefault(); const under = name().trim() || props.title; void tried(async () => { await api.keep(under, props.text); say(t("keptAs", { name: under })); await refetch(); })(); }}>
          <input type="text" maxlength="64" aria-label={t("keepAs")} placeholder={props.title || t("keepAs")} value={name()} onInput={(e) => setName(e.currentTarget.value)} />
          <button type="submit">{t("keep")}</button>
        </form>
        <Show when={(kept()?.length ?? 0) > 0}>
          <details>
            <summary>{t("kept")}</summary>
            <ul class="kept">
              <For each={kept()}>
                {(one) => (
                  <li>
                    <button type="button" onClick={tried(async () => props.open(await api.study(one)))}>{one}</button>
                    <button type="button" class="cross" aria-label={`${t("remove2")} ${one}`} onClick={tried(async () => { await api.remove(one); await refetch(); })}>×</button>
                  </li>
                )}
              </For>
            </ul>
          </details>
        </Show>
      </Show>
      <p class="said" role="status">{said()}</p>
    </div>
  );
}
