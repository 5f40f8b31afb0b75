//! Names of the inputs of a plan, and their values, for people: `offer.h200.duty` at 0.25 is "duty of h200", 25 %.

use super::number::{Unit, digits, percent, quantity};
use super::{Lang, PlanMsg};

/// The last part of a path, in English and in Chinese, and whether its value is a share that reads best in percent.
const KEYS: [(&str, &str, &str, bool); 31] = [
    ("price", "price", "价格", false),
    ("beside", "hosts and network", "主机与网络", false),
    ("duty", "duty", "关税", true),
    ("pass_through", "share of the duty that is passed on", "关税转嫁比例", true),
    ("lead", "lead time", "交付周期", false),
    ("power", "power", "功率", false),
    ("supply", "supply", "供应量", false),
    ("stock", "stock", "存量", false),
    ("speed", "speed", "速度", false),
    ("electricity", "price of electricity", "电价", false),
    ("pue", "PUE", "PUE", false),
    ("hosting", "hosting", "托管费", false),
    ("racks", "racks", "机柜", false),
    ("cost", "cost of moving", "迁移费用", false),
    ("time", "time of moving", "迁移时间", false),
    ("staff", "staff", "人员费用", false),
    ("tokens_per_day", "demand", "需求", false),
    ("growth", "growth", "增长率", true),
    ("unmet", "price of unserved demand", "未满足需求的价格", false),
    ("input", "prompt length", "提示长度", false),
    ("output", "answer length", "回答长度", false),
    ("prefix_hit", "prefix hits", "前缀命中率", true),
    ("mtp_accepted", "accepted drafts", "MTP 接受数", false),
    ("interest", "interest", "利率", true),
    ("lifetime", "years of service", "使用年限", false),
    ("resale", "resale", "转售比例", true),
    ("utilisation", "utilisation", "利用率", true),
    ("budget", "budget", "预算", false),
    ("sequence", "sequence length", "序列长度", false),
    ("batch", "batch", "批量", false),
    ("surcharge", "surcharge", "附加费", true),
];

/// The name of an input: its own key, and of what.
pub fn name(path: &str, lang: Lang) -> String {
    let parts: Vec<&str> = path.split('.').collect();
    let word = |key: &str| {
        let known = KEYS.iter().find(|k| k.0 == key);
        known.map_or(key.to_owned(), |k| if lang == Lang::En { k.1 } else { k.2 }.to_owned())
    };
    match parts[..] {
        ["money", key] | [key] => word(key),
        ["scenario", of, event] => PlanMsg::InputOf.fill(lang, &[("what", event), ("of", of)]),
        [_, of, key] => PlanMsg::InputOf.fill(lang, &[("what", &word(key)), ("of", of)]),
        _ => path.to_owned(),
    }
}

/// The unit, with what stands for nothing left out.
pub fn unit(path: &str, unit: &str) -> Option<String> {
    (!unit.is_empty() && unit != "x" && !is_share(path)).then(|| unit.to_owned())
}

/// The name with its unit.
pub fn labelled(path: &str, unit_of: &str, lang: Lang) -> String {
    let name = name(path, lang);
    match unit(path, unit_of) {
        Some(unit) if lang == Lang::En => format!("{name}, {unit}"),
        Some(unit) => format!("{name}{}", lang.brackets(&unit)),
        None => name,
    }
}

/// A value without its unit.
pub fn value(path: &str, x: f64) -> String {
    match () {
        () if is_share(path) => percent(x),
        () if path.ends_with(".speed") => format!("{} ×", digits(x)),
        // Tokens a day: 3.00G says more than its nine zeros.
        () if x.abs() >= 1e7 => quantity(x, Unit::Plain),
        () => digits(x),
    }
}

/// A value with its unit.
pub fn amount(path: &str, x: f64, unit_of: &str) -> String {
    match unit(path, unit_of) {
        Some(unit) => format!("{} {unit}", value(path, x)),
        None => value(path, x),
    }
}

/// Whether an input is a share, which is shown in percent.
pub fn is_share(path: &str) -> bool {
    let key = path.rsplit('.').next().unwrap_or(path);
    !path.starts_with("scenario.") && KEYS.iter().any(|k| k.0 == key && k.3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_read_as_words() {
        assert_eq!(name("offer.h200.duty", Lang::En), "duty of h200");
        assert_eq!(name("offer.h200.duty", Lang::Zh), "h200 的关税");
        assert_eq!(amount("offer.h200.duty", 0.25, ""), "25 %");
        assert_eq!(labelled("offer.950pr.price", "USD/chip", Lang::En), "price of 950pr, USD/chip");
        assert_eq!(name("money.interest", Lang::En), "interest");
        assert_eq!(amount("offer.h200.speed", 0.5, "x"), "0.500 ×");
        assert_eq!(amount("work.chat.tokens_per_day", 3e9, "tokens/day"), "3.00G tokens/day");
        assert_eq!(name("scenario.rents rise.a third dearer", Lang::En), "a third dearer of rents rise");
    }
}
