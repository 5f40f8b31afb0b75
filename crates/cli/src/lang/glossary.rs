//! Field terms, each defined once in both languages.

/// A term, its Chinese name, and what it means.
pub struct Entry {
    /// As the field writes it, in both languages.
    pub term: &'static str,
    /// Chinese gloss of the term.
    pub gloss: &'static str,
    /// English definition.
    pub en: &'static str,
    /// Chinese definition.
    pub zh: &'static str,
}

const fn entry(term: &'static str, gloss: &'static str, en: &'static str, zh: &'static str) -> Entry {
    Entry { term, gloss, en, zh }
}

/// In the order in which a reader meets them.
pub const GLOSSARY: &[Entry] = &[
    entry(
        "TTFT",
        "首 token 延迟",
        "Time to first token: from the arrival of a request to its first output token, queueing included.",
        "从请求到达到输出第一个 token 的时间，含排队。",
    ),
    entry(
        "TPOT",
        "每 token 时间",
        "Time per output token after the first: (end to end - TTFT) / (output tokens - 1), per request.",
        "首 token 之后每个输出 token 的时间：(端到端 - TTFT) / (输出 token 数 - 1)，按请求计算。",
    ),
    entry(
        "E2E",
        "端到端延迟",
        "From the arrival of a request to its last token.",
        "从请求到达到最后一个 token 的时间。",
    ),
    entry(
        "p50, p99",
        "分位数",
        "Half, or 99 of 100, of the requests are at most this slow.",
        "50% 或 99% 的请求不慢于该值。",
    ),
    entry(
        "TP",
        "张量并行",
        "Tensor parallelism: every matrix is split over so many chips, which combine their parts in each layer.",
        "每个矩阵切分到若干芯片，每层合并结果。",
    ),
    entry(
        "PP",
        "流水线并行",
        "Pipeline parallelism: the layers are split over so many stages.",
        "层被切分为若干阶段。",
    ),
    entry(
        "DP",
        "数据并行",
        "Data parallelism of attention: so many groups each serve requests of their own and share the experts.",
        "注意力数据并行：若干组各自处理请求，共享专家。",
    ),
    entry(
        "EP",
        "专家并行",
        "Expert parallelism: the experts of a layer are spread over so many chips; tokens travel to them.",
        "一层的专家分布在若干芯片上，token 被发送到专家所在芯片。",
    ),
    entry(
        "MoE",
        "混合专家",
        "Mixture of experts: each token uses a few of many feed-forward blocks.",
        "每个 token 只使用众多前馈块中的几个。",
    ),
    entry(
        "MTP",
        "多 token 预测",
        "Multi-token prediction: extra layers draft tokens which the model then checks in one step.",
        "附加层先起草若干 token，再由模型一步校验。",
    ),
    entry(
        "prefill",
        "预填充",
        "The model reads the prompt and fills the cache; mostly bound by compute.",
        "模型读入提示并填充缓存，通常受算力限制。",
    ),
    entry(
        "decode",
        "解码",
        "The model writes one token per step and request; mostly bound by memory bandwidth.",
        "模型每步为每个请求生成一个 token，通常受显存带宽限制。",
    ),
    entry(
        "P/D",
        "预填充/解码分离",
        "Prefill and decode on separate chips; the cache is sent from one to the other.",
        "预填充与解码在不同芯片上运行，缓存从前者传到后者。",
    ),
    entry(
        "KV cache",
        "键值缓存",
        "Keys and values (or their latents) of the tokens so far, kept for attention.",
        "为注意力保留的历史 token 的键和值（或其隐向量）。",
    ),
    entry(
        "all-reduce, dispatch, combine",
        "集合通信",
        "Sum over chips; sending tokens to their experts; bringing the results back.",
        "跨芯片求和；把 token 发往专家；把结果取回。",
    ),
    entry(
        "roofline",
        "屋顶线",
        "A chip can do no more FLOP/s than the smaller of its peak and intensity x memory bandwidth.",
        "芯片的 FLOP/s 不超过峰值与“计算强度 × 显存带宽”中较小者。",
    ),
    entry(
        "speed of light",
        "理论下限",
        "The least time that peak and bandwidth allow. Efficiency = speed of light / predicted time.",
        "峰值和带宽所允许的最短时间。效率 = 理论下限 / 预测时间。",
    ),
    entry(
        "emulated",
        "模拟格式",
        "The chip has no unit for the format: weights stay small in memory and are converted before each product.",
        "芯片没有该格式的计算单元：权重以小格式存放，每次运算前转换。",
    ),
    entry(
        "UE8M0",
        "UE8M0",
        "A block scale that is a power of two, one byte; here with E4M3 values in blocks.",
        "一字节的 2 的幂块缩放因子，与 E4M3 数据块配合使用。",
    ),
    entry(
        "90 % interval",
        "90% 区间",
        "Holds the true value in 9 of 10 cases, judged on published measurements.",
        "依据公开实测评估，十次中有九次真实值落在其中。",
    ),
    entry(
        "Pareto",
        "帕累托前沿",
        "Set-ups that no other set-up beats in both figures at once.",
        "在两项指标上都不被其他方案同时超越的方案。",
    ),
];
