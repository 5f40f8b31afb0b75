//! What plans and claims say.

use super::msg::messages;

messages! { PlanMsg;
    // The answer.
    AnswerCost: "The plan costs {cost} {currency} over {quarters} quarters, in the mean of {scenarios} scenarios.", "该方案在 {quarters} 个季度内的费用为 {cost} {currency}（{scenarios} 种情景的加权平均）。";
    AnswerCostOne: "The plan costs {cost} {currency} over {quarters} quarters.", "该方案在 {quarters} 个季度内的费用为 {cost} {currency}。";
    AnswerRange: "With all uncertain inputs at their cheap ends {low}, at their dear ends {high}; at the middle {mid}. These count units that need not be whole.", "全部不确定输入取有利端时为 {low}，取不利端时为 {high}，取中间值时为 {mid}；三者均不要求单元数取整。";
    DearEnd: "No plan at the dear ends: {what}", "不利端无可行方案：{what}";
    DearLimits: "What binds there: {limits}.", "在该处起约束作用的是：{limits}。";
    NoEnd: "no plan", "无可行方案";
    AnswerTokens: "The budget serves {share} of the tokens wanted, in the mean of scenarios.", "预算可满足所需 tokens 的 {share}（情景加权平均）。";
    AnswerEarliest: "All demand can be served from {quarter} on.", "最早自 {quarter} 起可满足全部需求。";
    Now: "To order before it is known which scenario comes: {orders}.", "在情景揭晓之前即下单：{orders}。";
    NowNothing: "Nothing is to be ordered before it is known which scenario comes.", "情景揭晓之前无需下单。";
    OrderOf: "{units} × {offer} in {quarter}", "{quarter} 订购 {units} × {offer}";
    Proven: "Proven: no other whole-number plan is better.", "已证明：没有更优的整数方案。";
    Gap: "No plan can be better by more than {gap} (from the relaxed programme).", "任何方案至多再好 {gap}（由松弛规划得出）。";
    NoPlan: "No plan serves all demand.", "没有方案能满足全部需求。";
    Unserved: "{work}: {share} of the demand of {quarter} cannot be served{more}.", "{work}：{quarter} 有 {share} 的需求无法满足{more}。";
    AndQuarters: ", and in {count} more quarters", "，另有 {count} 个季度也是如此";
    Undoable: "No offer can do {work}: {reasons}", "没有任何选项能承担 {work}：{reasons}";
    Binding: "What binds", "起约束作用的限制";
    BindingOf: "{limit}: one more {unit} would serve {share} more of a quarter's demand", "{limit}：每增加一{unit}可多满足一个季度需求的 {share}";
    Remedy: "Loosen one of these, let demand go unserved at a price (unmet = \"..\" in [[work]]), or add an offer.", "请放宽其中一项，或为未满足的需求设定价格（[[work]] 中的 unmet），或增加选项。";
    // Sections.
    Orders: "Orders", "订单";
    Gantt: "When what is ordered and delivered", "采购与交付时间表";
    GanttNote: "A mark where an order is made, a bar where its units stand. Filled marks: the same in all scenarios.", "标记为下单，条形为在役；实心标记为所有情景共有的订单。";
    Placement: "Which work runs where", "任务放置";
    PlacementNote: "Share of each class of work's tokens over the plan, in the mean of scenarios.", "各类任务 tokens 在整个规划期内的分布（情景加权平均）。";
    Supply: "Supply against demand", "供给与需求";
    Money: "What it costs", "费用构成";
    MoneyNote: "In {unit}, in the mean of scenarios, at the value of money in {quarter}.", "单位 {unit}，情景加权平均，按 {quarter} 的币值。";
    Scenarios: "Scenarios", "情景";
    ScenariosNoteOne: "Orders of the first quarter are the same in all; later ones adapt.", "首个季度的订单在所有情景中相同，之后随情景调整。";
    ScenariosNoteNone: "All orders adapt to the scenario.", "所有订单随情景调整。";
    ScenariosNote: "Orders of the first {decided} quarters are the same in all; later ones adapt.", "前 {decided} 个季度的订单在所有情景中相同，之后随情景调整。";
    Rates: "Speed of a unit", "单元速度";
    RatesNote: "Tokens a second of one unit that does nothing else, from the engine, with 90 % intervals.", "单个单元只做该任务时的 tokens/s，由引擎得出，附 90% 区间。";
    Worth: "What one more would be worth", "放宽限制的价值";
    WorthNote: "Of limits that bind, from the relaxed programme: one more unit throughout the plan.", "起约束作用的限制，由松弛规划得出：整个规划期内增加一个单位。";
    WorthNone: "No limit binds.", "没有起约束作用的限制。";
    WorthOf: "one more {unit} saves {value}", "每增加一{unit}可节省 {value}";
    Tornado: "What the cost hangs on", "费用取决于什么";
    TornadoNote: "Cost with one input at its low and at its high end.", "单个输入取低端与高端时的费用。";
    BreakEven: "Break-even", "盈亏平衡";
    FurtherNote: "The plan is chosen anew for each value, with units that need not be whole: differences are those of the input, not of rounding.", "对每个取值重新优化方案，单元数不取整：差异来自输入本身，而非取整。";
    InputOf: "{what} of {of}", "{of} 的{what}";
    EvenBelow: "{offer} pays up to {input} = {value} (now {now}).", "当 {input} 不高于 {value} 时 {offer} 划算（当前 {now}）。";
    EvenAbove: "{offer} pays from {input} = {value} (now {now}).", "当 {input} 不低于 {value} 时 {offer} 划算（当前 {now}）。";
    EvenAlways: "{offer} pays over the whole span from {low} to {high} of {input} (now {now}).", "在 {input} 从 {low} 到 {high} 的整个范围内 {offer} 都划算（当前 {now}）。";
    EvenNever: "{offer} pays nowhere from {low} to {high} of {input} (now {now}).", "在 {input} 从 {low} 到 {high} 的整个范围内 {offer} 都不划算（当前 {now}）。";
    Map: "{shown} over {x} and {y}", "{shown}：随 {x} 与 {y} 的变化";
    MapCost: "Cost", "费用";
    MapUnits: "Units of {offer}", "{offer} 的数量";
    InUnit: "In {unit}.", "单位 {unit}。";
    MapNone: "no plan", "无方案";
    Remarks: "What is said of stacks and supply", "软件栈与供应的公开信息";
    RemarksNote: "No number of the plan takes this in: effort of moving is hardly measured anywhere, and targets are not deliveries.", "这些信息未计入数字：迁移工作量几乎没有实测，产能目标也不等于交付。";
    RemarksShow: "Show", "展开";
    About: "About", "对象";
    Says: "Said", "内容";
    // Columns.
    Quarter: "Quarter", "季度";
    Offer: "Offer", "选项";
    Units: "Units", "数量";
    Chips: "Chips", "芯片数";
    Site: "Site", "站点";
    Delivered: "Delivered", "交付";
    Scenario: "Scenario", "情景";
    AllScenarios: "all", "所有情景";
    Depends: "depends", "视情景而定";
    Rented: "rented", "租用";
    Work: "Work", "任务";
    Weight: "Weight", "权重";
    Cost: "Cost", "费用";
    Regret: "Regret", "后悔值";
    Served: "Served", "满足率";
    PeakPower: "Peak power", "峰值功率";
    Happens: "What happens", "事件";
    Nothing: "nothing", "无";
    FromQuarter: "{event} from {quarter}", "{quarter} 起 {event}";
    Total: "Total", "合计";
    Others: "Other scenarios", "其他情景";
    PerDay: "tokens a day", "tokens/天";
    Input: "Input", "输入";
    AtLow: "at {value}", "取 {value}";
    Unmet: "unserved", "未满足";
    Asked: "{quarters} quarters from {start} · {goal} · {against}", "自 {start} 起 {quarters} 个季度 · {goal} · {against}";
    // Claims.
    Claims: "Claims", "说法";
    ClaimsTitle: "Claims of the press, tested", "媒体说法的检验";
    ClaimsLead: "{count} statements. Hold: {holds}; under conditions: {holds_if}; do not hold: {does_not}; cannot be tested: {cannot}.", "共 {count} 条：成立 {holds}，有条件成立 {holds_if}，不成立 {does_not}，无法检验 {cannot}。";
    ClaimsNote: "Each is a small study; the verdict follows from its figures.", "每条都是一个小型研究，结论由其数字得出。";
    Figures: "Figures", "数字";
    Case: "Case", "情形";
    Found: "Found", "所得";
    Claimed: "Claimed", "所称";
    Outcome: "Outcome", "判断";
    SaidBy: "Said by {by}", "出自 {by}";
    OpenWhy: "the figures lie on the claimed side in {yes} of {all} cases, but their 90 % intervals hold both", "{all} 种情形中有 {yes} 种的数字位于所称一侧，但 90% 区间跨越界线";
    Odds: "{odds} likely", "可能性 {odds}";
    HoldsIfCases: "Holds if: {cases}", "成立条件：{cases}";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Lang;

    #[test]
    fn both_languages_take_the_same_arguments() {
        let arguments = |text: &str| {
            let names = text.split('{').skip(1).filter_map(|part| part.split('}').next());
            let mut names: Vec<String> = names.map(str::to_owned).collect();
            names.sort_unstable();
            names
        };
        for msg in PlanMsg::ALL {
            let (en, zh) = (msg.text(Lang::En), msg.text(Lang::Zh));
            assert_eq!(arguments(en), arguments(zh), "{msg:?}");
            assert!(!en.is_empty() && zh.chars().any(|c| c as u32 > 0x2E80), "{msg:?} has no Chinese: {zh}");
        }
    }
}
