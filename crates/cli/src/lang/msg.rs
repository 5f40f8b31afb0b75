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
    MixedPrices: "Rents and purchases stand side by side: set basis = \"rent\" or \"purchase\" under [money] to compare like with like.", "租用与购买并列：可在 [money] 下设 basis = \"rent\" 或 \"purchase\"，以同口径比较。";
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
    DoesNotDivide: "{what} does not divide {count} {of}", "{what} 不能整除 {count} 个{of}";
    Overloaded: "asked for {asked} requests/s, reached {reached}", "要求 {asked} 请求/秒，只达到 {reached}";
    DoesNotFitShort: "does not fit the memory", "显存放不下";
    MissesLevelShort: "misses {level}", "未达到 {level}";
    DoesNotDivideShort: "does not divide the model", "无法整除模型";
    OverloadedShort: "cannot carry the load", "无法承载负载";
    NotAsNamed: "no engine here has a set-up as named: {setup}", "此处没有引擎支持所指定的方案：{setup}";
    NotAsNamedShort: "no set-up as named", "没有符合指定的方案";
    Nearest: "The nearest set-up misses this:", "最接近的方案未达到要求：";
    // Traffic.
    SayTokens: "{tokens} tokens", "{tokens} tokens";
    SayUniform: "uniform, {low} to {high} tokens", "均匀分布，{low} 至 {high} tokens";
    SayLogNormal: "log-normal, median {median} tokens, sigma {sigma}, at most {max}", "对数正态分布，中位数 {median} tokens，σ {sigma}，最大 {max}";
    SayListed: "{count} listed, {mean} tokens on average", "列表共 {count} 条，平均 {mean} tokens";
    SayInFlight: "{requests} requests in flight", "在途请求 {requests} 个";
    SayAsMany: "as many requests in flight as the levels allow", "在服务水平允许范围内尽量多的在途请求";
    SayPoisson: "{rate} requests/s, Poisson", "{rate} 请求/秒，泊松到达";
    SayBursty: "{rate} requests/s, coefficient of variation {cv}", "{rate} 请求/秒，变异系数 {cv}";
    SayTrace: "{requests} recorded requests over {seconds}, {rate} a second on average", "{seconds} 内记录的 {requests} 个请求，平均每秒 {rate} 个";
    // Remarks.
    RemarkEmulated: "{chip} has no arithmetic for {weights}: bytes are saved, products run in {arithmetic}", "{chip} 没有 {weights} 运算单元：节省字节数，但矩阵运算以 {arithmetic} 进行";
    RemarkArchitecture: "times borrow measurements of another chip of the architecture", "时间借用了同架构其他芯片的实测";
    RemarkClass: "times borrow the median efficiency of the class of chips", "时间借用了同类芯片的效率中位数";
    RemarkAssumed: "times rest on assumed efficiencies: nothing like this chip was measured", "时间基于假设的效率：没有类似芯片的实测";
    RemarkGeneric: "no engine profile is known for this chip: a generic one stands in", "该芯片没有已知的引擎配置：以通用配置代替";
    RemarkIdle: "{idle} of {chips} chips are left over by this set-up and count as idle", "该方案有 {idle} 颗（共 {chips} 颗）芯片未用到，计为空闲";
    RemarkFrontBusy: "front ends send tokens as fast as they can: more of them would help", "前端已满负荷发送 token：增加前端会有帮助";
    RemarkFronts: "each replica needs more than one front end: {count} are taken, one for each attention rank", "每个副本需要不止一个前端：按每个注意力 rank 一个计，共 {count} 个";
    RemarkSeats: "the engine's limit of {limit} requests a rank has to be raised", "需要提高引擎每个 rank {limit} 个请求的上限";
    RemarkCopies: "EP {ep} does not divide the experts: {copies} copies of popular experts fill up the last places", "EP {ep} 不能整除专家数：以 {copies} 个热门专家的副本填满";
    RemarkBare: "the price is that of bare chips, without hosts and fabric", "价格仅为裸芯片，不含主机与网络";
    PaidRent: "rent {price} a chip ({source})", "租用 每芯片 {price}（{source}）";
    PaidPurchase: "purchase {price} a chip over {years} years ({source})", "购买 每芯片 {price}，按 {years} 年摊销（{source}）";
    OfStudy: "this study", "本研究";
    RemarkNoDrafts: "{engine} does not draft with MTP layers here", "{engine} 在此不使用 MTP 层起草";
    // Lists.
    CatalogSum: "{chips} chips, {ready_chips} of them complete; {systems} systems, {ready_systems} of them complete; {sources} sources.", "芯片 {chips} 款，其中 {ready_chips} 款数据完整；系统 {systems} 个，其中 {ready_systems} 个数据完整；来源 {sources} 个。";
    CatalogDiffer: "~ sources differ: `steelyard catalog show NAME` gives the range and who says so.", "~ 表示来源不一致：`steelyard catalog show NAME` 给出区间与出处。";
    Sources: "Sources", "来源";
    ModelShape: "hidden {hidden}, vocabulary {vocab}, context {context}", "隐藏维度 {hidden}，词表 {vocab}，上下文 {context}";
    ModelCounts: "parameters {total}, active {active}{parts}", "参数量 {total}，激活 {active}{parts}";
    ModelWeights: "weights {size} as published: {formats}", "发布时权重 {size}：{formats}";
    ModelCache: "KV cache in BF16: {cache}", "BF16 KV 缓存：{cache}";
    ModelMtp: "{count} multi-token-prediction module(s), {size} in all", "多 token 预测（MTP）模块 {count} 个，共 {size}";
    // Explain.
    FactsTitle: "Facts that it rests on", "所依据的数据";
    FitsTitle: "Fits behind the times", "时间背后的拟合";
    FitSubject: "Fitted on", "拟合对象";
    FitWhat: "What", "内容";
    FitOperators: "Prices", "用于";
    FitRows: "Rows", "行数";
    FitNone: "assumed", "假设";
    FitNote: "Errors: |ln(fitted / measured)| on the rows of the fit. What is borrowed errs more; the interval of the answer counts that.", "误差：拟合所用各行的 |ln(拟合 / 实测)|。借用的误差更大，答案的区间已计入。";
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
    HeldOut: "Coverage of 90 % intervals that were fitted without the model on the chip in question; the goal is 85 to 95 %:", "剔除所涉模型与芯片的数据后重新拟合的 90% 区间的覆盖率；目标为 85% 至 95%：";
    Groups: "Models on chips", "模型与芯片组合";
    Together: "all", "合计";
    FitEngine: "Engine profile", "引擎配置";
    FitBefore: "Before, median / p90", "拟合前，中位数 / p90";
    FitInSample: "In sample", "样本内";
    FitHeldOut: "Group held out", "剔除该组";
    WhyRefused: "Refused rows of {file}, by reason:", "{file} 中被拒绝的行，按原因：";
    OtherReasons: "for other reasons", "其他原因";
    // Goodput.
    UsefulTime: "Useful time", "有效训练时间";
    UpTime: "Up", "在线";
    Interruptions: "Interruptions", "中断次数";
    MeanBetween: "Mean between", "平均间隔";
    SaveEvery: "Save every", "存档间隔";
    JobLine: "{length} of wall clock; checkpoint {size}; {runs} runs, seed {seed}", "历时 {length}；检查点 {size}；模拟 {runs} 次，种子 {seed}";
    LeftOut: "Counts of failures left out: {sources}", "未采用的故障统计：{sources}";
    GoodputIntervals: "Useful time: share of the wall clock that became training that stayed. In brackets: where nine of ten runs end, facts in doubt and chance together.", "有效训练时间：最终保留的训练占总时长的比例。括号内为十次模拟中九次所处的范围，含数据的不确定与偶然。";
    ChanceAlone: "chance alone {interval}", "仅偶然因素 {interval}";
    TimeGoes: "Time", "时间去向";
    UnitsLine: "Units of {chips} chips: one is up {one} of the time, all {units} at once {all}; {units} of {total} {enough}.", "每单元 {chips} 颗芯片：单个单元可用率 {one}，{units} 个同时可用 {all}；{total} 个中有 {units} 个可用 {enough}。";
    UnitsLineNoSpare: "Units of {chips} chips: one is up {one} of the time, all {units} at once {all}; there is no spare.", "每单元 {chips} 颗芯片：单个单元可用率 {one}，{units} 个同时可用 {all}；无备件。";
    OneUnitLine: "Nothing can be exchanged: the {chips} chips as a whole are up {one} of the time.", "部件不可互换：{chips} 颗芯片作为整体的可用率为 {one}。";
    WayBack: "Way back after a failed unit", "单元故障后的恢复步骤";
    WayBackSum: "{steps}: {sum} in all, and what was trained since the last save is lost", "{steps}：共 {sum}，另损失上次存档以来的训练";
    RewiringBuys: ". Mirrors take {mirrors} of it, the rest is what other machines need as well: re-wiring buys that any spare takes the place of a failed unit. One {part} is up {up} of the time; the job trains {useful}", "。其中镜面切换只需 {mirrors}，其余步骤其他机器同样需要：重新布线的价值在于任何备件都能顶替故障单元。单个部件（{part}）的可用率为 {up}，而任务的有效训练时间为 {useful}";
    StepChance: "{step} in {chance} of cases", "{step}（{chance} 的情形需要）";
    SaveLine: "A save holds training up for {blocks} and can be used after {durable}; best every {best} by Daly's formula.", "每次存档使训练暂停 {blocks}，{durable} 后可用；按 Daly 公式最佳间隔为 {best}。";
    Cause: "Cause", "原因";
    LostWork: "Work lost", "损失的训练";
    DownTime: "Down", "停机";
    Parts: "Parts", "部件";
    PartFailures: "Failures of one a year", "单个每年故障";
    OneUp: "One is up", "单个可用率";
    AllUp: "All are up", "全部可用率";
    PartsNote: "Availability in closed form, 1 / (1 + failures x repair), without spares. None of these is the job's: spares help it, the way back and lost work cost it.", "可用率按 1 / (1 + 故障率 × 修复时间) 计算，不含备件。它们都不是作业的可用率：备件有助于作业，恢复过程与损失的训练则有损于作业。";
    Doubts: "What is in doubt", "存疑的数据";
    DoubtsNote: "Useful time with one number at its low or high end and the others at their values; the widest first.", "单个数据取低端或高端、其余取常值时的有效训练时间；影响最大者在前。";
    DoubtRange: "Low, value, high", "低、常值、高";
    RatioAtEnds: "Useful time at ends", "对应有效训练时间";
    RateOf: "{of}: failures a year of one", "{of}：单个每年故障";
    PartsOf: "{of}: parts", "{of}：数量";
    RepairOf: "{of}: repair", "{of}：修复时间";
    RepairUnit: "repair of a unit", "单元修复时间";
    SlowerOf: "{of}: steps longer by", "{of}：步时延长";
    StallOf: "{of}: lasts", "{of}：持续";
    UnnoticedOf: "{of}: not noticed for", "{of}：未被发现的时间";
    StepOf: "step: {of}", "步骤：{of}";
    ChanceOf: "step: {of}, how often", "步骤：{of}，所需比例";
    SeenValue: "Seen ({source}): {what} {value}: {inside} the interval {interval}.", "实测（{source}）：{what} {value}：{inside}区间 {interval}。";
    SeenAbove: "Seen ({source}): {what} above {value}: {reached}.", "实测（{source}）：{what}高于 {value}：{reached}。";
    SeenRuns: " {share} of runs are above it.", "{share} 的模拟高于该值。";
    JobColumn: "Job", "任务";
    Measured: "Seen", "实测";
    PredictedValue: "Predicted", "预测";
    InsideInterval: "Inside", "区间内";
    FaultRows: "Jobs that fail: what operators saw, predicted without the failures that the same source counted", "会出故障的任务：运营方实测与预测（不使用同一来源的故障统计）";
    FaultRowsHeld: "{held} of {count} inside the 90 % interval. Settings that nobody published (spares, checkpoints) are assumed; the studies are catalog/measurements/faults/*.toml.", "{count} 项中 {held} 项在 90 % 区间内。未公布的设置（备件、检查点）为假设值；算例见 catalog/measurements/faults/*.toml。";
    Inside: "inside", "落在";
    Outside: "OUTSIDE", "未落在";
    Reached: "the interval reaches above it", "区间上端高于该值";
    NotReached: "the interval does NOT reach it", "区间未达到该值";
    GoodputTitle: "Where the time of the job goes", "作业时间去向";
    GoodputNote: "Shares of the wall clock, facts at their values; the whisker is the 90 % interval of useful time.", "占总时长的比例，数据取常值；须线为有效训练时间的 90% 区间。";
    CausesTitle: "What interrupts it", "中断来源";
    PartsTitle: "What parts promise, and what the job gets", "部件的承诺与作业的所得";
    AnswerGoodput: "{system} trains {value} of the time ({interval}).", "{system} 的有效训练时间为 {value}（{interval}）。";
    GoodputRefused: "Cannot be told", "无法给出";
    NoProgress: "No machine makes progress: less than 1 % of the time is useful on each. Save faster or less often.", "任何机器都无法推进训练：有效时间均不足 1%。请加快存档或减少存档次数。";
    TimelineHelp: "wrote {path}; open it in https://ui.perfetto.dev", "已写入 {path}；可在 https://ui.perfetto.dev 打开";
    SlowOrMissing: "slow, missing, stalled", "变慢、缺失、停顿";
    Saving: "saving", "存档";
    WaitingOrMaintenance: "waiting, maintenance", "等待修复、计划维护";
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
    MadeBy: "Made by {program}. Figures with a range are predictions; nothing is fetched from the network.", "由 {program} 生成。带区间的数字为预测；不会从网络获取任何内容。";
    SetupsTried: "{count} set-ups tried", "尝试 {count} 个方案";
    Basics: "{chips} chips, {chip}", "{chips} 颗芯片，{chip}";
    ChartKeys: "Arrow keys move from point to point.", "方向键可在各点间移动。";
    CostBasis: "Price: {basis}", "价格：{basis}";
    // The page.
    Listening: "The page is at {address} (Ctrl-C ends it)", "页面地址：{address}（按 Ctrl-C 结束）";
    // Weights of checkpoints: quantize, inspect, compare-weights.
    Note: "note: ", "注意：";
    NotInIndex: "{count} tensors are in the files but not in the index; they are read all the same", "有 {count} 个张量在文件中但不在索引中；仍会读取";
    NotUnderstood: "{count} quantised tensors are not understood: {why}", "有 {count} 个量化张量的格式无法识别：{why}";
    NotTranslated: "{why}; tensors are shown under the names that GGUF has for them", "{why}；张量以 GGUF 中的名称显示";
    NothingToConvert: "no tensor needs converting: everything is copied", "没有需要转换的张量：全部照原样复制";
    NoConfig: "the source has no config.json, so none is written", "来源没有 config.json，因此不写入";
    NamesKept: "tensors keep the names that GGUF has for them; no config.json is written", "张量保留 GGUF 中的名称；不写入 config.json";
    Translated: "names and config.json are those of a Hugging Face checkpoint; the tokenizer stays in the GGUF file", "名称和 config.json 按 Hugging Face 检查点写入；分词器仍在 GGUF 文件中";
    SameSoFar: "the values were rounded before; every one stays the same so far (measured on {values} values of {sampled} of {matrices} matrices), and each will be checked", "这些数值此前舍入过；到目前为止全部不变（在 {matrices} 个矩阵中的 {sampled} 个、共 {values} 个数值上测得），并将逐一核对";
    RoundedAgain: "these weights were rounded before: rounding them again adds a relative error of {relative} to the one they have, and changes {changed} % of values (measured on {values} values of {sampled} of {matrices} matrices)", "这些权重此前舍入过：再次舍入会在原有误差之外增加 {relative} 的相对误差，并改变 {changed} % 的数值（在 {matrices} 个矩阵中的 {sampled} 个、共 {values} 个数值上测得）";
    KeptForResume: "what is done is kept in {folder}; --resume goes on with it", "已完成的部分保留在 {folder}；用 --resume 继续";
    ProgressLeft: "left", "剩余";
    Converted: "{folder}: {converted} tensors converted to {format}, {kept} kept; {read} to {written} in {seconds} s ({rate})", "{folder}：{converted} 个张量转换为 {format}，{kept} 个保留；{read} 变为 {written}，用时 {seconds} s（{rate}）";
    Resumed: "{count} tensors were there from the interrupted run", "其中 {count} 个张量来自中断的运行";
    CodesCopied: "codes are copied as they were; names, scale types and configuration are the layout's", "编码照原样复制；名称、缩放因子类型和配置按所选布局写入";
    Lossless: "lossless: all {count} values read back as they were", "无损：全部 {count} 个数值读回后不变";
    ErrorLine: "error: relative Frobenius {relative}, SQNR {sqnr} dB, largest {largest} of the largest value; {saturated} saturated, {flushed} flushed to zero", "误差：相对 Frobenius {relative}，SQNR {sqnr} dB，最大误差为最大值的 {largest}；{saturated} 个饱和，{flushed} 个归零";
    Damaged: "damaged: {what}", "已损坏：{what}";
    Verified: "{good} tensors, headers and files are as written, {bad} are not", "{good} 个张量、文件头和文件与写入时一致，{bad} 个不一致";
    Layout: "layout", "布局";
    Files: "files", "文件";
    ScaleRule: "scale rule", "缩放规则";
    FromMetadata: "as written in the metadata", "取自元数据";
    Probably: "probably {rule}, from the largest codes of {blocks} blocks", "很可能是 {rule}，由 {blocks} 个块的最大编码推断";
    FloorOrEven: "floor or even", "floor 或 even";
    RoomyRule: "one with more room than needed (ceil-max, floor-plus-one), or scales from elsewhere", "余量偏大的规则（ceil-max、floor-plus-one），或缩放因子来自别处";
    StoredAs: "stored as", "存储格式";
    Tensors: "tensors", "张量数";
    Tensor: "tensor", "张量";
    ValuesCount: "values", "数值个数";
    OfItScales: "of it scales", "其中缩放因子";
    BitsAValue: "bits a value", "每值位数";
    Shape: "shape", "形状";
    AllTogether: "all together", "合计";
    RelativeError: "rel. error", "相对误差";
    MaxError: "max error", "最大误差";
    OfMax: "of max", "占最大值";
    Saturated: "saturated", "饱和";
    Flushed: "flushed to 0", "归零";
    Exact: "exact", "完全一致";
    ComparedCount: "{count} tensors compared: {equal} equal in every value, {differ} differ", "比较了 {count} 个张量：{equal} 个逐值相同，{differ} 个不同";
    HistogramTitle: "Difference relative to the value", "相对数值的差";
    HistogramNote: "How many values differ by how much: each bar is a power of two of |difference| / |value|.", "各相对差区间的数值个数：每根柱为 |差| / |值| 的一个 2 的幂区间。";
    HistogramBar: "from {from}: {count} values", "自 {from} 起：{count} 个数值";
    OnlyIn: "{count} tensors only in {which}: {first}", "{count} 个张量只在 {which} 中：{first}";
    NotCompared: "not compared: {tensor} ({why})", "未比较：{tensor}（{why}）";
    WeightsTitle: "Weights compared", "权重比较";
    WeightsAgainst: "{second} against {first}", "{second} 对照 {first}";
    WorstFirst: "Tensors, worst first", "张量，误差最大的在前";
    GoalTrainingFirst: "Training: step, {maker}", "训练：单步时间，{maker}";
    GoalTrainingOthers: "Training: step, other makers than {maker}", "训练：单步时间，{maker} 以外的厂商";
    GoalTrainingMemory: "Training: memory of the fullest device", "训练：最满设备的显存";
    // Fabrics.
    FabricTitle: "{system}: fabric of {chips} chips", "{system}：{chips} 颗芯片的互连";
    FabricDrawing: "How its chips are joined", "芯片互连";
    FabricTier: "Tier", "层级";
    FabricShape: "Shape", "拓扑";
    FabricReach: "Chips joined", "互连芯片数";
    FabricPerChip: "Per chip, one way", "每芯片单向带宽";
    FabricLatency: "Latency", "时延";
    FabricLinks: "Links a chip", "每芯片链路";
    FabricSwitches: "Switches", "交换芯片";
    FabricMedium: "Medium", "介质";
    FabricAdds: "Adds in network", "在网规约";
    FabricNotStated: "not stated", "未公布";
    FabricInjection: "Injection of a chip, all tiers", "单芯片注入带宽（全部层级）";
    FabricBisection: "Bisection, one way", "对分带宽（单向）";
    FabricDiameter: "Farthest pair of chips", "最远芯片对";
    FabricHops: "{hops} links; latency not stated", "{hops} 跳；时延未公布";
    FabricHopsAndTime: "{hops} links, {time} of stated latency", "{hops} 跳，已公布时延 {time}";
    FabricOptics: "Optical modules", "光模块";
    FabricOcs: "Optical circuit switches", "光路交换机（OCS）";
    FabricCubes: "Cubes", "立方体单元";
    FabricPower: "Power of the system", "系统功耗";
    FabricCollectiveTitle: "{op}, {ranks} ranks on {system}, {place}", "{op}，{system} 上 {ranks} 个 rank，{place}";
    FabricSize: "Size", "大小";
    FabricTime: "Time (90 %)", "时间（90%）";
    FabricRate: "Size / time", "大小/时间";
    FabricBound: "Bound", "物理下限";
    FabricWire: "Flows at full bandwidth", "满带宽流";
    FabricAlgorithm: "Algorithm", "算法";
    FabricAlgorithms: "Algorithms", "各算法";
    FabricRemark: "Remark", "说明";
    FabricChosen: "shown above", "即上表所示";
    FabricUnusual: "not chosen by libraries", "通信库不会选用";
    FabricUnusualNotFollowed: "not chosen by libraries: not followed", "通信库不会选用：未逐流计算";
    FabricNotAsked: "not asked for: not followed", "未指定：未逐流计算";
    FabricNotFollowed: "slower than the chosen one by what must cross the links alone: not followed", "仅凭必须经过链路的数据量就已慢于所选算法：未逐流计算";
    FabricBounds: "Bounds: injection {injection}, bisection {bisection}, distance {latency}.", "物理下限：注入 {injection}，对分 {bisection}，距离 {latency}。";
    FabricBusiest: "Fullest links: {links}. Messages one after the other: {rounds}.", "最满的链路：{links}。先后相接的消息：{rounds}。";
    FabricLoads: "Too many unlike streams to follow each: links are shared without loss.", "互不相同的流过多，无法逐一模拟：按链路总负载计算。";
    FabricWithFaults: "With {faults}", "故障：{faults}";
    FabricRemedy: "Remedy", "对策";
    FabricRanks: "Ranks", "rank 数";
    FabricAgainst: "Against whole", "相对完好";
    FabricReroute: "go around it", "绕行";
    FabricRewire: "re-wire to a spare cube", "重连到备用立方体";
    FabricReplace: "use a spare chip", "启用备用芯片";
    FabricShrink: "go on without it", "缩减 rank 继续";
    FabricRecovery: "Recovery: {remedy}", "恢复过程：{remedy}";
    FabricStep: "Step", "步骤";
    FabricStepTime: "Time", "时间";
    FabricStepRange: "Published range", "公布范围";
    FabricStepChance: "Needed", "需要的概率";
    FabricStepBasis: "Basis", "依据";
    FabricAlways: "always", "总是";
    FabricReload: "the job's checkpoint; see goodput", "取决于作业的检查点；见 goodput";
    FabricRecoverySum: "In all {time} ({low} to {high}); {unit} chips are taken out as a whole.", "合计 {time}（{low} 至 {high}）；整体更换单元为 {unit} 颗芯片。";
    FabricRecoverySumReload: "In all {time} ({low} to {high}), and reading the checkpoint on top; {unit} chips are taken out as a whole.", "合计 {time}（{low} 至 {high}），另加读取检查点；整体更换单元为 {unit} 颗芯片。";
    FabricNoRecovery: "Recovery is not known: {why}.", "恢复过程未知：{why}。";
    FabricTogether: "At the same time", "同时进行";
    FabricOperation: "Operation", "操作";
    FabricChips: "Chips", "芯片";
    FabricAlone: "Alone", "单独";
    FabricAtOnce: "With the others", "同时";
    FabricSlowdown: "Slower", "变慢";
    FabricTogetherNote: "All start together and run once; shared links by max-min fair flows. Alone: on the whole fabric, packed.", "全部同时开始、各运行一次；共享链路按最大最小公平流分配。单独：完好互连、紧凑放置。";
    FabricTogetherFaults: "All start together and run once, alone and with the others with the faults; shared links by max-min fair flows. Slower is the share of the others alone.", "全部同时开始、各运行一次，单独与同时均含故障；共享链路按最大最小公平流分配。变慢仅指他者的影响。";
    FabricDeadChip: "chip {chip} is dead, and rank {rank} with it", "芯片 {chip} 已失效，rank {rank} 随之失效";
    FabricCutOff: "no route: {count} ranks are cut off: {ranks}", "无路由：{count} 个 rank 被切断：{ranks}";
    FabricCutOffOne: "no route: {count} rank is cut off: {ranks}", "无路由：{count} 个 rank 被切断：{ranks}";
    FabricNoSpareChips: "no {count} spare chips in this fabric", "此互连内没有 {count} 颗备用芯片";
    FabricNoSpareCubes: "{used} of {cubes} cubes are in use: {spare} spare, {broken} broken", "{cubes} 个立方体已用 {used} 个：备用 {spare} 个，损坏 {broken} 个";
    FabricCircuits: "a circuit switch serves the same place of every cube: no spare cube goes around it", "一台光路交换机服务每个立方体的同一位置：备用立方体无法绕开它";
    FabricTooFewLeft: "fewer than 2 ranks are left", "剩余 rank 不足 2 个";
    FabricSpareCubes: "{count} spare cube(s); as before once re-wired", "{count} 个备用立方体；重连后与之前相同";
    FabricSpareChips: "{count} spare chip(s)", "{count} 颗备用芯片";
    FabricBasisMeasured: "The library's curve was measured on this fabric under this architecture.", "通信库曲线：在此架构、此互连上实测。";
    FabricBasisFabric: "The library's curve was measured on this fabric under other chips, or for a kindred operation.", "通信库曲线：同种互连、其他芯片或相近操作的实测。";
    FabricBasisShape: "The library's curve is borrowed from fabrics of this shape.", "通信库曲线：借自同类拓扑。";
    FabricBasisOther: "The library's curve is borrowed from other fabrics: nobody has published measurements of this one.", "通信库曲线：借自其他互连，此互连尚无公开实测。";
    FabricNote: "A rank is a chip. Bound: no algorithm can be faster. Flows at full bandwidth: max-min fair, without software.", "一个 rank 为一颗芯片。物理下限：任何算法都无法更快。满带宽流：最大最小公平分配，不含软件开销。";
    FabricCompareTitle: "{op}: time (90 % interval) and the bound that nothing beats", "{op}：时间（90% 区间）与不可突破的物理下限";
    FabricCompareNote: "After the sign >= stands the physical bound.", "≥ 之后为物理下限。";
    FabricChartTime: "Time", "时间";
    FabricChartSize: "Buffer of a rank", "每个 rank 的缓冲区";
    FabricChartBound: "dashed: physical bound; band: 90 % interval", "虚线：物理下限；色带：90% 区间";
    FabricJoins: "joins up to {chips} chips", "最多互连 {chips} 颗芯片";
    FabricMore: "and {count} more", "另有 {count} 个";
    FabricCopper: "copper", "铜缆";
    FabricLight: "optics", "光";
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
            // A token is a token in both.
            let chinese = zh.chars().any(|c| c as u32 > 0x2E80) || msg == &Msg::SayTokens;
            assert!(!en.is_empty() && chinese, "{msg:?} has no Chinese: {zh}");
            assert!(en.is_ascii(), "{msg:?}: {en}");
        }
    }

    #[test]
    fn fills_once() {
        let text = Msg::MemoryUsed.fill(Lang::En, &[("used", "{capacity}"), ("capacity", "80 GB")]);
        assert_eq!(text, "{capacity} of 80 GB");
    }
}
