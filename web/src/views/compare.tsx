// Kept studies side by side.

import { createEffect, createMemo, createResource, createSignal, For, on, Show } from "solid-js";
import { api, type Choices, type Finding, type Weighed } from "../api";
import { type Line, Share } from "../data";
import { t } from "../i18n";
import { Problem } from "../parts";

interface Column {
  name: string;
  found: Weighed;
}

const digits = (value: number) => (value >= 1000 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3));

/// Most columns: more do not fit on a screen.
const MOST = 6;

export default function Compare(props: { choices: Choices; link: string }) {
  const [kept] = createResource(() => props.choices.studies, api.studies);
  const [chosen, choose] = createSignal<string[]>(props.link.split("/").filter((n) => n !== "").map(decodeURIComponent));
  const [columns, setColumns] = createSignal<Column[]>([]);
  const [failure, setFailure] = createSignal<unknown>();
  const [busy, setBusy] = createSignal(false);
  const known = new Map<string, Weighed>();
  createEffect(on(chosen, async (names) => {
    history.replaceState(null, "", `#compare/${names.map(encodeURIComponent).join("/")}`);
    setBusy(true);
    setFailure(undefined);
    try {
      for (const name of names) {
        if (!known.has(name)) known.set(name, await api.weigh(await api.study(name), new AbortController().signal));
      }
      if (chosen() === names) setColumns(names.map((name) => ({ name, found: known.get(name)! })));
    } catch (error) {
      setFailure(error);
    }
    setBusy(false);
  }));
  const systems = createMemo(() => {
    const names = new Map<string, string>();
    for (const column of columns()) for (const s of column.found.findings.systems) names.set(s.id, s.name);
    return [...names];
  });
  const cell = (column: Column, id: string) => column.found.findings.systems.find((s) => s.id === id);
  const lines = (): Line[] => columns().flatMap(({ name: study, found }) => found.findings.systems.map((s, i) => ({
    study, rank: i + 1, id: s.id, system: s.name, chips: s.chips, answer: s.answer.kind, tokens_per_s_per_chip: s.answer.tokens_per_chip?.value,
    usd_per_million: s.answer.cost?.per_million.value, ttft_mean_s: s.answer.ttft?.mean.value, tpot_mean_s: s.answer.tpot?.mean.value,
  })));
  const whole = () => (columns().length > 0 ? Object.fromEntries(columns().map((c) => [c.name, c.found.findings])) : undefined);
  return (
    <main aria-busy={busy()}>
      <h1>{t("compare")}</h1>
      <p class="note">{t("compareNote")}</p>
      <Show when={props.choices.studies} fallback={<p class="note">{t("keepNone")}</p>}>
        <Show when={(kept()?.length ?? 0) > 0} fallback={<p class="note">{t("compareNone")}</p>}>
          <fieldset class="ticks"><legend>{t("kept")}</legend>
            <For each={kept()}>{(name) => (
              <label class="check"><input type="checkbox" checked={chosen().includes(name)} disabled={!chosen().includes(name) && chosen().length >= MOST}
                onChange={(e) => choose(e.currentTarget.checked ? [...chosen(), name] : chosen().filter((n) => n !== name))} /> {name}</label>
            )}</For>
          </fieldset>
        </Show>
      </Show>
      <Problem error={failure()} />
      <Show when={columns().length > 0}>
        <div class="scroll" tabindex="0"><table class="compare">
          <thead><tr><th>{t("systems")}</th><For each={columns()}>{(c) => <th>{c.name}</th>}</For></tr></thead>
          <tbody><For each={systems()}>{([id, name]) => (
            <tr><th scope="row">{name}</th><For each={columns()}>{(c) => <td><Figures of={cell(c, id)} rank={c.found.findings.systems.findIndex((s) => s.id === id)} /></td>}</For></tr>
          )}</For></tbody>
        </table></div>
      </Show>
      <Share name="compare" json={whole} lines={lines} />
    </main>
  );
}

function Figures(props: { of: Finding | undefined; rank: number }) {
  const served = () => props.of?.answer.kind === "served" && props.of.answer.tokens_per_chip !== undefined;
  return (
    <Show when={served()} fallback={<span class="soft">–</span>}>
      <b>{props.rank + 1}.</b> {digits(props.of!.answer.tokens_per_chip!.value)} tokens/s · {props.of!.chips}
      <br />
      <small>
        <Show when={props.of!.answer.cost}>{(cost) => <>{digits(cost().per_million.value)} USD/M · </>}</Show>
        TTFT {digits(props.of!.answer.ttft!.mean.value)} s · TPOT {digits(props.of!.answer.tpot!.mean.value * 1e3)} ms
      </small>
    </Show>
  );
}
