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
export function Shown(props: { page: string; after?: (place: HTMLElement) => void }) {
  let place!: HTMLDivElement;
  createEffect(on(() => props.page, (page) => {
    const hidden = [...place.querySelectorAll<HTMLElement>('[data-toggle][aria-pressed="false"]')].map((b) => b.dataset["toggle"]);
    const opened = [...place.querySelectorAll("details[open] > summary")].map((s) => s.textContent);
    place.innerHTML = page;
    props.after?.(place);
    for (const b of place.querySelectorAll<HTMLElement>("[data-toggle]")) if (hidden.includes(b.dataset["toggle"])) b.click();
    for (const s of place.querySelectorAll("details > summary"))
      if (opened.includes(s.textContent)) (s.parentElement as HTMLDetailsElement).open = true;
    document.dispatchEvent(new Event("steelyard-shown"));
  }));
  return <div class="report" ref={place} />;
}

/// Offers a file.
export function save(blob: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
