//! Words that come with the data. What is not listed is shown as it came.

use super::Lang;

/// `(as in the data, English, Chinese)`. Field terms that both languages share are not listed.
const TERMS: &[(&str, &str, &str)] = &[
    // Limits.
    ("memory bandwidth", "memory bandwidth", "显存带宽"),
    ("compute", "compute", "算力"),
    ("communication", "communication", "通信"),
    ("cache capacity", "KV cache capacity", "KV 缓存容量"),
    ("host", "host", "主机开销"),
    // Levels.
    ("ttft_mean", "TTFT mean", "TTFT 均值"),
    ("ttft_p50", "TTFT p50", "TTFT p50"),
    ("ttft_p90", "TTFT p90", "TTFT p90"),
    ("ttft_p99", "TTFT p99", "TTFT p99"),
    ("tpot_mean", "TPOT mean", "TPOT 均值"),
    ("tpot_p50", "TPOT p50", "TPOT p50"),
    ("tpot_p90", "TPOT p90", "TPOT p90"),
    ("tpot_p99", "TPOT p99", "TPOT p99"),
    ("e2e_mean", "E2E mean", "E2E 均值"),
    ("e2e_p50", "E2E p50", "E2E p50"),
    ("e2e_p90", "E2E p90", "E2E p90"),
    ("e2e_p99", "E2E p99", "E2E p99"),
    // Objectives.
    ("cost per token", "least cost per token", "每 token 成本最低"),
    ("tokens per chip", "most tokens per chip", "每芯片 tokens 最多"),
    ("energy", "least energy per token", "每 token 能耗最低"),
    ("chips", "fewest chips", "芯片最少"),
    // Traffic.
    ("input", "input", "输入"),
    ("output", "output", "输出"),
    ("prefix_hit", "prefix cache hits", "前缀缓存命中"),
    ("load", "load", "请求方式"),
    ("mtp_accepted", "MTP tokens accepted per step", "MTP 每步接受 token"),
    // Bounds.
    ("memory", "memory", "显存"),
    ("overhead", "overhead", "固定开销"),
    ("network", "network", "网络"),
    // Fabrics.
    ("all-reduce", "all-reduce", "all-reduce（全规约）"),
    ("all-gather", "all-gather", "all-gather（全收集）"),
    ("reduce-scatter", "reduce-scatter", "reduce-scatter（规约散布）"),
    ("all-to-all", "all-to-all", "all-to-all（全交换）"),
    ("dispatch", "dispatch", "dispatch（专家分发）"),
    ("combine", "combine", "combine（专家合并）"),
    ("broadcast", "broadcast", "broadcast（广播）"),
    ("send", "send", "send（点对点）"),
    ("ring", "ring", "环"),
    ("tree", "tree", "双树"),
    ("halving-doubling", "halving-doubling", "折半倍增"),
    ("direct", "direct", "直连"),
    ("hierarchical", "hierarchical", "分层"),
    ("in-network", "in-network", "在网规约"),
    ("auto", "auto", "自动"),
    ("packed", "packed", "紧凑放置"),
    ("spread", "spread", "分散放置"),
    ("from a file", "placed by a file", "按文件放置"),
    ("switch", "switch", "交换"),
    ("full mesh", "full mesh", "全互连"),
    ("torus", "torus", "环面"),
    ("twisted torus", "twisted torus", "扭曲环面"),
    ("copper", "copper", "铜"),
    ("optics", "optics", "光"),
    ("mixed", "mixed", "铜与光"),
    ("no such algorithm for this operation", "no such algorithm for this operation", "该操作没有此算法"),
    ("the number of ranks is no power of two", "the number of ranks is no power of two", "rank 数不是 2 的幂"),
    ("all ranks are in one domain", "all ranks are in one domain", "所有 rank 在同一域内"),
    ("domains hold different numbers of ranks", "domains hold different numbers of ranks", "各域 rank 数不等"),
    ("too many sends to list", "too many sends to list", "发送次数过多，无法列举"),
    (
        "no switch that reaches all ranks adds",
        "no switch that reaches all ranks adds",
        "没有覆盖全部 rank 的可规约交换机",
    ),
    // Phases.
    ("decode", "decode", "解码"),
    ("prefill", "prefill", "预填充"),
    // Operators.
    ("attention", "attention", "注意力"),
    ("projections", "projections", "线性投影"),
    ("experts", "experts", "专家"),
    ("shared experts", "shared experts", "共享专家"),
    ("feed-forward", "feed-forward", "前馈"),
    ("router", "router", "路由"),
    ("output head", "output head", "输出头"),
    ("embedding", "embedding", "词嵌入"),
    ("norms and quantize", "norms and quantize", "归一化与量化"),
    ("elementwise", "element-wise", "逐元素"),
    ("element-wise", "element-wise", "逐元素"),
    ("indexer", "indexer", "索引器"),
    ("conversion", "format conversion", "格式转换"),
    ("sampling", "sampling", "采样"),
    ("pipeline", "pipeline", "流水线"),
    // Goodput: states, steps, parts and causes.
    ("useful", "useful", "有效训练"),
    ("lost work", "lost work", "损失的训练"),
    ("slow parts", "slow parts", "部件变慢"),
    ("missing units", "missing units", "单元缺失"),
    ("saving", "saving", "存档"),
    ("stalled", "stalled", "停顿"),
    ("waiting for repair", "waiting for repair", "等待修复"),
    ("maintenance", "maintenance", "计划维护"),
    ("detect", "detect", "检测"),
    ("person", "person", "人工处理"),
    ("schedule", "schedule", "重新调度"),
    ("start", "start", "启动"),
    ("reload", "reload", "读取检查点"),
    ("re-wire", "re-wire", "光路切换"),
    ("link bring-up", "link bring-up", "链路建立"),
    ("compile", "compile", "编译"),
    ("first step", "first step", "首个训练步"),
    ("provision", "provision", "重新申请资源"),
    ("server", "server", "服务器"),
    ("node", "node", "节点"),
    ("tray", "tray", "计算托盘"),
    ("machine", "machine", "主机"),
    ("software", "software", "软件"),
    ("slow host", "slow host", "慢主机"),
    ("link flap", "link flap", "链路闪断"),
    ("ICI cable", "ICI cable", "ICI 线缆"),
    ("optical switch", "optical switch", "光交换机"),
    ("wrong numbers", "wrong numbers", "数值错误"),
    ("accelerator", "accelerator", "加速芯片"),
    ("accelerator memory", "accelerator memory", "芯片显存"),
    ("switch or cable", "switch or cable", "交换机或线缆"),
    ("host maintenance", "host maintenance", "主机维护"),
    ("host parts", "host parts", "主机部件"),
    ("NIC", "NIC", "网卡"),
    ("silent corruption", "silent corruption", "静默数据损坏"),
    // Memory.
    ("weights", "weights", "权重"),
    ("kv cache", "KV cache", "KV 缓存"),
    ("activations", "activations", "激活"),
    ("communication buffers", "communication buffers", "通信缓冲"),
    ("buffers", "buffers", "缓冲"),
    ("graphs", "graphs", "计算图"),
    ("workspace", "workspace", "工作区"),
    ("reserved", "reserved", "预留"),
    ("engine profile", "engine profile", "引擎配置"),
    // What degrees divide.
    ("attention heads", "attention heads", "注意力头"),
    ("value heads", "value heads", "值头"),
    ("feed-forward columns", "feed-forward columns", "前馈列"),
    ("columns of an expert", "columns of an expert", "专家列"),
    ("layers", "layers", "层"),
    ("devices", "devices", "设备"),
    // Headings of lists.
    ("chip", "chip", "芯片"),
    ("system", "system", "系统"),
    ("name", "name", "名称"),
    ("class", "class", "类别"),
    ("count", "chips", "芯片数"),
    ("bandwidth", "bandwidth", "带宽"),
    ("scale-up", "scale-up", "scale-up（柜内）"),
    ("scale-out", "scale-out", "scale-out（柜间）"),
    ("power", "power", "功耗"),
    ("lacks", "lacks", "缺少"),
    ("fact", "fact", "数据项"),
    ("value", "value", "取值"),
    ("sources say", "sources say", "各来源区间"),
    ("kind", "kind", "类型"),
    ("source", "source", "来源"),
    ("note", "note", "备注"),
    ("vendor name", "vendor", "厂商"),
    ("architecture", "architecture", "架构"),
    ("design", "design", "设计"),
    ("launch", "launch", "发布"),
    ("process", "process", "工艺"),
    ("export", "export", "出口管制"),
    ("formats", "formats", "数据格式"),
    ("also", "also", "别名"),
    ("tier", "tier", "层级"),
    ("model", "model", "模型"),
    ("parameters", "parameters", "参数量"),
    ("active", "active", "激活"),
    ("KV bytes/token", "KV bytes/token", "KV 字节/token"),
    ("context", "context", "上下文"),
    // Whose measurements stand behind a time.
    ("measured on this chip", "measured on this chip", "本芯片实测"),
    ("borrowed: architecture", "borrowed: architecture", "借用：同架构"),
    ("borrowed: class of chips", "borrowed: class of chips", "借用：同类芯片"),
    ("fabric: measured", "fabric: measured", "网络：实测"),
    ("fabric: measured under other chips", "fabric: measured under other chips", "网络：其他芯片上实测"),
    ("borrowed: fabrics of this shape", "borrowed: fabrics of this shape", "借用：同形网络"),
    ("borrowed: other fabrics", "borrowed: other fabrics", "借用：其他网络"),
    ("parameters", "parameters", "参数"),
    ("gradients", "gradients", "梯度"),
    ("optimizer states", "optimizer states", "优化器状态"),
    ("chip", "this chip", "该芯片"),
    ("architecture", "its architecture", "同架构芯片"),
    ("class", "its class of chips", "同类芯片"),
    // Kinds of fact.
    ("vendor", "vendor", "厂商"),
    ("measured", "measured", "实测"),
    ("analyst", "analyst", "分析机构"),
    ("derived", "derived", "推导"),
    ("assumed", "assumed", "假设"),
];

/// The word in a language, or as it came.
pub fn term(word: &str, lang: Lang) -> &str {
    match TERMS.iter().find(|(key, _, _)| *key == word) {
        Some((_, en, zh)) => match lang {
            Lang::En => en,
            Lang::Zh => zh,
        },
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown() {
        assert_eq!(term("memory bandwidth", Lang::Zh), "显存带宽");
        assert_eq!(term("ttft_p99", Lang::En), "TTFT p99");
        assert_eq!(term("all-reduce", Lang::Zh), "all-reduce");
    }

    #[test]
    fn no_key_twice() {
        for (i, (key, _, _)) in TERMS.iter().enumerate() {
            assert!(TERMS[i + 1..].iter().all(|(other, _, _)| other != key), "{key}");
        }
    }
}
