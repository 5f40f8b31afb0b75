// The frame: views, language, light or dark.

import { createResource, createSignal, For, lazy, Match, onCleanup, onMount, Show, Suspense, Switch } from "solid-js";
import { api } from "./api";
import { t, type Word } from "./i18n";
import { problem } from "./parts";
import { Weigh } from "./views/weigh";

const Compare = lazy(() => import("./views/compare"));
const Fabric = lazy(() => import("./views/fabric"));
const Facts = lazy(() => import("./views/facts"));
const Run = lazy(() => import("./views/run"));
const Validate = lazy(() => import("./views/validate"));
const Why = lazy(() => import("./views/why"));

/// Kinds of studies that run as jobs.
const RUNS = ["replay", "train", "goodput", "plan", "claims"];
const VIEWS: Word[] = ["weigh", "why", "fabric", "replay", "train", "goodput", "plan", "claims", "compare", "facts", "validate"];

/// `#weigh/REST`: the view and what it shows.
function place(): { view: string; rest: string } {
  const [view = "", ...rest] = location.hash.slice(1).split("/");
  return { view: VIEWS.includes(view as Word) ? view : "weigh", rest: rest.join("/") };
}

export function App() {
  const [at, go] = createSignal(place());
  // An address inside the page, as of a section, is no other view.
  const follow = () => {
    const first = location.hash.slice(1).split("/")[0] ?? "";
    if (first === "" || VIEWS.includes(first as Word)) go(place());
  };
  const skip = (event: MouseEvent) => {
    event.preventDefault();
    const main = document.querySelector("main");
    main?.setAttribute("tabindex", "-1");
    main?.focus();
  };
  addEventListener("hashchange", follow);
  onCleanup(() => removeEventListener("hashchange", follow));
  const [choices] = createResource(api.choices);
  // The report's script marks the chosen language.
  onMount(() => document.dispatchEvent(new Event("steelyard-shown")));
  return (
    <>
      <a class="skip" href="#answer" onClick={skip}>{t("skip")}</a>
      <header>
        <div class="bar-top">
          <a class="mark" href="#weigh">
            <svg viewBox="0 0 40 24" width="40" height="24" aria-hidden="true">
              <path d="M2 9 38 5M12 8V1M6 9v5M32 6v9" />
              <path class="fill" d="M1.5 14h9l-1.5 5h-6zM29 15h6v6h-6z" />
            </svg>
            Steelyard <span>权衡</span>
          </a>
          <nav class="views" aria-label={t("views")}>
            <For each={VIEWS}>
              {(view) => (
                <a href={`#${view}`} aria-current={at().view === view ? "page" : undefined}>
                  {t(view)}
                </a>
              )}
            </For>
          </nav>
          <div class="tools" role="group" aria-label={t("language")}>
            <button type="button" data-set-lang="en">English</button>
            <button type="button" data-set-lang="zh">中文</button>
            <button type="button" id="theme" aria-label={t("theme")}>
              <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
                <circle cx="8" cy="8" r="6.5" />
                <path class="fill" d="M8 1.5a6.5 6.5 0 0 1 0 13z" />
              </svg>
            </button>
          </div>
        </div>
      </header>
      <Show when={!choices.error} fallback={<main><p class="problem" role="alert">{problem(choices.error)}</p></main>}>
        <Show when={choices()}>
          {(known) => (
            <Suspense>
              <Switch>
                <Match when={at().view === "weigh"}><Weigh choices={known()} link={at().rest} /></Match>
                <Match when={RUNS.includes(at().view) && at().view} keyed>{(kind) => <Run kind={kind} link={at().rest} />}</Match>
                <Match when={at().view === "why"}><Why choices={known()} link={at().rest} /></Match>
                <Match when={at().view === "fabric"}><Fabric choices={known()} link={at().rest} /></Match>
                <Match when={at().view === "compare"}><Compare choices={known()} link={at().rest} /></Match>
                <Match when={at().view === "facts"}><Facts choices={known()} name={at().rest} /></Match>
                <Match when={at().view === "validate"}><Validate link={at().rest} /></Match>
              </Switch>
            </Suspense>
          )}
        </Show>
      </Show>
    </>
  );
}
