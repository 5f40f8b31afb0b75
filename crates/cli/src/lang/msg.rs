//! The messages. Arguments stand in braces: `{needs}`.

macro_rules! messages {
    ($all:ident; $($name:ident: $en:literal, $zh:literal;)*) => {
        /// A text of the interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $all { $(#[doc = $en] $name,)* }

        impl $all {
            /// All of them.
            #[cfg(test)]
            pub const ALL: &[$all] = &[$($all::$name,)*];

            /// The text, arguments not yet filled in.
            pub fn text(self, lang: $crate::lang::Lang) -> &'static str {
                match (self, lang) {
                    $(($all::$name, $crate::lang::Lang::En) => $en, ($all::$name, $crate::lang::Lang::Zh) => $zh,)*
                }
            }

            /// The text with each `{name}` replaced.
            pub fn fill(self, lang: $crate::lang::Lang, arguments: &[(&str, &str)]) -> String {
                $crate::lang::msg::filled(self.text(lang), arguments)
            }
        }
    };
}
pub(crate) use messages;

/// A text with each `{name}` replaced.
pub fn filled(text: &str, arguments: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    // One pass, so that braces inside an argument stay as they are.
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else { break };
        let name = &rest[start + 1..start + length];
        out.push_str(&rest[..start]);
        match arguments.iter().find(|(n, _)| *n == name) {
            Some((_, value)) => out.push_str(value),
            None => out.push_str(&rest[start..=start + length]),
        }
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    out
}

