// Load on the page's server: `node benches/page.mjs STEELYARD [SECONDS] [CLIENTS]`. Clients ask for the same eight systems
// again and again under changing titles, which is remembered work. Prints latencies and the server's memory.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import http from "node:http";

const [binary, seconds = "60", clients = "64"] = process.argv.slice(2);
const server = spawn(binary, ["ui", "--port", "0", "--lang", "en"], { stdio: ["ignore", "ignore", "pipe"] });
const address = await new Promise((found, failed) => {
  server.stderr.on("data", (data) => found(/http:\/\/\S+?\//.exec(String(data))?.[0]));
  server.on("exit", () => failed(new Error("the server ended")));
});

const systems = ["nvidia_hgx_h20", "nvidia_hgx_h100", "nvidia_hgx_h200", "nvidia_dgx_b200", "amd_mi300x_node", "amd_mi355x_node", "google_tpu_v6e_8", "moore_mtt_s5000_node"];
const study = (title) => `title = "${title}"
model = "qwen3-32b"
weights = "fp8"
[traffic]
input = 1000
output = 300
load = { concurrency = "search" }
[levels]
ttft_p99 = "5 s"
tpot_p50 = "50 ms"
[objective]
best = "tokens per chip"
` + systems.map((s) => `[[system]]\nname = "${s}"\n`).join("");

const agent = new http.Agent({ keepAlive: true, maxSockets: Number(clients) });
const weigh = (body) => new Promise((done) => {
  const began = performance.now();
  const request = http.request(`${address}api/v1/weigh`, { method: "POST", agent, headers: { "content-type": "application/toml" } }, (response) => {
    response.resume();
    response.on("end", () => done([response.statusCode, performance.now() - began]));
  });
  request.on("error", (error) => done([error.code, performance.now() - began]));
  request.end(body);
});
const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1] ?? 0) / 1024;

const [status, first] = await weigh(study("load"));
const before = memory();
const times = [];
const errors = new Map();
const end = performance.now() + Number(seconds) * 1000;
await Promise.all(Array.from({ length: Number(clients) }, async (_, client) => {
  for (let i = 0; performance.now() < end; i++) {
    const [code, time] = await weigh(study(`load ${client} ${i % 10}`));
    if (code === 200) times.push(time);
    else errors.set(code, (errors.get(code) ?? 0) + 1);
  }
}));
times.sort((a, b) => a - b);
const at = (share) => times[Math.floor(share * (times.length - 1))]?.toFixed(1);
console.log(`first answer ${status} after ${first.toFixed(0)} ms`);
console.log(`${times.length} remembered answers in ${seconds} s by ${clients} clients; errors: ${errors.size ? [...errors].map(([c, n]) => `${n} x ${c}`).join(", ") : "none"}`);
console.log(`p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms`);
console.log(`memory ${before.toFixed(0)} MB before, ${memory().toFixed(0)} MB after`);
server.kill("SIGINT");
agent.destroy();
