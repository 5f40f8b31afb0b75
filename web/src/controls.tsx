// The question as a form.

import { createMemo, createSignal, For, type JSX, Show } from "solid-js";
import type { Choices, SystemChoice } from "./api";
import { t, told } from "./i18n";
import type { Candidate, Form, Spread } from "./study";

type Set = (part: Partial<Form>) => void;

/// Steps of a slider over a span that is felt in proportions: two significant digits.
function steps(low: number, high: number): number[] {
  const out: number[] = [];
  for (let decade = low; decade <= high; decade *= 10)
    for (const step of [1, 1.2, 1.5, 2, 2.5, 3, 3.6, 4, 5, 6, 8]) {
      const value = Number((decade * step).toPrecision(2));
      if (value <= high) out.push(value);
    }
  return out;
}

function Slider(props: { label: string; unit?: string; low: number; high: number; value: number; set: (v: number) => void }) {
  const id = `f-${Math.random().toString(36).slice(2, 8)}`;
  const marks = createMemo(() => steps(props.low, props.high));
  const nearest = () => {
    const all = marks();
    let best = 0;
    all.forEach((m, i) => {
      if (Math.abs(Math.log(m / props.value)) < Math.abs(Math.log((all[best] ?? 1) / props.value))) best = i;
    });
    return best;
  };
  return (
    <div class="field slider">
      <label for={id}>{props.label}</label>
      <span class="entry">
        <input id={id} type="number" min="0" step="any" value={props.value}
          onChange={(e) => e.currentTarget.valueAsNumber > 0 && props.set(e.currentTarget.valueAsNumber)} />
        <Show when={props.unit}><span class="unit">{props.unit}</span></Show>
      </span>
      <input type="range" aria-label={props.label} min="0" max={marks().length - 1} value={nearest()}
        aria-valuetext={`${props.value} ${props.unit ?? ""}`}
        onInput={(e) => props.set(marks()[e.currentTarget.valueAsNumber] ?? props.value)} />
    </div>
  );
}

function Choice(props: { label: string; value: string; options: [string, string][]; set: (v: string) => void }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <select onChange={(e) => props.set(e.currentTarget.value)}>
        <For each={props.options}>
          {([value, name]) => <option value={value} selected={value === props.value}>{name}</option>}
        </For>
      </select>
    </label>
  );
}

function Group(props: { children: JSX.Element }) {
  return <div class="group">{props.children}</div>;
}

export function Controls(props: { form: Form; set: Set; choices: Choices }) {
  const models = () => props.choices.models.map((m): [string, string] => [m.id, m.name]);
  const schemes = (): [string, string][] => [["as published", t("published")], ...props.choices.schemes.map((s): [string, string] => [s, s])];
  return (
    <>
      <Group>
        <Choice label={t("model")} value={props.form.model} options={models()} set={(model) => props.set({ model, title: titleOf(props.choices, model) })} />
        <Choice label={t("weights")} value={props.form.weights} options={schemes()} set={(weights) => props.set({ weights })} />
      </Group>
      <Group>
        <Slider label={t("input")} low={100} high={1_000_000} value={props.form.input} set={(v) => props.set({ input: Math.round(v) })} />
        <Choice label={t("inputSpread")} value={props.form.spread} options={[["fixed", t("fixed")], ["uniform", t("uniform")], ["lognormal", t("lognormal")]]}
          set={(v) => props.set({ spread: v as Spread })} />
        <Slider label={t("output")} low={10} high={100_000} value={props.form.output} set={(v) => props.set({ output: Math.round(v) })} />
        <div class="field slider">
          <label for="f-prefix">{t("prefix")}</label>
          <span class="entry">{props.form.prefix}<span class="unit">%</span></span>
          <input id="f-prefix" type="range" min="0" max="99" value={props.form.prefix}
            onInput={(e) => props.set({ prefix: e.currentTarget.valueAsNumber })} />
        </div>
        <Choice label={t("load")} value={props.form.load}
          options={[["search", t("loadSearch")], ["concurrency", t("loadConcurrency")], ["rate", t("loadRate")]]}
          set={(v) => props.set({ load: v as Form["load"] })} />
        <Show when={props.form.load !== "search"}>
          <Slider label={t("howMany")} low={1} high={100_000} value={props.form.many} set={(v) => props.set({ many: props.form.load === "rate" ? v : Math.max(1, Math.round(v)) })} />
        </Show>
      </Group>
      <Group>
        <Slider label={t("ttft")} unit="s" low={0.1} high={100} value={props.form.ttft} set={(ttft) => props.set({ ttft })} />
        <Slider label={t("tpot")} unit="ms" low={1} high={1000} value={props.form.tpot} set={(tpot) => props.set({ tpot })} />
        <Choice label={t("best")} value={props.form.best} options={props.choices.objectives.map((o): [string, string] => [o, told(o)])} set={(best) => props.set({ best })} />
        <Choice label={t("region")} value={props.form.region} options={props.choices.regions.map((r): [string, string] => [r, told(r)])} set={(region) => props.set({ region })} />
        <Choice label={t("basis")} value={props.form.basis} options={[["any", t("any")], ["rent", t("rent")], ["purchase", t("purchase")]]} set={(basis) => props.set({ basis })} />
      </Group>
      <Systems form={props.form} set={props.set} all={props.choices.systems} />
    </>
  );
}

