// What would have to change for a system to reach the best one's cost. Costs are sums of parts, so the share that chips
// cost may be solved for; parts and sums come from the server.

import { createMemo, For, Show } from "solid-js";
import type { Cost, Finding, Weighed } from "../api";
import { t } from "../i18n";

interface Line {
  name: string;
  now: number;
  needed: number;
}

export function lines(systems: Finding[]): Line[] {
  const priced = systems.flatMap((s): { name: string; cost: Cost }[] => (s.answer.cost ? [{ name: s.name, cost: s.answer.cost }] : []));
  const best = Math.min(...priced.map((p) => p.cost.per_million.value));
  return priced
    .filter((p) => p.cost.per_million.value > best)
    .map((p) => ({ name: p.name, now: p.cost.chips + p.cost.surcharge, needed: best - p.cost.electricity }))
    .sort((a, b) => b.needed / b.now - a.needed / a.now);
}

const digits = (value: number) => value.toPrecision(3).replace(/e.*$/, "");

export function BreakEven(props: { findings: Weighed["findings"] }) {
  const rows = createMemo(() => lines(props.findings.systems));
  return (
    <Show when={rows().length > 0}>
      <section id="break-even">
        <h2>{t("breakEven")}</h2>
        <p class="note">{t("breakEvenNote")}</p>
        <ul class="even">
          <For each={rows()}>
            {(row) => (
              <li>
                <span class="name">{row.name}</span>
                <meter min="0" max="1" value={Math.max(0, row.needed / row.now)} aria-label={row.name} />
                <span>{t("priceNow")} <b>{digits(row.now)}</b> USD/M</span>
                <span>{t("priceNeeded")} <b>{row.needed > 0 ? digits(row.needed) : "< 0"}</b> USD/M ({row.needed > 0 ? `−${Math.round((1 - row.needed / row.now) * 100)} %` : "–"})</span>
              </li>
            )}
          </For>
        </ul>
      </section>
    </Show>
  );
}
