// Studies that take longer: their text, a job with its progress, and the sections of its report.

import { createEffect, createResource, createSignal, For, on, onCleanup, Show } from "solid-js";
import { api, type Ran, Refused } from "../api";
import { t, type Word } from "../i18n";
import { pack, unpack } from "../link";
import { Problem, problem, save, Shown } from "../parts";

/// Time between two looks at a running job.
const LOOK = 300;

export default function Run(props: { kind: string; link: string }) {
  const [kinds] = createResource(api.kinds);
  const examples = () => kinds()?.find((k) => k.kind === props.kind)?.examples ?? [];
  const [text, setText] = createSignal("");
  const [job, setJob] = createSignal<number>();
  const [progress, setProgress] = createSignal({ done: 0, total: 0 });
  const [failure, setFailure] = createSignal<unknown>();
  const [ran, setRan] = createSignal<Ran>();
  const [said, say] = createSignal("");
  let own = "";
  createEffect(on([() => props.link, examples], async ([link, begin]) => {
    if (link !== "" && link !== own) {
      const study = await unpack(link);
      if (study !== undefined) setText(study);
    } else if (text() === "" && begin[0]) setText(begin[0].text);
  }));
  let timer: number | undefined;
  const watch = async (id: number) => {
    try {
      const told = await api.job<Ran>(id);
      setProgress({ done: told.done, total: told.total });
      if (told.state === "running") {
        timer = setTimeout(() => void watch(id), LOOK);
        return;
      }
      if (told.result) setRan(told.result);
      else setFailure(told.state === "cancelled" ? new Error(t("cancelled")) : new Refused(told.error?.code ?? "", told.error?.message ?? "", told.error?.faults ?? []));
    } catch (error) {
      setFailure(error);
    }
    setJob(undefined);
  };
  const start = async () => {
    setFailure(undefined);
    setProgress({ done: 0, total: 0 });
    try {
      own = await pack(text());
      history.replaceState(null, "", `#${props.kind}/${own}`);
      const id = await api.run(props.kind, text());
      setJob(id);
      await watch(id);
    } catch (error) {
      setFailure(error);
    }
  };
  onCleanup(() => {
    clearTimeout(timer);
    const id = job();
    if (id !== undefined) void api.cancel(id).catch(() => {});
  });
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
            <Show when={job() === undefined} fallback={<button type="button" onClick={() => void api.cancel(job()!).catch((e) => say(problem(e)))}>{t("cancel")}</button>}>
              <button type="button" class="main" disabled={text().trim() === ""} onClick={() => void start()}>{t("run")}</button>
            </Show>
            <button type="button" onClick={() => void navigator.clipboard.writeText(`${location.origin}/#${props.kind}/${own}`).then(() => say(t("copied")))} disabled={!ran()}>{t("link")}</button>
            <button type="button" onClick={() => save(new Blob([text()], { type: "application/toml" }), `${props.kind}.toml`)}>{t("study")}</button>
            <button type="button" disabled={!ran()} onClick={() => save(new Blob([ran()!.report], { type: "text/html" }), `${props.kind}.html`)}>{t("report")}</button>
            <button type="button" disabled={!ran()} onClick={() => save(new Blob([JSON.stringify(ran()!.findings, null, 2)], { type: "application/json" }), `${props.kind}.json`)}>{t("findings")}</button>
            <label class="button">{t("open")}<input type="file" accept=".toml,text/plain" onInput={async (e) => { const file = e.currentTarget.files?.[0]; if (file) setText(await file.text()); }} /></label>
          </div>
          <p class="said" role="status">{said()}</p>
        </div>
      </aside>
      <main aria-busy={job() !== undefined} aria-label={t("answer")}>
        <h1>{t(props.kind as Word)}</h1>
        <Show when={job() !== undefined}>
          <p class="status" role="status">
            <Show when={progress().total > 0} fallback={<>{t("running")} {t("steps", { done: progress().done })}</>}>
              <progress max={progress().total} value={progress().done} aria-label={t("running")} /> {t("progress", progress())}
            </Show>
          </p>
        </Show>
        <Problem error={failure()} />
        <Show when={ran()}>{(found) => <Shown page={found().page} />}</Show>
      </main>
    </div>
  );
}
