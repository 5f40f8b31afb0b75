// A fabric on a sheet: how full its links are under a collective, and what is left of it when parts break.

import { createEffect, createMemo, createSignal, For, on, Show } from "solid-js";
import { api, type Choices, type FabricAnswer, type Line, type Spot } from "../api";
import { t, told, type Word } from "../i18n";
import { type Line as Row, Share } from "../data";
import { newest } from "../newest";
import { Problem } from "../parts";

const OPERATIONS = ["all-reduce", "all-gather", "reduce-scatter", "all-to-all", "dispatch", "combine", "broadcast", "send"];
const ALGORITHMS = ["auto", "ring", "tree", "halving-doubling", "direct", "hierarchical", "in-network"];
/// Powers of two of bytes.
const SIZES = { low: 10, high: 33 };
const QUIET = 120;

const bytes = (power: number) => {
  const units = ["B", "KiB", "MiB", "GiB"];
  const unit = Math.floor(power / 10);
  return `${2 ** (power - 10 * unit)}${units[unit]}`;
};

function duration(seconds: number): string {
  const units: [number, string][] = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
  const [factor, unit] = units.find(([f]) => seconds >= f) ?? [1e-9, "ns"];
  return `${Number((seconds / factor).toPrecision(3))} ${unit}`;
}

interface Asked {
  system: string;
  op: string;
  power: number;
  ranks: string;
  placement: string;
  algorithm: string;
  faults: string[];
}

const first: Asked = { system: "huawei_cloudmatrix384", op: "all-reduce", power: 26, ranks: "", placement: "packed", algorithm: "auto", faults: [] };

/// A spot as faults name it: a chip's number (of several, the first's), or a switch.
const named = (s: Spot) => (s.kind === "switch" ? s.name.replaceAll(" ", ".") : (/from (\d+)/.exec(s.name) ?? /(\d+)/.exec(s.name))?.[1] ?? s.name);
const faultOf = (s: Spot) => (s.kind === "switch" ? `switch=${named(s)}` : `chip=${named(s)}`);

/// From and to a link.
const parse = (link: string): Asked => {
  const query = new URLSearchParams(link);
  const get = (name: string, otherwise: string) => query.get(name) ?? otherwise;
  const power = Number(get("power", String(first.power)));
  return {
    system: get("system", first.system),
    op: get("op", first.op),
    power: power >= SIZES.low && power <= SIZES.high ? power : first.power,
    ranks: get("ranks", ""),
    placement: get("placement", first.placement),
    algorithm: get("algorithm", first.algorithm),
    faults: get("faults", "").split(",").filter((f) => f !== ""),
  };
};
const write = (asked: Asked) => new URLSearchParams({ ...asked, power: String(asked.power), faults: asked.faults.join(",") }).toString();

