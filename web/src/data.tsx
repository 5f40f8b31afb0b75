// What a view shows, as files: its table in CSV and Parquet, and the view itself as one page.

import { createSignal, Show } from "solid-js";
import { api } from "./api";
import { lang, t } from "./i18n";
import { problem, save } from "./parts";

export type Cell = string | number | boolean | null | undefined;
export type Line = Record<string, Cell>;

/// Longest list that becomes columns; a longer one is left to the JSON.
const LIST = 8;

/// A finding as one line: what lies inside gets a column each, named by its way there.
export function flat(value: unknown, before = "", out: Line = {}): Line {
  if (value === null || typeof value !== "object") {
    out[before] = value as Cell;
  } else if (Array.isArray(value)) {
    if (value.length <= LIST) value.forEach((one, i) => flat(one, `${before}_${i + 1}`, out));
  } else {
    for (const [key, one] of Object.entries(value)) flat(one, before === "" ? key : `${before}_${key}`, out);
  }
  return out;
}

/// Lines with a heading; a cell that a line lacks is empty.
export function csv(lines: Line[]): string {
  const names = [...new Set(lines.flatMap((line) => Object.keys(line)))];
  const cell = (value: Cell) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [names.map(cell), ...lines.map((line) => names.map((name) => cell(line[name])))].map((row) => `${row.join(",")}\n`).join("");
}

/// Buttons for a table.
export function Data(props: { name: string; lines: () => Line[] }) {
  const [said, say] = createSignal("");
  const none = () => props.lines().length === 0;
  const columns = async () => {
    say("");
    try {
      save(await api.columns(csv(props.lines())), `${props.name}.parquet`);
    } catch (error) {
      say(problem(error));
    }
  };
  return (
    <>
      <button type="button" disabled={none()} onClick={() => save(new Blob([csv(props.lines())], { type: "text/csv" }), `${props.name}.csv`)}>{t("table")}</button>
      <button type="button" disabled={none()} onClick={() => void columns()}>{t("parquet")}</button>
      <Show when={said()}><span class="said" role="status">{said()}</span></Show>
    </>
  );
}

/// Buttons of a view that has no study: its address, itself as a page, its data.
export function Share(props: { name: string; json: () => unknown; lines: () => Line[] }) {
  const [said, say] = createSignal("");
  return (
    <div class="buttons share">
      <button type="button" onClick={async () => { await navigator.clipboard.writeText(location.href); say(t("copied")); }}>{t("link")}</button>
      <button type="button" onClick={() => save(page(props.name), `${props.name}.html`)}>{t("report")}</button>
      <button type="button" disabled={props.json() === undefined} onClick={() => save(new Blob([JSON.stringify(props.json(), null, 2)], { type: "application/json" }), `${props.name}.json`)}>{t("findings")}</button>
      <Data name={props.name} lines={props.lines} />
      <span class="said" role="status">{said()}</span>
    </div>
  );
}

/// What is on the screen as one page without outside parts: no buttons, and charts as pictures.
function page(title: string): Blob {
  const main = document.querySelector("main")!;
  const copy = main.cloneNode(true) as HTMLElement;
  const drawn = [...main.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL());
  copy.querySelectorAll("canvas").forEach((canvas, i) => {
    const picture = document.createElement("img");
    picture.src = drawn[i] ?? "";
    picture.alt = title;
    canvas.replaceWith(picture);
  });
  for (const one of copy.querySelectorAll("button, select, input, .buttons, .picks, .pick, [role=status]")) one.remove();
  const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText)).join("\n");
  const root = document.documentElement;
  const theme = root.getAttribute("data-theme");
  const whole = `<!doctype html><html lang="${root.lang}" data-lang="${lang()}"${theme ? ` data-theme="${theme}"` : ""}><head><meta charset="utf-8">`
    + `<meta name="viewport" content="width=device-width"><title>Steelyard ${title}</title><style>${rules}</style></head><body>${copy.outerHTML}</body></html>`;
  return new Blob([whole], { type: "text/html" });
}
