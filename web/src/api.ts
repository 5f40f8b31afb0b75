// What the server answers. Its own description is at /api.

export interface Fault {
  line: number;
  column: number;
  message: string;
  help: string;
}

/// A refusal of the server, or that there is none.
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly faults: Fault[] = [],
  ) {
    super(message);
  }
}

export interface SystemChoice {
  id: string;
  name: string;
  chip: string | null;
  vendor: string | null;
  chips: number | null;
  missing: string[] | null;
}

export interface Choices {
  program: string;
  models: { id: string; name: string }[];
  systems: SystemChoice[];
  schemes: string[];
  engines: string[];
  regions: string[];
  objectives: string[];
  studies: boolean;
}

export interface Cost {
  per_million: { value: number; low: number; high: number };
  chips: number;
  electricity: number;
  surcharge: number;
  basis: string;
}

export interface Estimate {
  value: number;
  low: number;
  high: number;
}

export interface Parallel {
  tp: number;
  pp: number;
  dp: number;
  ep: number;
}

export interface Setup {
  engine: string;
  parallel: Parallel;
  prefill: [number, Parallel] | null;
}

export interface FactUse {
  path: string;
  value: string;
  kind: string;
  source: string;
  disputed: boolean;
}

export interface Finding {
  id: string;
  name: string;
  chips: number;
  answer: {
    kind: string;
    cost?: Cost | null;
    tokens_per_chip?: Estimate;
    ttft?: { mean: Estimate };
    tpot?: { mean: Estimate };
    setup?: Setup;
    facts?: FactUse[];
    operators?: object[];
  };
}

/// Where a lever has to stand for two systems to be level.
export interface Moved {
  lever: "price" | "surcharge" | "bandwidth" | "context";
  now: number;
  level: number | null;
  furthest: number;
  ahead_beyond: boolean;
}

export interface BreakEven {
  challenger: string;
  against: string;
  measure: "cost" | "tokens-per-chip";
  now: [number, number];
  ahead: boolean;
  levers: Moved[];
}

export interface Spot {
  name: string;
  kind: "switch" | "chips";
  tier: number;
  x: number;
  y: number;
  members: number;
  dead: number;
}

export interface Line {
  from: number;
  to: number;
  tier: number;
  links: number;
  bytes_per_second: number;
  left: number;
  load: [number, number];
  optical: boolean;
  wraps: boolean;
}

export interface Sheet {
  width: number;
  height: number;
  chips_of_a_spot: number;
  spots: Spot[];
  lines: Line[];
}

export interface Timed {
  bytes: number;
  seconds: number;
  low: number;
  high: number;
  algorithm: string;
  bound_seconds: number;
  algorithms: Record<string, { seconds?: number; at_least_seconds?: number; why_not?: string }>;
  map?: Sheet;
}

export interface FabricAnswer {
  system: string;
  operation: string;
  ranks: number;
  faults: string[];
  sizes: (Timed & { remedies: { remedy: string; ranks: number; spares?: number; answer?: Timed; why_not?: string }[] })[];
}

export interface Weighed {
  findings: { objective: string; systems: Finding[] };
  page: string;
  weighed: number;
  remembered: number;
  simulated: number;
  /// Of a draft, the milliseconds that it took.
  draft?: number;
}

export interface Thing {
  what: string;
  id: string;
  name: string;
  missing: string[];
  facts: {
    path: string;
    value: string;
    low: string | null;
    high: string | null;
    kind: string;
    title: string;
    date: string;
    url: string;
    note: string;
  }[];
  policies: { date?: string; side?: string; what?: string; status?: string }[];
}

export interface Row {
  id: string;
  metric: string;
  measured: number;
  predicted: number | null;
  low: number | null;
  high: number | null;
  reason: string | null;
  file: string;
  plain: boolean;
  chip: string;
  model: string;
  class: string;
  phase: string;
  engine: string;
  error: number | null;
}

export interface Errors {
  count: number;
  refused: number;
  median: number | null;
  p90: number | null;
  coverage: number | null;
}

