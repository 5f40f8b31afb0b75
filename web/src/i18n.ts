// Every word of the page, in English and Chinese. A missing one does not compile; a test looks for empty ones.
// The answer itself comes from the server in both languages.

import { createSignal } from "solid-js";

export type Lang = "en" | "zh";

export const words = {
  weigh: ["Weigh", "权衡"],
  facts: ["Facts", "数据"],
  validate: ["Validate", "验证"],
  train: ["Train", "训练"],
  replay: ["Replay", "回放"],
  goodput: ["Goodput", "有效时间"],
  run: ["Run", "运行"],
  running: ["Running…", "运行中…"],
  steps: ["{done} done", "已完成 {done}"],
  example: ["Begin with", "示例"],
  views: ["Views", "视图"],
  language: ["Language", "语言"],
  theme: ["Light or dark", "浅色/深色"],
  question: ["The question", "问题"],
  skip: ["Skip to the answer", "跳到结果"],
  model: ["Model", "模型"],
  weights: ["Weights stored as", "权重格式"],
  published: ["as published", "按发布格式"],
  input: ["Prompt tokens", "输入 tokens"],
  inputSpread: ["Spread of prompts", "输入长度分布"],
  fixed: ["all alike", "固定"],
  uniform: ["uniform, half to one and a half", "均匀，一半到一倍半"],
  lognormal: ["log-normal", "对数正态"],
  output: ["Generated tokens", "输出 tokens"],
  prefix: ["Found in the prefix cache", "前缀缓存命中"],
  ttft: ["TTFT p99, at most", "TTFT p99 上限"],
  tpot: ["TPOT p50, at most", "TPOT p50 上限"],
  load: ["Load", "负载"],
  loadSearch: ["as much as the levels allow", "服务水平允许的最大负载"],
  loadConcurrency: ["requests in flight", "并发请求数"],
  loadRate: ["requests per second", "每秒请求数"],
  howMany: ["How many", "数值"],
  best: ["Best means", "优化目标"],
  "cost per token": ["least cost per token", "每 token 成本最低"],
  "tokens per chip": ["most tokens per chip", "每芯片 tokens 最多"],
  energy: ["least energy per token", "每 token 能耗最低"],
  chips: ["fewest chips", "芯片最少"],
  region: ["Region", "地区"],
  world: ["world", "全球"],
  us: ["United States", "美国"],
  cn: ["China", "中国"],
  eu: ["Europe", "欧洲"],
  basis: ["Prices", "价格"],
  any: ["rent, else purchase", "优先租用价，否则购买价"],
  rent: ["rent", "租用"],
  purchase: ["purchase", "购买"],
  systems: ["Systems", "系统"],
  filter: ["Find a system", "查找系统"],
  chosen: ["{count} chosen", "已选 {count} 个"],
  chipCount: ["{count} chips", "{count} 颗芯片"],
  lacks: ["lacks {count} facts", "缺少 {count} 项数据"],
  ownChips: ["Chips", "芯片数"],
  ownPrice: ["Price of one chip", "单芯片价格"],
  priceHint: ["12 USD/h or 30_000 USD", "12 USD/h 或 30_000 USD"],
  surcharge: ["Surcharge or duty", "附加费或关税"],
  remove: ["Remove {name}", "移除 {name}"],
  asText: ["As text", "文本"],
  asForm: ["As a form", "表单"],
  text: ["The study as text", "研究文件文本"],
  textOnly: ["This study says more than the form can show.", "此研究包含表单无法显示的内容。"],
  answer: ["The answer", "结果"],
  weighing: ["Weighing…", "计算中…"],
  took: ["{weighed} systems weighed, {remembered} remembered, {ms} ms", "计算 {weighed} 个系统，复用 {remembered} 个，用时 {ms} ms"],
  link: ["Copy link", "复制链接"],
  copied: ["Copied", "已复制"],
  study: ["Study (TOML)", "研究文件 (TOML)"],
  report: ["Report (HTML)", "报告 (HTML)"],
  table: ["Table (CSV)", "表格 (CSV)"],
  findings: ["Findings (JSON)", "结果 (JSON)"],
  open: ["Open a study", "打开研究"],
  keep: ["Keep", "保存"],
  keepAs: ["Name to keep it under", "保存名称"],
  kept: ["Kept studies", "已保存的研究"],
  keptAs: ["Kept as {name}", "已保存为 {name}"],
  keepNone: ["Start with --studies FOLDER to keep studies.", "以 --studies 文件夹 启动即可保存研究。"],
  remove2: ["Delete", "删除"],
  place: ["line {line}, column {column}", "第 {line} 行第 {column} 列"],
  faults: ["The study has faults", "研究文件有误"],
  failed: ["No answer", "没有结果"],
  unreachable: ["The server cannot be reached. Is steelyard ui still running?", "无法连接服务器。steelyard ui 是否仍在运行？"],
  tokenAsked: ["The server asks for its token: open the address that it printed.", "服务器需要令牌：请打开其输出的地址。"],
  breakEven: ["What would have to change", "需要改变什么"],
  breakEvenNote: [
    "For each system to reach the cost of the best one, all else as it is.",
    "各系统要达到最优系统的成本，其他条件不变时所需的变化。",
  ],
  priceNow: ["Chips now cost", "当前芯片成本"],
  priceNeeded: ["Chips would have to cost", "芯片成本须降至"],
  factsOf: ["Facts of", "数据："],
  factsNote: [
    "Every number with its range, kind and source. A disputed value is a range, and is run as one.",
    "每个数字均有范围、类别与来源。有争议的数值以范围表示并按范围计算。",
  ],
  fact: ["Fact", "数据项"],
  value: ["Value", "数值"],
  range: ["Sources say", "来源范围"],
  kind: ["Kind", "类别"],
  source: ["Source", "来源"],
  note: ["Note", "备注"],
  missing: ["Missing", "缺少"],
  policy: ["Policies", "政策"],
  vendor: ["vendor", "厂商"],
  measured: ["measured", "实测"],
  analyst: ["analyst", "分析机构"],
  derived: ["derived", "推导"],
  assumed: ["assumed", "假设"],
  validateNote: [
    "Every published measurement that comes with the program, predicted. Errors are |ln(predicted / measured)|.",
    "对程序自带的每条已发表实测数据进行预测。误差为 |ln(预测/实测)|。",
  ],
  start: ["Predict all", "全部预测"],
  cancel: ["Cancel", "取消"],
  cancelled: ["Cancelled.", "已取消。"],
  progress: ["{done} of {total} cases", "{done} / {total} 个算例"],
  metric: ["Metric", "指标"],
  allMetrics: ["all", "全部"],
  colour: ["Colour by", "着色"],
  chip: ["Chip", "芯片"],
  engine: ["Engine", "引擎"],
  class: ["Model class", "模型类别"],
  phase: ["Phase", "阶段"],
  count: ["Rows", "行数"],
  refused: ["Refused", "拒绝"],
  median: ["Median error", "误差中位数"],
  p90: ["90th percentile", "90 分位"],
  coverage: ["Coverage of the 90 % interval", "90 % 区间覆盖率"],
  goal: ["Goal", "目标"],
  goals: ["Goals", "目标"],
  predictedAxis: ["predicted", "预测"],
  measuredAxis: ["measured", "实测"],
  scatter: ["Predicted against measured", "预测与实测"],
  byGroup: ["By group", "按组"],
  plainOnly: ["Only rows without speculation or open choices", "仅无投机解码、无未定选项的行"],
} as const satisfies Record<string, readonly [string, string]>;

export type Word = keyof typeof words;

const root = document.documentElement;
const current = (): Lang => (root.getAttribute("data-lang") === "zh" ? "zh" : "en");
const [lang, setLang] = createSignal<Lang>(current());
// The report's script owns the choice of language; the page follows it.
new MutationObserver(() => setLang(current())).observe(root, { attributes: true, attributeFilter: ["data-lang"] });

export { lang };

/// A word in the chosen language, its `{arguments}` filled in.
export function t(word: Word, fill: Record<string, string | number> = {}): string {
  const text = words[word][lang() === "zh" ? 1 : 0];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in fill ? String(fill[name]) : whole));
}

/// A word that comes with the data: translated where it is known, else as it came.
export function told(word: string): string {
  return word in words ? t(word as Word) : word;
}
