// The form's state and the study's text: one goes into the other. A text that says more than the form stays a text.

import { parse } from "smol-toml";

export interface Candidate {
  name: string;
  chips: string;
  price: string;
  surcharge: string;
}

export type Spread = "fixed" | "uniform" | "lognormal";

export interface Form {
  title: string;
  model: string;
  weights: string;
  input: number;
  spread: Spread;
  output: number;
  prefix: number;
  ttft: number;
  tpot: number;
  load: "search" | "concurrency" | "rate";
  many: number;
  best: string;
  region: string;
  basis: string;
  systems: Candidate[];
  /// Values of disputed facts by path.
  assume: Record<string, string>;
}

const system = (name: string, chips = ""): Candidate => ({ name, chips, price: "", surcharge: "" });

/// What the page opens with.
export const example: Form = {
  title: "DeepSeek-V3.1 chat",
  model: "deepseek-v3.1",
  weights: "ue8m0-fp8",
  input: 3600,
  spread: "fixed",
  output: 1000,
  prefix: 30,
  ttft: 5,
  tpot: 50,
  load: "search",
  many: 64,
  best: "tokens per chip",
  region: "world",
  basis: "any",
  systems: [
    system("nvidia_hgx_h20", "16"),
    system("nvidia_hgx_h200"),
    system("nvidia_dgx_b200"),
    system("nvidia_gb200_nvl72"),
    system("amd_mi355x_node"),
    system("huawei_cloudmatrix384"),
    system("google_ironwood_64"),
    system("aws_trn2_ultraserver"),
  ],
  assume: {},
};

const quoted = (text: string) => JSON.stringify(text);
/// A list of two or three values is a range.
const money = (text: string) => {
  const parts = text.split(",").map((p) => p.trim()).filter((p) => p !== "");
  return parts.length > 1 ? `[${parts.map(quoted).join(", ")}]` : quoted(parts[0] ?? "");
};

function lengths(form: Form): string {
  const mean = form.input;
  if (form.spread === "uniform") return `{ uniform = [${Math.max(1, Math.round(mean / 2))}, ${Math.round(mean * 1.5)}] }`;
  if (form.spread === "lognormal") return `{ lognormal = { median = ${mean}, sigma = 0.8, max = ${mean * 16} } }`;
  return String(mean);
}

/// The study as text. With set-ups by system only these are weighed, and no curve is drawn beside them: a draft.
export function write(form: Form, setups?: Record<string, string>): string {
  const load = form.load === "search" ? '{ concurrency = "search" }'
    : form.load === "concurrency" ? `{ concurrency = ${form.many} }`
    : `{ rate = "${form.many} /s" }`;
  const lines = [
    `title = ${quoted(form.title)}`,
    `model = ${quoted(form.model)}`,
    `weights = ${quoted(form.weights)}`,
    "",
    "[traffic]",
    `input = ${lengths(form)}`,
    `output = ${form.output}`,
    `prefix_hit = "${form.prefix} %"`,
    `load = ${load}`,
    "",
    "[levels]",
    `ttft_p99 = "${form.ttft} s"`,
    `tpot_p50 = "${form.tpot} ms"`,
    "",
    "[objective]",
    `best = ${quoted(form.best)}`,
    "",
    "[money]",
    `region = ${quoted(form.region)}`,
    `basis = ${quoted(form.basis)}`,
  ];
  if (setups) lines.push("", "[search]", "curve = 0");
  const assumed = Object.entries(form.assume);
  if (assumed.length > 0) lines.push("", "[assume]", ...assumed.map(([path, value]) => `${quoted(path)} = ${quoted(value)}`));
  for (const s of form.systems) {
    lines.push("", "[[system]]", `name = ${quoted(s.name)}`);
    const setup = setups?.[s.name];
    if (setup !== undefined) lines.push(`setup = ${quoted(setup)}`);
    if (s.chips.trim()) lines.push(`chips = ${s.chips.trim()}`);
    if (s.price.trim()) lines.push(`price = ${money(s.price)}`);
    if (s.surcharge.trim()) lines.push(`surcharge = ${money(s.surcharge)}`);
  }
  return lines.join("\n") + "\n";
}

