//! Words of training.

use plan::findings::Estimate;
use plan::train::findings::{TrainingChoice, TrainingFindings};

use super::Lang;
use super::number::{Unit, estimate};
use super::words::overlap;

macro_rules! words {
    ($($name:ident: $en:literal, $zh:literal;)*) => {
        /// A text about training.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Training { $(#[doc = $en] $name,)* }

        impl Training {
            /// The text.
            pub fn text(self, lang: Lang) -> &'static str {
                match (self, lang) {
                    $((Training::$name, Lang::En) => $en, (Training::$name, Lang::Zh) => $zh,)*
                }
            }
        }
    };
}

words! {
    Only: "{name} trains it in {days} days.", "{name} 训练需 {days} 天。";
    FewestDays: "{name} trains it in the fewest days: {value}.", "{name} 训练天数最少：{value} 天。";
    LeastCost: "{name} trains it at the least cost: {value} million USD.", "{name} 训练费用最低：{value} 百万美元。";
    LeastEnergy: "{name} trains it with the least energy: {value} GWh.", "{name} 训练能耗最低：{value} GWh。";
    MostTokens: "{name} trains the most tokens per chip: {value} tokens/s.", "{name} 每芯片训练吞吐最高：{value} tokens/s。";
    Within: "Within the limits, {lead}", "在限制之内，{lead}";
    NoneKeeps: "No system keeps the limits: {name} comes nearest and misses {limits}.", "没有系统满足全部限制：{name} 最接近，超出限制：{limits}。";
    HowFound: "How plans were searched, and the runners-up", "搜索过程与次优方案";
    Plan: "Plan", "并行方案";
    Step: "Step", "单步时间";
    Rate: "tokens/s per chip", "每芯片 tokens/s";
    Mfu: "MFU (16-bit / own peak)", "MFU（16 位峰值 / 所用格式峰值）";
    Days: "Days", "天数";
    Energy: "Energy", "能耗";
    Cost: "Million USD", "百万美元";
    Misses: "Misses", "超出限制";
    ModelLine: "Model", "模型";
    RunLine: "Run", "训练任务";
    Tokens: "tokens", "tokens";
    Sequences: "sequences of", "条序列，每条";
    PerStep: "a step", "每步";
    Where: "Where the step goes (share of the slowest stage)", "单步时间去向（最慢流水级的占比）";
    Memory: "Memory of the fullest device", "最满设备的显存";
    Traffic: "Where the communication goes (seconds of a step on the links, and what of it is seen)", "通信去向（单步在链路上的时间，以及未被掩盖的部分）";
    Widths: "Communication by how widely a layer is spread: share of the step if nothing were hidden → as hidden, and the step", "通信占比与层的切分宽度：不掩盖时 → 掩盖后，以及单步时间";
    IfBare: "if nothing were hidden", "不掩盖时";
    AsHidden: "as hidden", "掩盖后";
    WidthsNote: "For each width the best plan that fits, in closed form. The first share is what overlap removes; a narrower width or a wider fast domain removes the rest.", "每种宽度取可容纳的最佳方案（闭式估算）。前一占比由重叠消除；其余靠更窄的切分或更大的高速域消除。";
    TrafficNote: "Hidden communication runs beside operators; exposed communication is waited for.", "被掩盖的通信与算子并行；暴露的通信需要等待。";
    Exposed: "exposed", "暴露";
    Total: "all", "合计";
    OfStep: "of the step", "占单步";
    SearchedBy: "Searched: {priced} plans priced in closed form ({large} too large for the memory), the best {played} run by the event engine{agreed}.", "搜索：闭式估价 {priced} 个方案（{large} 个超出显存），其中最好的 {played} 个由事件引擎运行{agreed}。";
    Agreed: ", which confirms the first", "，首位一致";
    Reordered: ", which reorders them", "，次序有变";
    MfuIs: "MFU counts three times the forward operations of the weights that a token meets and of attended pairs (causal half), no recomputation, over the dense peak.", "MFU 计法：每 token 所经权重与注意力对（因果一半）的前向运算量的三倍，不含重计算，除以稠密峰值。";
    WithoutFaults: "Days are without faults: the study states neither an effective share of the time nor [faults].", "天数未计故障：研究既未给出有效时间占比，也未给出 [faults]。";
    WithFaults: "days count {share} of the time as useful, faults, restarts and checkpoints taken off", "天数按有效时间占比 {share} 计，已扣除故障、重启与检查点";
    NoFaultModel: "days are without faults", "天数未计故障";
    NoPlan: "No plan", "无可行方案";
    Needs: "the plan with the least memory ({plan}) needs {needs} a device, has {has}; nearest that fits: {chips}", "最省显存的方案（{plan}）每设备需 {needs}，仅有 {has}；最近可行：{chips}";
    Nothing: "no plan divides the model and the batch over these devices", "没有方案能在这些设备上整除模型与批次";
    NoNumber: "no number of chips tried", "所试芯片数均不可行";
    Others: "Runners-up", "次优方案";
    Timeline: "The pipeline of the best plan", "最佳方案的流水线";
    TimelineNote: "One row a stage; the beginning and the end of a step. Forward, backward (to inputs, to weights), optimizer.", "每行一级流水；单步的开头与结尾。前向、反向（对输入、对权重）、优化器。";
    Overlapped: "forward and backward overlapped", "前向与反向重叠";
    Idle: "waiting", "等待";
    Shown: "Upper and lower case alternate from micro-batch to micro-batch. Shown:", "大小写按微批次交替。所示：";
    Start: "begin", "开头";
    End: "end", "结尾";
    Compute: "compute", "计算";
    Recompute: "recompute", "重计算";
    Tensor: "tensor parallel", "张量并行";
    Context: "context parallel", "上下文并行";
    Expert: "expert parallel", "专家并行";
    Data: "data parallel", "数据并行";
    Pipeline: "pipeline", "流水线";
    Bubble: "bubble", "气泡";
    Optimizer: "optimizer", "优化器";
    Offload: "offload", "卸载";
    Other: "other", "其他";
    Forward: "forward", "前向";
    Backward: "backward", "反向";
    Input: "backward to inputs", "反向（输入）";
    Weight: "backward to weights", "反向（权重）";
    Framework: "framework", "框架";
    MicroBatches: "micro-batches", "微批次";
    RecomputeOf: "recompute", "重计算";
    Basis: "Efficiency fitted on runs of: {basis}.", "效率拟合自：{basis}。";
    Orderings: "Orderings of two measured runs of one model: {right} of {pairs} right ({share})", "同一模型两次实测的先后：{pairs} 对中 {right} 对正确（{share}）";
    LimitTime: "time", "时间";
    LimitPower: "power", "功率";
    LimitMoney: "money", "资金";
    Host: "in the host's memory", "位于主机内存";
}

