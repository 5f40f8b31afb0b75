//! Words of execution traces.

use super::msg::messages;

messages! { Words;
    Title: "Trace {name}: {ranks} ranks, {nodes} nodes, {needs} dependencies, schema {version}", "执行迹 {name}：{ranks} 个 rank，{nodes} 个节点，{needs} 条依赖，模式版本 {version}";
    Same: "distinct traces: {traces}; ranks that do the same share one", "互不相同的执行迹：{traces} 份；内容相同的 rank 共用一份";
    Compute: "compute", "计算";
    Kind: "Kind", "类型";
    Nodes: "Nodes", "节点数";
    Recorded: "Recorded time", "记录时间";
    Collective: "Collective", "集合通信";
    Count: "Count", "次数";
    Bytes: "Bytes", "字节数";
    Groups: "Process groups", "进程组";
    Group: "Group", "进程组";
    Ranks: "Ranks", "rank 数";
    Critical: "Critical path: {time} on rank {rank}, by recorded times", "关键路径：{time}，位于 rank {rank}（按记录时间）";
    CriticalPart: "{share} {kind}, {nodes} nodes", "{kind} {share}，{nodes} 个节点";
    Unrecorded: "no node of it has a recorded time", "其上没有带记录时间的节点";
    Replay: "{name} on {system}: {ranks} ranks, {nodes} nodes", "{name} 在 {system} 上重放：{ranks} 个 rank，{nodes} 个节点";
    Time: "Time", "总时间";
    Healthy: "With nothing broken", "无故障时";
    WithFaults: "With {faults}", "故障 {faults}";
    ComputeOnly: "computing only", "仅计算";
    ExchangeOnly: "exchanging only", "仅通信";
    Both: "both at once", "计算与通信重叠";
    Neither: "waiting", "等待";
    Shares: "Mean of all ranks", "全部 rank 的平均";
    Exchanges: "Exchanges", "通信";
    Took: "Took", "实际用时";
    Alone: "Alone", "独占网络用时";
    Slowed: "Slowed by others", "因竞争变慢";
    AtPeak: "{count} nodes have no recorded time: they take what the chip's peak takes, which is a lower bound.", "{count} 个节点没有记录时间：按芯片峰值计时，为下界。";
    Note: "Computation takes what was recorded, on whatever chip that was; exchanges are timed on this fabric and share its links max-min fairly. Low and high: all exchanges at the ends of their intervals.", "计算用时取自记录（与记录时所用芯片一致）；通信按本互连结构计时，并以最大最小公平方式共享链路。区间上下限：所有通信同取其区间端点。";
    Wrote: "wrote {count} files, {first} to {last}", "已写入 {count} 个文件：{first} 至 {last}";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Lang;

    #[test]
    fn both_languages_have_the_same_arguments() {
        let arguments = |text: &str| {
            let mut found: Vec<String> =
                text.split('{').skip(1).filter_map(|p| Some(p.split_once('}')?.0.to_owned())).collect();
            found.sort();
            found
        };
        for word in Words::ALL {
            assert_eq!(arguments(word.text(Lang::En)), arguments(word.text(Lang::Zh)), "{word:?}");
        }
    }
}
