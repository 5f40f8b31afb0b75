// What would have to change for one system to come level with another. The server moves one thing at a time and weighs again.

import { createEffect, createMemo, createSignal, For, on, Show } from "solid-js";
import { api, type BreakEven as Found, type Moved, type Weighed } from "../api";
import { t, type Word } from "../i18n";
import { watched } from "../job";
import { Problem } from "../parts";

const digits = (value: number) => (value >= 1000 ? Math.round(value).toLocaleString("en-US") : Number(value.toPrecision(3)).toString());

/// A lever's value with its unit.
function shown(lever: Moved["lever"], value: number): string {
  switch (lever) {
    case "price": return `${digits(value)} USD`;
    case "surcharge": return `${digits(value * 100)} %`;
    case "bandwidth": return `${digits(value / 1e12)} TB/s`;
    case "context": return `${digits(value)} tokens`;
  }
}

const NAMES: Record<Moved["lever"], Word> = { price: "leverPrice", surcharge: "leverSurcharge", bandwidth: "leverBandwidth", context: "leverContext" };

export function BreakEven(props: { findings: Weighed["findings"]; text: string }) {
  const served = createMemo(() => props.findings.systems.filter((s) => s.answer.kind === "served"));
  const [challenger, setChallenger] = createSignal("");
  const [against, setAgainst] = createSignal("");
  const [found, setFound] = createSignal<Found>();
  const [failure, setFailure] = createSignal<unknown>();
  const job = watched<Found>(setFound, setFailure);
  // The best one is to be beaten, by the next.
  createEffect(on(served, (all) => {
    const there = (id: string) => all.some((s) => s.id === id);
    if (!there(against())) setAgainst(all[0]?.id ?? "");
    if (!there(challenger()) || challenger() === against()) setChallenger(all.find((s) => s.id !== against())?.id ?? "");
    setFound(undefined);
    setFailure(undefined);
  }));
  const pick = (label: Word, value: () => string, set: (id: string) => void) => (
    <label class="field"><span>{t(label)}</span>
      <select onChange={(e) => { set(e.currentTarget.value); setFound(undefined); }}>
        <For each={served()}>{(s) => <option value={s.id} selected={s.id === value()}>{s.name}</option>}</For>
      </select></label>
  );
  const figure = (value: number) => (found()?.measure === "cost" ? `${digits(value)} USD/M` : `${digits(value)} tokens/s`);
  return (
    <Show when={served().length > 1}>
      <section id="break-even">
        <h2>{t("breakEven")}</h2>
        <p class="note">{t("breakEvenNote")}</p>
        <div class="picks">
          {pick("challenger", challenger, setChallenger)}
          {pick("against", against, setAgainst)}
          <div class="buttons">
            <Show when={job.running() === undefined} fallback={<button type="button" onClick={() => void job.cancel()}>{t("cancel")}</button>}>
              <button type="button" class="main" disabled={challenger() === against()}
                onClick={() => { setFailure(undefined); setFound(undefined); void job.start(() => api.breakEven(props.text, challenger(), against())); }}>{t("seek")}</button>
            </Show>
          </div>
        </div>
        <p class="status" role="status">
          <Show when={job.running() !== undefined}>
            <progress max={Math.max(1, job.progress().total)} value={job.progress().done} aria-label={t("seeking")} /> {t("seeking")}
          </Show>
        </p>
        <Problem error={failure()} />
        <Show when={found()}>
          {(told) => (
            <>
              <p>{t(told().ahead ? "aheadNow" : "behindNow", { challenger: told().challenger, a: figure(told().now[0]), b: figure(told().now[1]) })}</p>
              <ul class="even">
                <For each={told().levers}>
                  {(moved) => (
                    <li>
                      <span class="name">{t(NAMES[moved.lever])}</span>
                      <Show when={moved.level !== null} fallback={<span>{t("nowhere", { furthest: shown(moved.lever, moved.furthest), now: shown(moved.lever, moved.now) })}</span>}>
                        <span>{t("fromTo", { now: shown(moved.lever, moved.now), level: shown(moved.lever, moved.level!) })}</span>
                        <span class="change">{moved.lever === "surcharge" ? "" : `${moved.level! < moved.now ? "−" : "+"}${digits(Math.abs(moved.level! / moved.now - 1) * 100)} %`}</span>
                      </Show>
                    </li>
                  )}
                </For>
              </ul>
            </>
          )}
        </Show>
      </section>
    </Show>
  );
}