messages! { Msg;
    // Head of an answer.
    Model: "Model", "模型";
    Traffic: "Traffic", "负载";
    Levels: "Service levels", "服务水平";
    Objective: "Best means", "优化目标";
    ModelLine: "{parameters} parameters, {active} active; weights {weights}; KV cache {kv} per token", "参数量 {parameters}，激活 {active}；权重 {weights}；每 token KV 缓存 {kv}";
    NoLevels: "none", "无";
    // Columns.
    System: "System", "系统";
    Chips: "Chips", "芯片数";
    ChipsCount: "{count} chips", "{count} 颗芯片";
    Rate: "tokens/s", "输出 tokens/s";
    Setup: "Set-up", "部署方案";
    OutputRate: "Output tokens/s", "输出 tokens/s";
    PerChip: "per chip", "每芯片";
    PerSystem: "per system", "全系统";
    PerUser: "per user", "每用户";
    Communication: "Communication", "通信占比";
    Power: "Power", "功耗";
    Energy: "Energy per token", "每 token 能耗";
    CostPerMillion: "USD per million tokens", "美元/百万 tokens";
    CostShort: "USD/M tokens", "美元/百万 tokens";
    LimitedBy: "Limited by", "瓶颈";
    NoPrice: "no price known", "无已知价格";
    PriceMissing: "no price", "无价格";
    Unknown: "unknown", "未知";
    Mean: "mean", "均值";
    // Set-ups.
    Aggregated: "aggregated", "P/D 混合";
    Disaggregated: "P/D split", "P/D 分离";
    PrefillPool: "prefill", "预填充";
    DecodePool: "decode", "解码";
    BatchSize: "Batch", "批大小";
    Batch: "batch {batch}", "批大小 {batch}";
    BatchPerReplica: "batch {batch} per replica", "每副本批大小 {batch}";
    Emulated: "emulated in {arithmetic}", "以 {arithmetic} 模拟";
    EmulatedMark: "emulated", "模拟";
    Weights: "weights {format}", "权重 {format}";
    Arithmetic: "matrix products in {format}", "矩阵运算 {format}";
    KvFormat: "KV cache {format}", "KV 缓存 {format}";
    Engine: "engine profile {name}", "引擎配置 {name}";
    Concurrency: "{count} requests in flight", "在途请求 {count}";
    // Below the table.
    Intervals: "In brackets: the interval that holds the true value in 9 of 10 cases.", "括号内为 90% 区间：十次中有九次真实值落在其中。";
    Overlap: "The order is not certain: the interval of {first} overlaps with those of {others}.", "排序并不确定：{first} 的区间与以下系统重叠：{others}。";
    OthersMore: "{others} and {count} more", "{others}，另有 {count} 个";
    Certain: "The first is certain: no other interval reaches that of {first}.", "首位确定：其他系统的区间均未触及 {first}。";
    Unserved: "Cannot serve", "无法满足";
    NotRanked: "Not ranked", "未列入排名";
    Incomplete: "Facts are missing", "缺少数据";
    IncompleteHow: "Supply them in a catalog folder of your own to run these systems.", "在您自己的目录（catalog）文件夹中补充后即可运行。";
    Rejected: "Rejected set-ups", "被淘汰的方案";
    RejectedOf: "{rejected} rejected of {tried} tried", "尝试 {tried} 个，淘汰 {rejected} 个";
    Example: "e.g. {example}", "例如 {example}";
    RestsOn: "Rests on assumed and disputed facts", "结果所依赖的假设与有争议数据";
    RestsOnNone: "Rests on no assumed or disputed fact.", "结果不依赖任何假设或有争议的数据。";
    More: "and {count} more in the report", "其余 {count} 项见报告";
    Disputed: "disputed", "有争议";
    Remarks: "Remarks", "备注";
    MoreColumns: "A terminal of {width} columns or more, and the report, show all figures.", "终端宽度达到 {width} 列或打开报告可查看全部指标。";
    NoSystems: "The study names no system.", "研究中没有任何系统。";
    WroteFile: "wrote {path}", "已写入 {path}";
    // Reasons.
    DoesNotFit: "needs {needs} on the fullest chip, has {has}; nearest that fits: {chips} chips", "最满的芯片需要 {needs}，仅有 {has}；最少需 {chips} 颗芯片";
    DoesNotFitAtAll: "needs {needs} on the fullest chip, has {has}; no number of chips fits", "最满的芯片需要 {needs}，仅有 {has}；任何芯片数都放不下";
    MissesLevel: "{level} must be at most {bound}, the best reached is {best}", "{level} 须不超过 {bound}，最好只达到 {best}";
    DoesNotDivide: "{what} does not divide {of}", "{what} 不能整除 {of}";
    Overloaded: "asked for {asked} requests/s, reached {reached}", "要求 {asked} 请求/秒，只达到 {reached}";
    DoesNotFitShort: "does not fit the memory", "显存放不下";
    MissesLevelShort: "misses {level}", "未达到 {level}";
    DoesNotDivideShort: "does not divide the model", "无法整除模型";
    OverloadedShort: "cannot carry the load", "无法承载负载";
    // Explain.
    Operator: "Operator", "算子";
    Time: "Time", "时间";
    Share: "Share", "占比";
    Bound: "Bound by", "受限于";
    SpeedOfLight: "Speed of light", "理论下限";
    Efficiency: "Efficiency", "效率";
    Basis: "Basis", "依据";
    StepTotal: "one step", "单步合计";
    DecodeStep: "Decode, one steady step", "解码：一个稳态步";
    PrefillStep: "Prefill, one step", "预填充：一个步";
    Memory: "Memory of the fullest chip", "最满芯片的显存";
    MemoryKind: "Kind", "类别";
    MemorySize: "Size", "大小";
    MemoryFree: "free", "空闲";
    MemoryUsed: "{used} of {capacity}", "共 {capacity}，已用 {used}";
    Fact: "Fact", "数据项";
    Value: "Value", "取值";
    Kind: "Kind", "类型";
    Source: "Source", "来源";
    UsedBy: "Used by", "涉及系统";
    // Validate.
    Group: "Group", "分组";
    Count: "Count", "数量";
    Refused: "Refused", "拒绝";
    MedianError: "Median error", "误差中位数";
    P90Error: "p90 error", "误差 p90";
    Bias: "Bias", "偏差";
    Coverage: "Coverage", "区间覆盖率";
    ErrorNote: "Error: |ln(predicted / measured)|, in per cent. Bias: median of ln(predicted / measured); above 0 predicts too much. Coverage: share of measurements inside the 90 % interval.", "误差：|ln(预测 / 实测)|，以百分比表示。偏差：ln(预测 / 实测) 的中位数，大于 0 表示预测偏高。覆盖率：落在 90% 区间内的实测比例。";
    Goal: "Goal", "目标";
    GoalBelow: "Below (median / p90)", "上限（中位数 / p90）";
    GoalMet: "Met", "达到";
    GoalSiliconTpot: "TPOT, serving-silicon, plain", "TPOT，serving-silicon，无疑义";
    GoalSiliconTtft: "TTFT, serving-silicon, plain", "TTFT，serving-silicon，无疑义";
    GoalOtherTpot: "TPOT, serving-silicon, other rows", "TPOT，serving-silicon，其他行";
    GoalOtherTtft: "TTFT, serving-silicon, other rows", "TTFT，serving-silicon，其他行";
    GoalServingFirst: "output tokens/s, serving, {maker}", "输出 tokens/s，serving，{maker}";
    GoalServingOthers: "output tokens/s, serving, other makers", "输出 tokens/s，serving，其他厂商";
    GoalGemm: "operators: GEMM", "算子：GEMM";
    GoalAttention: "operators: attention", "算子：注意力";
    GoalMoe: "operators: MoE", "算子：MoE";
    GoalMla: "operators: MLA", "算子：MLA";
    GoalExchanges: "collectives", "集合通信";
    WhyRefused: "Refused rows of {file}, by reason:", "{file} 中被拒绝的行，按原因：";
    OtherReasons: "for other reasons", "其他原因";
    // Report.
    Answer: "Answer", "结论";
    AnswerCost: "{system} serves it at the least cost: {value} USD per million tokens ({interval}).", "{system} 成本最低：每百万 tokens {value} 美元（{interval}）。";
    AnswerRate: "{system} serves it with the most tokens per chip: {value} tokens/s ({interval}).", "{system} 每芯片产出最高：{value} tokens/s（{interval}）。";
    AnswerEnergy: "{system} serves it with the least energy: {value} per token ({interval}).", "{system} 能耗最低：每 token {value}（{interval}）。";
    AnswerChips: "{system} serves it with the fewest chips: {value}.", "{system} 所需芯片最少：{value} 颗。";
    AnswerPlain: "{system} serves it best.", "{system} 最优。";
    AnswerNone: "None of the systems can serve this.", "没有任何系统能够满足要求。";
    Ranking: "Ranking", "排名";
    RankingNote: "Best first. Select a heading to sort. In brackets: the 90 % interval.", "最优在前，点击表头可排序。括号内为 90% 区间。";
    ParetoTitle: "Throughput against speed for the user", "吞吐与用户速度的权衡";
    ParetoNote: "Each point is a set-up that no other set-up of its system beats in both. A numbered disc is the chosen one; hollow points miss a service level.", "每个点是该系统中两项指标都不被超越的方案。带编号的圆点为选定方案；空心点未满足服务水平。";
    TokensPerChip: "Output tokens/s per chip", "每芯片输出 tokens/s";
    TokensPerUser: "Output tokens/s per user (1 / mean TPOT)", "每用户输出 tokens/s（1 / 平均 TPOT）";
    CostTitle: "Cost of a million tokens", "百万 tokens 成本";
    CostNote: "Bars show what the money pays for; the whisker is the 90 % interval of the sum.", "条形表示费用构成；须线为总额的 90% 区间。";
    CostClipped: "A broken bar goes on beyond the axis; its figures stand at the right.", "带断口的条超出坐标轴范围，数值见右侧。";
    CostChips: "chips", "芯片";
    CostElectricity: "electricity", "电费";
    CostSurcharge: "surcharge", "附加费";
    OperatorsTitle: "Where the time goes", "时间花在哪里";
    OperatorsNote: "Share of one step by operator; at the right the time of the step.", "单步内各算子的时间占比；右侧为单步时间。";
    MemoryTitle: "Memory of the fullest chip", "最满芯片的显存占用";
    MemoryNote: "Share of the chip's memory by kind; at the right what is used and what there is.", "按类别的显存占比；右侧为已用与总量。";
    DetailTitle: "System by system", "逐个系统";
    DetailNote: "Roofline, operators and facts of each chosen set-up.", "每个选定方案的 roofline、算子与数据依据。";
    RooflineTitle: "Roofline", "屋顶线（roofline）";
    RooflineNote: "Lines: memory bandwidth and peak of the chip. Discs: operators of decode; squares: of prefill; letters as in the table.", "线：芯片的显存带宽与峰值。圆：解码算子；方：预填充算子；字母对应右表。";
    RooflineNone: "The peak and bandwidth of the chip are not part of these findings.", "结果中未包含该芯片的峰值与带宽。";
    Intensity: "Arithmetic intensity, FLOP/B", "计算强度，FLOP/B";
    Achieved: "Achieved FLOP/s", "实际 FLOP/s";
    ProvenanceTitle: "Facts behind the results", "结果背后的数据";
    ProvenanceNote: "Only what is assumed or disputed; every other fact has an undisputed source in the catalog.", "仅列出假设的或有争议的数据；其余数据在目录中均有无争议来源。";
    GlossaryTitle: "Glossary", "术语表";
    StudyTitle: "Study", "研究设定";
    Reason: "Reason", "原因";
    AsTable: "As a table", "以表格查看";
    ShowAll: "Show all", "全部显示";
    HideAll: "Hide all", "全部隐藏";
    LevelsMet: "Meets the levels", "满足服务水平";
    Yes: "yes", "是";
    No: "no", "否";
    Language: "Language", "语言";
    Theme: "Light or dark", "浅色/深色";
    SkipToContent: "Skip to the ranking", "跳到排名";
    Contents: "Contents", "目录";
    MadeBy: "Made by {program}. All figures are predictions; nothing is fetched from the network.", "由 {program} 生成。所有数字均为预测；不会从网络获取任何内容。";
    SetupsTried: "{count} set-ups tried", "尝试 {count} 个方案";
    Basics: "{chips} chips, {chip}", "{chips} 颗芯片，{chip}";
    ChartKeys: "Arrow keys move from point to point.", "方向键可在各点间移动。";
    CostBasis: "Price: {basis}", "价格：{basis}";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Lang;

    fn arguments(text: &str) -> Vec<&str> {
        let mut names: Vec<&str> = text.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn both_languages_take_the_same_arguments_and_differ() {
        for msg in Msg::ALL {
            let (en, zh) = (msg.text(Lang::En), msg.text(Lang::Zh));
            assert_eq!(arguments(en), arguments(zh), "{msg:?}");
            assert!(!en.is_empty() && zh.chars().any(|c| c as u32 > 0x2E80), "{msg:?} has no Chinese: {zh}");
            assert!(en.is_ascii(), "{msg:?}: {en}");
        }
    }

    #[test]
    fn fills_once() {
        let text = Msg::MemoryUsed.fill(Lang::En, &[("used", "{capacity}"), ("capacity", "80 GB")]);
        assert_eq!(text, "{capacity} of 80 GB");
    }
}