export default function Fabric(props: { choices: Choices; link: string }) {
  const [asked, setAsked] = createSignal<Asked>(parse(props.link));
  const [answer, setAnswer] = createSignal<FabricAnswer>();
  const [failure, setFailure] = createSignal<unknown>();
  const set = (part: Partial<Asked>) => setAsked({ ...asked(), ...part });
  let own = "";
  createEffect(on(() => props.link, (link) => {
    if (link !== "" && link !== own) setAsked(parse(link));
  }, { defer: true }));
  const busy = newest(asked, QUIET, async (now, signal) => {
    const query: Record<string, string> = { system: now.system, op: now.op, bytes: bytes(now.power), placement: now.placement, algorithm: now.algorithm };
    if (now.ranks !== "") query["ranks"] = now.ranks;
    if (now.faults.length > 0) query["faults"] = now.faults.join(",");
    setAnswer(await api.fabric(query, signal));
    setFailure(undefined);
    own = write(now);
    history.replaceState(null, "", `#fabric/${own}`);
  }, setFailure);
  const toggle = (fault: string | undefined) => {
    if (!fault) return;
    const old = asked().faults;
    set({ faults: old.includes(fault) ? old.filter((f) => f !== fault) : [...old, fault] });
  };
  const row = () => answer()?.sizes[0];
  // With something broken: what the first way on makes of it.
  const left = () => row()?.remedies.find((r) => r.answer?.map)?.answer?.map;
  const links = (): Row[] => {
    const sheet = left() ?? row()?.map;
    const name = (place: number) => sheet!.spots[place]?.name;
    return (sheet?.lines ?? []).map((l) => ({
      from: name(l.from), to: name(l.to), tier: l.tier, links: l.links, bytes_per_second: l.bytes_per_second, left: l.left, load_there: l.load[0], load_back: l.load[1],
    }));
  };
  const systems = createMemo(() => props.choices.systems.filter((s) => s.chips !== null));
  const pick = (label: Word, value: () => string, options: () => [string, string][], change: (v: string) => void) => (
    <label class="field"><span>{t(label)}</span>
      <select onChange={(e) => change(e.currentTarget.value)}><For each={options()}>{([v, name]) => <option value={v} selected={v === value()}>{name}</option>}</For></select></label>
  );
  return (
    <div class="two">
      <aside class="question" aria-label={t("question")}>
        <div class="group">
          {pick("ofRank", () => asked().system, () => systems().map((s): [string, string] => [s.id, s.name]), (system) => set({ system, faults: [], ranks: "" }))}
          {pick("collective", () => asked().op, () => OPERATIONS.map((o): [string, string] => [o, o]), (op) => set({ op }))}
          <div class="field slider">
            <label for="f-bytes">{t("size")}</label>
            <span class="entry">{bytes(asked().power).replace(/(\d)(\D)/, "$1 $2")}</span>
            <input id="f-bytes" type="range" min={SIZES.low} max={SIZES.high} value={asked().power} aria-valuetext={bytes(asked().power)} onInput={(e) => set({ power: e.currentTarget.valueAsNumber })} />
          </div>
          <label class="field"><span>{t("ranks")}</span>
            <input type="number" min="2" step="1" placeholder={t("allRanks")} value={asked().ranks} onChange={(e) => set({ ranks: e.currentTarget.value })} /></label>
          {pick("placement", () => asked().placement, () => [["packed", t("packed")], ["spread", t("spread")]], (placement) => set({ placement }))}
          {pick("algorithm", () => asked().algorithm, () => ALGORITHMS.map((a): [string, string] => [a, told(a)]), (algorithm) => set({ algorithm }))}
        </div>
        <div class="group">
          <h2 class="small">{t("broken")}</h2>
          <Show when={asked().faults.length > 0} fallback={<p class="note">{t("nothingBroken")}</p>}>
            <ul class="kept"><For each={asked().faults}>{(fault) => (
              <li><code>{fault}</code><button type="button" class="cross" aria-label={t("mend", { name: fault })} onClick={() => toggle(fault)}>×</button></li>
            )}</For></ul>
            <div class="buttons"><button type="button" onClick={() => set({ faults: [] })}>{t("mendAll")}</button></div>
          </Show>
        </div>
        <div class="group"><Share name="fabric" json={answer} lines={links} /></div>
      </aside>
      <main aria-busy={busy()} aria-label={t("answer")}>
        <h1>{systems().find((s) => s.id === asked().system)?.name ?? asked().system}</h1>
        <p class="note">{t("fabricNote")}</p>
        <Problem error={failure()} />
        <Show when={row()}>
          {(one) => (
            <>
              <div class="tiles">
                <div class="tile"><span>{t("whole")}</span><b>{duration(one().seconds)}</b><small>{duration(one().low)} – {duration(one().high)} · {told(one().algorithm)}</small></div>
                <For each={one().remedies}>{(r) => (
                  <div class="tile" classList={{ bad: !r.answer }}>
                    <span>{told(r.remedy)} · {t("ranks")} {r.ranks}</span>
                    <Show when={r.answer} fallback={<small>{r.why_not}</small>}>
                      <b>{duration(r.answer!.seconds)}</b><small>× {(r.answer!.seconds / one().seconds).toPrecision(3)} · {told(r.answer!.algorithm)}</small>
                    </Show>
                  </div>
                )}</For>
              </div>
              <Show when={one().map}>{(sheet) => <Drawing sheet={left() ?? sheet()} faults={asked().faults} toggle={toggle} />}</Show>
            </>
          )}
        </Show>
      </main>
    </div>
  );
}

/// Spots from which on a drawing is moved under a narrow window rather than made to fit.
const WIDE = 80;