/// Parts of a form whose change leaves the last set-ups a good draft.
export const TRAFFIC: ReadonlySet<string> = new Set(["input", "spread", "output", "prefix", "many"]);

const listed = (value: unknown): string =>
  Array.isArray(value) ? value.join(", ") : value === undefined ? "" : String(value);

/// The form that a text is, or nothing where the form cannot say all of it.
export function read(text: string): Form | undefined {
  let form: Form;
  let asked: Record<string, any>;
  try {
    asked = parse(text) as Record<string, any>;
    const traffic = asked["traffic"] ?? {};
    const load = traffic.load ?? { concurrency: "search" };
    const input = traffic.input;
    const spread: Spread = typeof input === "object" ? (input.uniform ? "uniform" : "lognormal") : "fixed";
    const number = (value: unknown) => parseFloat(String(value));
    form = {
      title: asked["title"] ?? "",
      model: asked["model"],
      weights: asked["weights"] ?? "as published",
      input: spread === "uniform" ? (input.uniform[0] + input.uniform[1]) / 2
        : spread === "lognormal" ? input.lognormal.median : input,
      spread,
      output: traffic.output,
      prefix: typeof traffic.prefix_hit === "number" ? traffic.prefix_hit * 100 : number(traffic.prefix_hit ?? 0),
      ttft: number(asked["levels"]?.ttft_p99),
      tpot: number(asked["levels"]?.tpot_p50),
      load: load.concurrency === "search" ? "search" : load.rate !== undefined ? "rate" : "concurrency",
      many: load.rate !== undefined ? number(load.rate) : typeof load.concurrency === "number" ? load.concurrency : 64,
      best: asked["objective"]?.best,
      region: asked["money"]?.region ?? "world",
      basis: asked["money"]?.basis ?? "any",
      systems: (asked["system"] ?? []).map((s: Record<string, unknown>) => ({
        name: String(s["name"]).replaceAll("-", "_"),
        chips: listed(s["chips"]),
        price: listed(s["price"]),
        surcharge: listed(s["surcharge"]),
      })),
      assume: { ...asked["assume"] },
    };
  } catch {
    return undefined;
  }
  return same(asked, parse(write(form))) ? form : undefined;
}

/// Whether two parsed studies say the same.
function same(a: any, b: any): boolean {
  const flat = (value: any, path: string, out: Map<string, string>) => {
    if (value !== null && typeof value === "object") for (const key of Object.keys(value)) flat(value[key], `${path}.${key}`, out);
    else out.set(path, typeof value === "string" ? value.replaceAll("_", "-").replace(/^(\d+) %$/, (_, n) => String(n / 100)) : String(value));
    return out;
  };
  const fill = (study: any) => {
    const money = { region: "world", basis: "any", ...study.money };
    const traffic = { prefix_hit: 0, load: { concurrency: "search" }, ...study.traffic };
    return flat({ title: "", weights: "as published", ...study, money, traffic }, "", new Map());
  };
  const [x, y] = [fill(a), fill(b)];
  return x.size === y.size && [...x].every(([key, value]) => y.get(key) === value);
}

/// The text of a study with a disputed fact set to a value, or left to its sources again.
export function assume(text: string, path: string, value: string | undefined): string {
  const line = value === undefined ? [] : [`${quoted(path)} = ${quoted(value)}`];
  const lines = text.split("\n");
  const heading = lines.findIndex((l) => /^\s*\[assume\]/.test(l));
  if (heading < 0) return value === undefined ? text : `${text.trimEnd()}\n\n[assume]\n${line[0]}\n`;
  const after = lines.findIndex((l, i) => i > heading && /^\s*\[/.test(l));
  const end = after < 0 ? lines.length : after;
  const own = lines.slice(heading + 1, end).filter((l) => !l.trim().startsWith(`${quoted(path)} =`) && !l.trim().startsWith(`${quoted(path)}=`));
  const kept = [...line, ...own];
  const empty = kept.every((l) => l.trim() === "");
  return [...lines.slice(0, heading), ...(empty ? [] : ["[assume]", ...kept]), ...lines.slice(end)].join("\n");
}

/// What a study assumes, by path.
export function assumed(text: string): Record<string, string> {
  try {
    return { ...((parse(text)["assume"] as Record<string, string> | undefined) ?? {}) };
  } catch {
    return {};
  }
}
