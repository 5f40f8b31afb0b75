// A job on the server: started, watched with its progress, cancelled when the view that asked goes away.

import { createSignal, onCleanup } from "solid-js";
import { api, Refused } from "./api";
import { t } from "./i18n";

/// Time between two looks at a running job.
const LOOK = 300;

export interface Progress {
  done: number;
  total: number;
}

/// `end` hears of a result, `fail` why there is none.
export function watched<T>(end: (result: T) => void, fail: (why: unknown) => void) {
  const [running, setRunning] = createSignal<number>();
  const [progress, setProgress] = createSignal<Progress>({ done: 0, total: 0 });
  let timer: ReturnType<typeof setTimeout> | undefined;
  let gone = false;
  const look = async (id: number) => {
    if (gone) return;
    try {
      const told = await api.job<T>(id);
      setProgress({ done: told.done, total: told.total });
      if (told.state === "running") {
        timer = setTimeout(() => void look(id), LOOK);
        return;
      }
      setRunning(undefined);
      if (told.result !== undefined) end(told.result);
      else fail(told.state === "cancelled" ? new Error(t("cancelled")) : new Refused(told.error?.code ?? "", told.error?.message ?? t("failed"), told.error?.faults ?? []));
    } catch (error) {
      setRunning(undefined);
      fail(error);
    }
  };
  const start = async (begin: () => Promise<number>) => {
    setProgress({ done: 0, total: 0 });
    try {
      const id = await begin();
      setRunning(id);
      await look(id);
    } catch (error) {
      fail(error);
    }
  };
  const cancel = async () => {
    const id = running();
    if (id !== undefined) await api.cancel(id).catch(() => {});
  };
  onCleanup(() => {
    gone = true;
    clearTimeout(timer);
    void cancel();
  });
  return { running, progress, start, cancel };
}