function Drawing(props: { sheet: NonNullable<FabricAnswer["sizes"][0]["map"]>; faults: string[]; toggle: (fault: string | undefined) => void }) {
  const spots = () => props.sheet.spots;
  const line = (l: Line) => {
    const [a, b] = [spots()[l.from]!, spots()[l.to]!];
    if (!l.wraps) return `M${a.x} ${a.y}L${b.x} ${b.y}`;
    // Around the end of a torus: a bow beside the row.
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const far = Math.hypot(dx, dy) || 1;
    const bow = Math.min(26, far / 4);
    return `M${a.x} ${a.y}Q${(a.x + b.x) / 2 - (dy / far) * bow} ${(a.y + b.y) / 2 + (dx / far) * bow} ${b.x} ${b.y}`;
  };
  const full = (l: Line) => Math.max(...l.load);
  const step = (l: Line) => (l.left === 0 ? "dead" : `load-${Math.min(5, Math.ceil(full(l) * 5 - 1e-9))}`);
  const label = (l: Line) => `${spots()[l.from]!.name} – ${spots()[l.to]!.name}: ${Math.round(full(l) * 100)} %${l.left < 1 ? `, ${Math.round(l.left * 100)} % left` : ""}`;
  // Of units of chips nobody knows which of their links is meant.
  const cut = (l: Line) => {
    const ends = [spots()[l.from]!, spots()[l.to]!];
    return ends.some((s) => s.kind === "chips" && s.members > 1) ? undefined : `link=${ends.map(named).join("-")}`;
  };
  const key = (fault: string | undefined) => (e: KeyboardEvent) => {
    if (e.key !== "Enter" && e.key !== " ") return;
    e.preventDefault();
    props.toggle(fault);
  };
  // Neighbours do not touch.
  const size = createMemo(() => {
    const chips = spots().filter((s) => s.kind === "chips");
    let near = Infinity;
    chips.forEach((a, i) => {
      for (const b of chips.slice(i + 1)) near = Math.min(near, Math.hypot(a.x - b.x, a.y - b.y));
    });
    return Math.max(2, Math.min(11, 0.36 * near));
  });
  // No more of the sheet than is drawn on, and room for bows.
  const frame = createMemo(() => {
    const room = 30;
    const [xs, ys] = [spots().map((s) => s.x), spots().map((s) => s.y)];
    const [left, top] = [Math.min(...xs) - room, Math.min(...ys) - room];
    return `${left} ${top} ${Math.max(...xs) + room - left} ${Math.max(...ys) + room - top}`;
  });
  const middle = (l: Line) => ({ x: (spots()[l.from]!.x + spots()[l.to]!.x) / 2, y: (spots()[l.from]!.y + spots()[l.to]!.y) / 2 });
  const broken = (s: Spot) => s.dead > 0 || props.faults.includes(faultOf(s));
  return (
    <figure class="fabric" classList={{ wide: spots().length > WIDE }}>
      <div class="scroll"><svg viewBox={frame()} role="group" aria-label={t("drawing")}>
        <For each={props.sheet.lines}>{(l) => (
          <g class={`wire ${step(l)}`} classList={{ light: l.optical, hurt: l.left < 1 && l.left > 0 }} onClick={() => props.toggle(cut(l))}>
            <title>{label(l)}</title>
            <path class="hit" d={line(l)} />
            <path class="ink" d={line(l)} />
            <Show when={l.left === 0}>
              <path class="cut" d={`M${middle(l).x - 6} ${middle(l).y - 6}l12 12m0 -12l-12 12`} />
            </Show>
          </g>
        )}</For>
        <For each={spots()}>{(s) => (
          <g class={`spot ${s.kind}`} classList={{ broken: broken(s) }} role="button" tabindex="0" aria-label={s.name} aria-pressed={broken(s)} onClick={() => props.toggle(faultOf(s))} onKeyDown={key(faultOf(s))}>
            <title>{s.name}</title>
            <Show when={s.kind === "switch"} fallback={<circle cx={s.x} cy={s.y} r={size()} />}>
              <rect x={s.x - size() * 1.6} y={s.y - size() * 0.8} width={size() * 3.2} height={size() * 1.6} rx="2" />
            </Show>
          </g>
        )}</For>
      </svg></div>
      <figcaption>
        {t("fullness")} <For each={[1, 2, 3, 4, 5]}>{(n) => <i class={`load-${n}`} />}</For>
      </figcaption>
    </figure>
  );
}
