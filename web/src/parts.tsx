// What views share.

import { createEffect, For, on, Show } from "solid-js";
import { Refused } from "./api";
import { t } from "./i18n";

/// An error in words.
export function problem(error: unknown): string {
  if (error instanceof Refused && error.code === "unreachable") return t("unreachable");
  if (error instanceof Refused && error.code === "token") return t("tokenAsked");
  return error instanceof Error ? error.message : String(error);
}

/// Why there is no answer: all faults of a study with their places, or one message.
export function Problem(props: { error: unknown }) {
  const faults = () => (props.error instanceof Refused ? props.error.faults : []);
  return (
    <Show when={props.error}>
      <div class="problem" role="alert">
        <strong>{faults().length > 0 ? t("faults") : t("failed")}</strong>
        <Show when={faults().length > 0} fallback={<p>{problem(props.error)}</p>}>
          <ul>
            <For each={faults()}>
              {(fault) => <li>{t("place", { line: fault.line, column: fault.column })}: {fault.message}<Show when={fault.help}> <em>{fault.help}</em></Show></li>}
            </For>
          </ul>
        </Show>
      </div>
    </Show>
  );
}

/// Sections that the server made, shown anew; hidden series and open details stay as they were.
/// `apart` goes before every id, so that two pages can stand beside each other.
export function Shown(props: { page: string; apart?: string; after?: (place: HTMLElement) => void }) {
  let place!: HTMLDivElement;
  createEffect(on([() => props.page, () => props.apart], ([page]) => {
    const hidden = [...place.querySelectorAll<HTMLElement>('[data-toggle][aria-pressed="false"]')].map((b) => b.dataset["toggle"]);
    const opened = [...place.querySelectorAll("details[open] > summary")].map((s) => s.textContent);
    place.innerHTML = page;
    if (props.apart) separate(place, props.apart);
    props.after?.(place);
    for (const b of place.querySelectorAll<HTMLElement>("[data-toggle]")) if (hidden.includes(b.dataset["toggle"])) b.click();
    for (const s of place.querySelectorAll("details > summary"))
      if (opened.includes(s.textContent)) (s.parentElement as HTMLDetailsElement).open = true;
    document.dispatchEvent(new Event("steelyard-shown"));
  }));
  return <div class="report" ref={place} />;
}

/// Puts something before every id of a page and before what refers to one.
function separate(place: HTMLElement, apart: string) {
  for (const name of ["id", "for", "aria-labelledby", "aria-describedby", "aria-controls"])
    for (const one of place.querySelectorAll(`[${name}]`))
      one.setAttribute(name, (one.getAttribute(name) ?? "").split(/\s+/).map((id) => apart + id).join(" "));
  for (const one of place.querySelectorAll('[href^="#"]')) one.setAttribute("href", `#${apart}${one.getAttribute("href")!.slice(1)}`);
  for (const name of ["clip-path", "fill", "stroke", "marker-end", "mask"])
    for (const one of place.querySelectorAll(`[${name}^="url(#"]`)) one.setAttribute(name, one.getAttribute(name)!.replace("url(#", `url(#${apart}`));
}

/// Offers a file.
export function save(blob: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