/// What was seen of a job that runs for weeks, and what is predicted of it.
export interface Seen {
  what: string;
  value: number;
  at_least: boolean;
  predicted: Estimate;
  inside: boolean;
}

export interface Validation {
  goals: { what: string; median: number | null; p90: number | null; errors: Errors }[];
  jobs: { id: string; title: string; seen: Seen[] | null; reason: string | null }[];
  rows: Row[];
}

export interface Job<T> {
  job: number;
  state: "running" | "done" | "failed" | "cancelled";
  done: number;
  total: number;
  result?: T;
  error?: { code: string; message: string; faults: Fault[] };
}

export interface Kind {
  kind: string;
  examples: { name: string; text: string }[];
}

export interface Ran {
  findings: unknown;
  page: string;
  report: string;
}

/// The token stands behind # in the address that the server printed, and is kept for this tab only.
const KEY = "steelyard-token";
const inAddress = /^#token=([\x21-\x7e]+)$/.exec(location.hash);
if (inAddress?.[1]) {
  sessionStorage.setItem(KEY, inAddress[1]);
  history.replaceState(null, "", location.pathname);
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const token = sessionStorage.getItem(KEY);
  const headers = new Headers(init.headers);
  if (token) headers.set("authorization", `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, { ...init, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused("unreachable", "");
  }
  if (response.ok) return response;
  const body: { error?: { code: string; message: string; faults: Fault[] } } = await response.json().catch(() => ({}));
  const told = body.error;
  throw new Refused(told?.code ?? String(response.status), told?.message ?? response.statusText, told?.faults ?? []);
}

const toml = (body: string, signal?: AbortSignal): RequestInit => ({
  method: "POST",
  body,
  headers: { "content-type": "application/toml" },
  ...(signal ? { signal } : {}),
});

export const api = {
  choices: async (): Promise<Choices> => (await ask("choices")).json(),
  facts: async (name: string): Promise<Thing[]> => (await ask(`catalog/${encodeURIComponent(name)}`)).json(),
  weigh: async (text: string, signal: AbortSignal): Promise<Weighed> => (await ask("weigh", toml(text, signal))).json(),
  file: async (kind: "report" | "csv" | "parquet", text: string): Promise<Blob> => (await ask(kind, toml(text))).blob(),
  columns: async (table: string): Promise<Blob> => (await ask("columns", { method: "POST", body: table, headers: { "content-type": "text/csv" } })).blob(),
  studies: async (): Promise<string[]> => (await ask("studies")).json(),
  study: async (name: string): Promise<string> => (await ask(`studies/${encodeURIComponent(name)}`)).text(),
  keep: async (name: string, text: string): Promise<void> => {
    await ask(`studies/${encodeURIComponent(name)}`, { ...toml(text), method: "PUT" });
  },
  remove: async (name: string): Promise<void> => {
    await ask(`studies/${encodeURIComponent(name)}`, { method: "DELETE" });
  },
  kinds: async (): Promise<Kind[]> => (await ask("run")).json(),
  run: async (kind: string, text: string): Promise<number> => {
    const started: { job: number } = await (await ask(`run/${kind}`, toml(text))).json();
    return started.job;
  },
  breakEven: async (text: string, challenger: string, against: string): Promise<number> => {
    const query = new URLSearchParams({ challenger, against });
    const started: { job: number } = await (await ask(`break-even?${query}`, toml(text))).json();
    return started.job;
  },
  fabric: async (asked: Record<string, string>, signal: AbortSignal): Promise<FabricAnswer> =>
    (await ask(`fabric?${new URLSearchParams(asked)}`, { signal })).json(),
  trace: async (name: string, file: Blob): Promise<void> => {
    await ask(`traces/${encodeURIComponent(name)}`, { method: "PUT", body: file });
  },
  validate: async (): Promise<number> => {
    const started: { job: number } = await (await ask("validate", { method: "POST" })).json();
    return started.job;
  },
  job: async <T>(id: number): Promise<Job<T>> => (await ask(`jobs/${id}`)).json(),
  cancel: async (id: number): Promise<void> => {
    await ask(`jobs/${id}`, { method: "DELETE" });
  },
};
