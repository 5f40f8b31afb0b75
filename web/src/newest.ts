// Questions that follow what moves: asked when it has been quiet for a while, and only the newest is waited for.

import { createEffect, createSignal, on, onCleanup } from "solid-js";

/// Asks anew when `question` has not changed for `quiet` milliseconds; what was asked before is given up. What `ask` throws
/// goes to `fail`, unless it was given up. Tells whether an answer is waited for.
export function newest<Q>(question: () => Q, quiet: number, ask: (question: Q, signal: AbortSignal) => Promise<void>, fail: (why: unknown) => void): () => boolean {
  const [busy, setBusy] = createSignal(false);
  let running: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  createEffect(on(question, (asked) => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      running?.abort();
      const { signal } = (running = new AbortController());
      setBusy(true);
      try {
        await ask(asked, signal);
      } catch (why) {
        if (!signal.aborted) fail(why);
      }
      if (!signal.aborted) setBusy(false);
    }, quiet);
  }));
  onCleanup(() => {
    clearTimeout(timer);
    running?.abort();
  });
  return busy;
}
