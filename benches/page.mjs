// How quick the page's server is: `node benches/page.mjs STEELYARD [SECONDS] [CLIENTS]`. Prints what the page weighs, how long
// re-weighs of eight systems take by what changed, then the load: clients that ask for remembered work again and again, with
// latencies and the server's memory.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import http from "node:http";
import { gzipSync } from "node:zlib";

const [binary, seconds = "60", clients = "64"] = process.argv.slice(2);
const server = spawn(binary, ["ui", "--port", "0", "--lang", "en"], { stdio: ["ignore", "ignore", "pipe"] });
const address = await new Promise((found, failed) => {
  server.stderr.on("data", (data) => found(/http:\/\/\S+?\//.exec(String(data))?.[0]));
  server.on("exit", () => failed(new Error("the server ended")));
});

const nodes = ["nvidia_hgx_h20", "nvidia_hgx_h100", "nvidia_hgx_h200", "nvidia_dgx_b200", "amd_mi300x_node", "amd_mi355x_node", "google_tpu_v6e_8", "moore_mtt_s5000_node"];
const supernodes = ["nvidia_hgx_h20", "nvidia_hgx_h200", "nvidia_dgx_b200", "nvidia_gb200_nvl72", "amd_mi355x_node", "huawei_cloudmatrix384", "google_ironwood_64", "aws_trn2_ultraserver"];

/// A study of eight systems; `more` is what changes.
const study = (kind, more = {}) => {
  const { title = "load", input, ttft = 5, surcharge = 0, setups, curve } = more;
  const big = kind === "supernodes";
  const head = `title = "${title}"
model = "${big ? "deepseek-v3.1" : "qwen3-32b"}"
weights = "${big ? "ue8m0-fp8" : "fp8"}"
[traffic]
input = ${input ?? (big ? 3600 : 1000)}
output = ${big ? 1000 : 300}
load = { concurrency = "search" }
[levels]
ttft_p99 = "${ttft} s"
tpot_p50 = "50 ms"
[objective]
best = "tokens per chip"
`;
  const search = curve === undefined ? "" : `[search]\ncurve = ${curve}\n`;
  const chips = (s) => (big && s === "nvidia_hgx_h20" ? "chips = 16\n" : "");
  const setup = (s) => (setups?.[s] ? `setup = "${setups[s]}"\n` : "");
  return head + search + (big ? supernodes : nodes).map((s) => `[[system]]\nname = "${s}"\nsurcharge = "${surcharge} %"\n${chips(s)}${setup(s)}`).join("");
};

const agent = new http.Agent({ keepAlive: true, maxSockets: Number(clients) });
const weigh = (body, read = false) => new Promise((done) => {
  const began = performance.now();
  const request = http.request(`${address}api/v1/weigh`, { method: "POST", agent, headers: { "content-type": "application/toml", ...(read ? {} : { "accept-encoding": "gzip" }) } }, (response) => {
    const parts = [];
    response.on("data", (part) => read && parts.push(part));
    response.on("end", () => {
      const time = performance.now() - began;
      done([response.statusCode, time, read && response.statusCode === 200 ? JSON.parse(Buffer.concat(parts)) : undefined]);
    });
  });
  request.on("error", (error) => done([error.code, performance.now() - began]));
  request.end(body);
});
const status = () => readFileSync(`/proc/${server.pid}/status`, "utf8");
const memory = () => Number(/VmRSS:\s+(\d+)/.exec(status())?.[1] ?? 0) / 1024;
/// Milliseconds of processor time of the server so far: ticks are hundredths of a second.
const processor = () => {
  const fields = readFileSync(`/proc/${server.pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
};

// What is fetched before anything shows.
const index = await (await fetch(address)).text();
let bytes = gzipSync(index).length;
for (const [, name] of index.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g))
  bytes += gzipSync(Buffer.from(await (await fetch(address + name)).arrayBuffer())).length;
console.log(`initial load ${(bytes / 1000).toFixed(0)} kB compressed`);

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
/// Asks several times with `change(i)`, prints the median and the processor time of one.
async function reweigh(name, kind, change) {
  const [times, points] = [[], []];
  const before = processor();
  for (let i = 1; i <= 5; i++) {
    const [code, time, found] = await weigh(study(kind, change(i)), true);
    if (code !== 200) throw new Error(`${name}: ${code}`);
    times.push(time);
    points.push(found.simulated);
  }
  console.log(`  ${name}: ${median(times).toFixed(0)} ms, ${((processor() - before) / 5).toFixed(0)} ms of processors, ${median(points)} points simulated`);
}

for (const kind of ["nodes", "supernodes"]) {
  const [code, time, first] = await weigh(study(kind), true);
  console.log(`eight ${kind}: first answer ${code} after ${time.toFixed(0)} ms, ${first.simulated} points simulated`);
  const split = (p) => `TP${p.tp} PP${p.pp} DP${p.dp} EP${p.ep}`;
  const setups = {};
  for (const { id, answer } of first.findings.systems)
    if (answer.setup) setups[id] = `${answer.setup.prefill ? `prefill ${split(answer.setup.prefill[1])} + decode ` : "aggregated "}${split(answer.setup.parallel)} engine=${answer.setup.engine}`;
  const long = kind === "nodes" ? 1000 : 3600;
  await reweigh("draft while a traffic slider moves", kind, (i) => ({ input: long + i * 53, setups, curve: 0 }));
  await reweigh("other traffic, searched anew", kind, (i) => ({ input: long + i * 101 }));
  await reweigh("another level", kind, (i) => ({ ttft: 5 + i / 4 }));
  await reweigh("another price", kind, (i) => ({ surcharge: i }));
}

// Sixteen studies, asked for by all.
for (let i = 0; i < 16; i++) for (let twice = 0; twice < 2; twice++) await weigh(study("nodes", { title: `load ${i}` }));
const before = memory();
const times = [];
const errors = new Map();
const end = performance.now() + Number(seconds) * 1000;
await Promise.all(Array.from({ length: Number(clients) }, async (_, client) => {
  for (let i = 0; performance.now() < end; i++) {
    const [code, time] = await weigh(study("nodes", { title: `load ${(client + i) % 16}` }));
    if (code === 200) times.push(time);
    else errors.set(code, (errors.get(code) ?? 0) + 1);
  }
}));
times.sort((a, b) => a - b);
const at = (share) => times[Math.floor(share * (times.length - 1))]?.toFixed(1);
console.log(`${times.length} remembered answers in ${seconds} s by ${clients} clients; errors: ${errors.size ? [...errors].map(([c, n]) => `${n} x ${c}`).join(", ") : "none"}`);
console.log(`p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms`);
console.log(`memory ${before.toFixed(0)} MB before, ${memory().toFixed(0)} MB after`);
server.kill("SIGINT");
agent.destroy();
