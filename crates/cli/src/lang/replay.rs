//! Words of `steelyard replay`, English and Chinese in one line.

use super::{Both, Lang};

/// A text in both languages.
#[derive(Debug, Clone, Copy)]
pub struct Words(&'static str, &'static str);

impl Words {
    /// In one language.
    pub fn text(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.0,
            Lang::Zh => self.1,
        }
    }

    /// In both.
    pub fn both(self) -> Both {
        Both { en: self.0.to_owned(), zh: self.1.to_owned() }
    }
}

pub const REQUESTS: Words = Words("Requests", "请求");
pub const CLASS: Words = Words("Class", "服务类别");
pub const SERVED: Words = Words("Served", "已完成");
pub const RETRIED: Words = Words("Retried", "曾重试");
pub const QUEUE: Words = Words("Queue p50 / p99", "排队 p50 / p99");
pub const TTFT: Words = Words("TTFT p50 / p90 / p99", "首 token 延迟 TTFT p50 / p90 / p99");
pub const TPOT: Words = Words("TPOT p50 / p90 / p99", "每 token 延迟 TPOT p50 / p90 / p99");
pub const E2E: Words = Words("E2E p50 / p99", "端到端延迟 E2E p50 / p99");
pub const GOODPUT: Words = Words("Goodput", "达标率");
pub const LEVELS: Words = Words("Service levels", "服务水平");
pub const MET: Words = Words("met", "达到");
pub const MISSED: Words = Words("missed", "未达到");
pub const POOL: Words = Words("Pool", "资源池");
pub const SETUP: Words = Words("Set-up", "部署方案");
pub const REPLICAS: Words = Words("Replicas", "副本");
pub const CHIPS: Words = Words("Chips", "芯片数");
pub const BUSY: Words = Words("Busy", "忙碌");
pub const BATCH: Words = Words("Batch", "批大小");
pub const KV: Words = Words("KV mean / peak", "KV 缓存 均值 / 峰值");
pub const HITS: Words = Words("Prefix hits", "前缀命中");
pub const FETCHED: Words = Words("from slower tiers", "来自下级缓存");
pub const PREEMPTIONS: Words = Words("Preempted", "抢占");
pub const COST: Words = Words("USD", "美元");
pub const ENERGY: Words = Words("Energy", "能耗");
pub const SPAN: Words = Words("Time", "时长");
pub const THROUGHPUT: Words = Words("Output tokens/s", "输出 tokens/s");
pub const COST_PER_MILLION: Words = Words("USD per million output tokens", "美元/百万输出 tokens");
pub const SHIPPED: Words = Words("KV cache shipped (tokens)", "传输的 KV 缓存（tokens）");
pub const SWAPPED: Words = Words("KV cache swapped (tokens)", "换出的 KV 缓存（tokens）");
pub const EMPTY: Words = Words("left out: no tokens", "已忽略：无 token");
pub const SEARCHED: Words = Words("Fleets tried", "尝试过的集群");
pub const FOUND: Words = Words("Best fleet that meets the levels", "满足服务水平的最佳集群");
pub const NOT_FOUND: Words =
    Words("No fleet within the limits meets the levels; the nearest", "在限定规模内没有集群满足服务水平；最接近的是");
pub const SPLIT_AT: Words = Words("split at prompt tokens", "按输入 token 分流点");
pub const OVER_TIME: Words = Words("Over time", "随时间变化");
pub const ARRIVALS: Words = Words("Requests per second", "每秒请求数");
pub const TTFT_OVER_TIME: Words = Words(
    "Time to first token in seconds, p50 and p99, by time of sending",
    "首 token 延迟（秒），p50 与 p99，按发送时间",
);
pub const TTFT_P99: Words =
    Words("Time to first token in seconds, p99, by time of sending", "首 token 延迟（秒），p99，按发送时间");
pub const TOKENS: Words = Words("Output tokens per second", "每秒输出 tokens");
pub const WAITING: Words = Words("Requests that wait", "等待中的请求");
pub const RUNNING: Words = Words("Requests that run", "运行中的请求");
pub const KV_USE: Words = Words("Share of the KV cache in use", "KV 缓存占用率");
pub const BUSY_SHARE: Words = Words("Share of time in which steps run", "忙碌时间占比");
pub const UP: Words = Words("Replicas that serve", "服务中的副本");
pub const POWER: Words = Words("Power in watts", "功率（瓦）");
pub const COST_RATE: Words = Words("US dollars an hour", "美元/小时");
pub const GOODPUT_TIME: Words =
    Words("Share of requests served within their promise, by time of sending", "按发送时间统计的达标请求占比");
pub const SECONDS: Words = Words("seconds since the start", "自开始起的秒数");
pub const NOTE: Words = Words(
    "TTFT is from sending to the first token, TPOT the mean gap between the tokens after it, all as the client sees them. Goodput counts every request that was sent. These are simulated figures without an interval; docs/accuracy.md tells how far predictions of the same engine are off.",
    "TTFT 为从发送到首个 token 的时间，TPOT 为其后 token 的平均间隔，均为客户端所见。达标率以全部已发送请求为分母。以上为仿真结果，不含区间；同一引擎的预测误差见 docs/accuracy.md。",
);

/// How a request ended, by the name in the findings.
pub fn ending(name: &str, lang: Lang) -> &str {
    let zh = match name {
        "served" => "已完成",
        "lost" => "丢失（重试后放弃）",
        "refused: too long" => "拒绝：过长",
        "refused: full" => "拒绝：已满",
        "refused: no rule" => "拒绝：无匹配规则",
        "not sent: no answer before" => "未发送：上一轮无回答",
        other => other,
    };
    if lang == Lang::Zh { zh } else { name }
}