function titleOf(choices: Choices, model: string): string {
  return choices.models.find((m) => m.id === model)?.name ?? model;
}

function Systems(props: { form: Form; set: Set; all: SystemChoice[] }) {
  const [filter, setFilter] = createSignal("");
  const chosen = (id: string) => props.form.systems.some((s) => s.name === id);
  const shown = createMemo(() => {
    const words = filter().toLowerCase().split(/\s+/).filter((w) => w !== "");
    const text = (s: SystemChoice) => `${s.name} ${s.chip ?? ""} ${s.vendor ?? ""} ${s.id}`.toLowerCase();
    return props.all.filter((s) => words.every((w) => text(s).includes(w)));
  });
  const change = (index: number, part: Partial<Candidate>) =>
    props.set({ systems: props.form.systems.map((s, i) => (i === index ? { ...s, ...part } : s)) });
  const toggle = (id: string) =>
    props.set({
      systems: chosen(id)
        ? props.form.systems.filter((s) => s.name !== id)
        : [...props.form.systems, { name: id, chips: "", price: "", surcharge: "" }],
    });
  const nameOf = (id: string) => props.all.find((s) => s.id === id)?.name ?? id;
  return (
    <fieldset class="group systems">
      <legend>{t("systems")} <small>{t("chosen", { count: props.form.systems.length })}</small></legend>
      <ul class="chosen">
        <For each={props.form.systems}>
          {(s, i) => (
            <li>
              <details>
                <summary>
                  <span>{nameOf(s.name)}</span>
                  <Show when={s.chips}><small>{t("chipCount", { count: s.chips })}</small></Show>
                </summary>
                <div class="own">
                  <label class="field"><span>{t("ownChips")}</span>
                    <input type="number" min="1" step="1" value={s.chips} placeholder={String(props.all.find((a) => a.id === s.name)?.chips ?? "")} onChange={(e) => change(i(), { chips: e.currentTarget.value })} /></label>
                  <label class="field"><span>{t("ownPrice")}</span>
                    <input type="text" value={s.price} placeholder={t("priceHint")} onChange={(e) => change(i(), { price: e.currentTarget.value })} /></label>
                  <label class="field"><span>{t("surcharge")}</span>
                    <input type="text" value={s.surcharge} placeholder="25 %" onChange={(e) => change(i(), { surcharge: e.currentTarget.value })} /></label>
                </div>
              </details>
              <button type="button" class="cross" aria-label={t("remove", { name: nameOf(s.name) })}
                onClick={() => props.set({ systems: props.form.systems.filter((_, j) => j !== i()) })}>×</button>
            </li>
          )}
        </For>
      </ul>
      <input type="search" aria-label={t("filter")} placeholder={t("filter")} value={filter()} onInput={(e) => setFilter(e.currentTarget.value)} />
      <ul class="all" tabindex="0" aria-label={t("systems")}>
        <For each={shown()}>
          {(s) => (
            <li>
              <label>
                <input type="checkbox" checked={chosen(s.id)} onChange={() => toggle(s.id)} />
                <span>{s.name}</span>
                <small>{s.chips === null ? t("lacks", { count: s.missing?.length ?? 0 }) : t("chipCount", { count: s.chips })}</small>
              </label>
            </li>
          )}
        </For>
      </ul>
    </fieldset>
  );
}
