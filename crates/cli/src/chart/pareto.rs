//! Throughput per chip against speed for the user, one curve a system.

use plan::findings::{Choice, Findings, ParetoPoint};

use super::marker::{path, series_class};
use super::place::Places;
use super::scale::Scale;
use super::slim;
use super::svg::{Anchor, Svg};
use crate::lang::both::escape;
use crate::lang::number::{Unit, digits, quantity};
use crate::lang::{Both, Lang, Msg, words};

/// The chart; `labelled_by` is the id of its caption.
pub fn pareto(findings: &Findings, width: f64, class: &str, labelled_by: &str) -> String {
    let slim = slim(width);
    let height = if slim { 360.0 } else { 520.0 };
    let (left, right, top, bottom) = (54.0, width - 12.0, 14.0, height - 46.0);
    let points = findings.systems.iter().flat_map(|s| &s.pareto);
    let xs = Scale::fitting(points.clone().map(|p| p.tokens_per_user), left, right);
    let ys = Scale::fitting(points.map(|p| p.tokens_per_chip), bottom, top);
    let mut svg = Svg::new(width, height, class, labelled_by);
    for tick in xs.ticks(if slim { 5 } else { 10 }) {
        let x = xs.at(tick);
        svg.line("grid", (x, top), (x, bottom));
        svg.text("tick", (x, bottom + 17.0), Anchor::Middle, &Both::same(axis_number(tick)));
    }
    for tick in ys.ticks(if slim { 6 } else { 10 }) {
        let y = ys.at(tick);
        svg.line("grid", (left, y), (right, y));
        svg.text("tick", (left - 7.0, y + 4.0), Anchor::End, &Both::same(axis_number(tick)));
    }
    svg.line("axis", (left, bottom), (right, bottom));
    svg.line("axis", (left, top), (left, bottom));
    svg.text("label", ((left + right) / 2.0, height - 8.0), Anchor::Middle, &Both::msg(Msg::TokensPerUser));
    svg.upwards("label", (13.0, (top + bottom) / 2.0), &Both::msg(Msg::TokensPerChip));
    let mut places = Places::new(9.0, (left, top, right, bottom));
    let mut discs = Vec::new();
    for (i, system) in findings.systems.iter().enumerate() {
        let mut curve: Vec<&ParetoPoint> =
            system.pareto.iter().filter(|p| p.tokens_per_user.is_finite() && p.tokens_per_chip.is_finite()).collect();
        curve.sort_by(|a, b| a.tokens_per_user.total_cmp(&b.tokens_per_user));
        let at = |p: &ParetoPoint| (xs.at(p.tokens_per_user), ys.at(p.tokens_per_chip));
        svg.open(&format!("class=\"series {}\" data-system=\"{}\"", series_class(i), escape(&system.id)));
        svg.polyline("curve", &curve.iter().map(|p| at(p)).collect::<Vec<_>>());
        for p in &curve {
            let tip = Both::of(|lang| tip(&system.name, p, lang));
            let hollow = if p.meets_levels { "" } else { " hollow" };
            svg.raw(&format!(
                "<path class=\"pt tip{hollow}\" d=\"{}\"{}/>",
                path(i, at(p), if slim { 3.2 } else { 3.8 }),
                tip.attributes("data")
            ));
        }
        svg.close();
        if let Some(choice) = words::served(system) {
            let chosen = (xs.at(1.0 / choice.tpot.mean.value), ys.at(choice.tokens_per_chip.value));
            let on_curve = curve.iter().find(|p| p.setup == choice.setup).map_or(chosen, |p| at(p));
            discs.push((i, system, choice, on_curve));
        }
    }
    // Above all curves, so that no number is struck through.
    for (i, system, choice, at) in discs {
        let spot = places.near(at);
        svg.open(&format!("class=\"series {}\" data-system=\"{}\"", series_class(i), escape(&system.id)));
        if spot != at {
            svg.line("leader", at, spot);
        }
        let tip = Both::of(|lang| chosen_tip(&system.name, choice, lang));
        svg.circle("disc tip", spot, 9.0, &tip.attributes("data"));
        svg.text("number", (spot.0, spot.1 + 3.8), Anchor::Middle, &Both::same((i + 1).to_string()));
        svg.close();
    }
    svg.finish()
}

/// A tick: no digits that say nothing.
pub fn axis_number(value: f64) -> String {
    let text = quantity(value, Unit::Plain);
    match text.split_once('.') {
        Some((whole, rest)) => {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let fraction = rest[..end].trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{whole}{point}{fraction}{}", &rest[end..])
        }
        None => text,
    }
}

fn tip(name: &str, p: &ParetoPoint, lang: Lang) -> String {
    let mut lines = vec![
        name.to_owned(),
        format!("{} · {}", words::pools(&p.setup, lang), words::batch(&p.setup, lang)),
        format!("{} tokens/s {}", digits(p.tokens_per_chip), Msg::PerChip.text(lang)),
        format!("{} tokens/s {}", digits(p.tokens_per_user), Msg::PerUser.text(lang)),
        format!("TTFT {} {}", Msg::Mean.text(lang), quantity(p.ttft, Unit::Time)),
    ];
    if let Some(cost) = p.cost_per_million {
        lines.push(format!("{} {}", digits(cost), Msg::CostPerMillion.text(lang)));
    }
    let met = if p.meets_levels { Msg::Yes } else { Msg::No };
    lines.push(format!("{}{}{}", Msg::LevelsMet.text(lang), lang.colon(), met.text(lang)));
    lines.join("\n")
}

fn chosen_tip(name: &str, choice: &Choice, lang: Lang) -> String {
    use crate::lang::number::estimate;
    let mut lines = vec![
        name.to_owned(),
        format!("{} · {}", words::pools(&choice.setup, lang), words::batch(&choice.setup, lang)),
        format!("{} tokens/s {}", estimate(&choice.tokens_per_chip, Unit::Plain), Msg::PerChip.text(lang)),
        format!("TPOT p50 {}", estimate(&choice.tpot.p50, Unit::Time)),
        format!("TTFT p99 {}", estimate(&choice.ttft.p99, Unit::Time)),
    ];
    if let Some(cost) = &choice.cost {
        lines.push(format!("{} {}", estimate(&cost.per_million, Unit::Plain), Msg::CostPerMillion.text(lang)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_short() {
        assert_eq!(axis_number(2.5), "2.5");
        assert_eq!(axis_number(20.0), "20");
        assert_eq!(axis_number(1000.0), "1,000");
        assert_eq!(axis_number(200_000.0), "200k");
        assert_eq!(axis_number(0.05), "0.05");
    }
}
