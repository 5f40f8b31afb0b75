// Every number with its source.

import { createResource, For, Show } from "solid-js";
import { api, type Choices } from "../api";
import { Share } from "../data";
import { t, told } from "../i18n";
import { problem } from "../parts";

export default function Facts(props: { choices: Choices; name: string }) {
  const name = () => decodeURIComponent(props.name) || props.choices.systems[0]?.id || "";
  const chipOf = (id: string) => props.choices.systems.find((s) => s.id === id)?.chip;
  const [things] = createResource(name, async (wanted) => {
    const system = await api.facts(wanted);
    const chip = chipOf(wanted);
    return chip ? [...system, ...(await api.facts(chip)).filter((c) => !system.some((s) => s.id === c.id))] : system;
  });
  return (
    <main>
      <label class="field pick">
        <span>{t("factsOf")}</span>
        <select onChange={(e) => { location.hash = `facts/${encodeURIComponent(e.currentTarget.value)}`; }}>
          <For each={props.choices.systems}>{(s) => <option value={s.id} selected={s.id === name()}>{s.name}</option>}</For>
        </select>
      </label>
      <p class="note">{t("factsNote")}</p>
      <Share name="facts" json={() => (things.error ? undefined : things())}
        lines={() => (things.error ? [] : (things() ?? []).flatMap((thing) => thing.facts.map((fact) => ({ of: `${thing.what}s/${thing.id}`, ...fact }))))} />
      <Show when={!things.error} fallback={<p class="problem" role="alert">{problem(things.error)}</p>}>
        <For each={things()}>
          {(thing) => (
            <section>
              <h2>{thing.name}</h2>
              <Show when={thing.missing.length > 0}><p class="problem">{t("missing")}: {thing.missing.join(", ")}</p></Show>
              <div class="scroll" tabindex="0">
                <table class="facts">
                  <thead><tr><th>{t("fact")}</th><th>{t("value")}</th><th>{t("range")}</th><th>{t("kind")}</th><th>{t("source")}</th><th>{t("note")}</th></tr></thead>
                  <tbody>
                    <For each={thing.facts}>
                      {(fact) => (
                        <tr classList={{ disputed: fact.low !== null }}>
                          <td><code>{fact.path}</code></td>
                          <td class="v">{fact.value}</td>
                          <td>{fact.low === null ? "" : `${fact.low} – ${fact.high}`}</td>
                          <td>{told(fact.kind)}</td>
                          <td>
                            <Show when={/^https?:\/\//.test(fact.url)} fallback={fact.title}>
                              <a href={fact.url} target="_blank" rel="noreferrer noopener">{fact.title}</a>
                            </Show> <small>{fact.date}</small>
                          </td>
                          <td>{fact.note}</td>
                        </tr>
                      )}
                    </For>
                  </tbody>
                </table>
              </div>
              <Show when={thing.policies.length > 0}>
                <h3>{t("policy")}</h3>
                <ul><For each={thing.policies}>{(p) => <li>{p.date} {p.side}: {p.what} ({p.status})</li>}</For></ul>
              </Show>
            </section>
          )}
        </For>
      </Show>
    </main>
  );
}