/// Which system is best of those that keep the limits, and which others might be, in sentences; none where no system has a
/// plan. Systems come best first.
pub fn answer(findings: &TrainingFindings, lang: Lang) -> Vec<String> {
    let (word, unit, of): (_, _, fn(&TrainingChoice) -> Option<Estimate>) = match findings.objective.as_str() {
        "cost" => (Training::LeastCost, 1e6, |c| c.cost),
        "energy" => (Training::LeastEnergy, 3.6e12, |c| c.energy),
        "tokens per chip" => (Training::MostTokens, 1.0, |c| Some(c.tokens_per_chip)),
        _ => (Training::FewestDays, 1.0, |c| Some(c.days)),
    };
    let span = |e: Estimate| estimate(&e, Unit::Plain);
    let Some((first, choice)) = findings.trained().next() else { return Vec::new() };
    if !choice.misses.is_empty() {
        return vec![fill(Training::NoneKeeps, lang, &[("name", &first.name), ("limits", &misses(choice, lang))])];
    }
    if findings.systems.len() == 1 {
        return vec![fill(Training::Only, lang, &[("name", &first.name), ("days", &span(choice.days))])];
    }
    let Some(best) = of(choice) else { return Vec::new() };
    let lead = fill(word, lang, &[("name", &first.name), ("value", &span(best.per(unit)))]);
    let all_keep = findings.trained().all(|(_, c)| c.misses.is_empty());
    let mut sentences = vec![if all_keep { lead } else { fill(Training::Within, lang, &[("lead", &lead)]) }];
    let overlaps = |c: &TrainingChoice| of(c).is_some_and(|e| e.low <= best.high && e.high >= best.low);
    let near = findings.trained().skip(1).filter(|(_, c)| c.misses.is_empty() && overlaps(c));
    let near: Vec<&str> = near.map(|(system, _)| system.name.as_str()).collect();
    if !near.is_empty() {
        sentences.push(overlap(&first.name, &near, lang));
    }
    sentences
}

/// The limits that a plan misses.
pub fn misses(c: &TrainingChoice, lang: Lang) -> String {
    c.misses.iter().map(|m| share(m, lang)).collect::<Vec<_>>().join(lang.comma())
}

/// A share of the step, by its name in findings.
pub fn share(what: &str, lang: Lang) -> &str {
    let word = match what {
        "compute" => Training::Compute,
        "recompute" => Training::Recompute,
        "tensor" => Training::Tensor,
        "context" => Training::Context,
        "expert" => Training::Expert,
        "data" => Training::Data,
        "pipeline" => Training::Pipeline,
        "bubble" => Training::Bubble,
        "optimizer" => Training::Optimizer,
        "offload" => Training::Offload,
        "other" => Training::Other,
        "forward" => Training::Forward,
        "backward" => Training::Backward,
        "input" => Training::Input,
        "weight" => Training::Weight,
        "time" => Training::LimitTime,
        "power" => Training::LimitPower,
        "money" => Training::LimitMoney,
        other => return other,
    };
    word.text(lang)
}

/// The text with each `{name}` replaced.
pub fn fill(word: Training, lang: Lang, arguments: &[(&str, &str)]) -> String {
    let mut out = word.text(lang).to_owned();
    for (name, value) in arguments {
        out = out.replace(&format!("{{{name}}}"), value);
    }
    out
}
