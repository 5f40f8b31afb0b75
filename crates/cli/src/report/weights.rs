//! The page of `compare-weights`: a histogram, and every tensor that differs.

use formats::compare::{Comparison, bin_names};

use super::page;
use crate::chart::WIDTHS;
use crate::chart::bars::{Axis, Row, Segment, bars};
use crate::lang::both::{escape, put};
use crate::lang::number::thousands;
use crate::lang::{Both, Msg};
use crate::table::weights::{cells, header, stored_as};

/// The page. `first` and `second` say what was compared.
pub fn render(first: &str, second: &str, result: &Comparison) -> String {
    let program = concat!("steelyard ", env!("CARGO_PKG_VERSION"));
    let against = Both::of(|lang| Msg::WeightsAgainst.fill(lang, &[("first", first), ("second", second)]));
    let mut out = String::new();
    page::opening(program, &against.en, &mut out);
    page::top("histogram", &mut out);
    put(&mut out, format_args!("<h1>{}</h1>\n", Both::msg(Msg::WeightsTitle).html()));
    put(&mut out, format_args!("<p class=\"asked\">{}</p>\n", against.html()));
    put(&mut out, format_args!("<p class=\"lead\">{}</p>\n</header>\n<main>\n", counts(result).html()));
    page::section("histogram", Msg::HistogramTitle, Some(Msg::HistogramNote), &mut out);
    histogram(result, &mut out);
    out.push_str("</section>\n");
    page::section("tensors", Msg::WorstFirst, None, &mut out);
    table(result, &mut out);
    out.push_str("</section>\n</main>\n");
    page::footer(program, &mut out);
    page::closing(&mut out);
    out
}

/// How many tensors were compared, and how many differ.
fn counts(result: &Comparison) -> Both {
    let (all, differ) = (result.pairs.len(), result.worst().len());
    Both::of(|lang| {
        let count = |n: usize| thousands(n as f64);
        let arguments = [("count", &*count(all)), ("equal", &count(all - differ)), ("differ", &count(differ))];
        Msg::ComparedCount.fill(lang, &arguments)
    })
}

fn histogram(result: &Comparison, out: &mut String) {
    let rows: Vec<Row> = bin_names()
        .into_iter()
        .zip(result.histogram())
        .map(|(bin, n)| {
            let count = thousands(n as f64);
            let tip = Both::of(|lang| Msg::HistogramBar.fill(lang, &[("from", &bin), ("count", &count)]));
            let segment = Segment { class: "k0".to_owned(), value: n as f64, label: Both::same(""), tip };
            let name = if bin == "equal" { Both::msg(Msg::Exact) } else { Both::same(bin.clone()) };
            Row { id: bin, name, segments: vec![segment], whisker: None, end: Both::same(count) }
        })
        .collect();
    let axis = Axis::Value(Both::msg(Msg::ValuesCount), None);
    for (width, class) in WIDTHS {
        out.push_str(&bars(&rows, &axis, width, class, "histogram-h"));
    }
}

fn table(result: &Comparison, out: &mut String) {
    let number = |i: usize| if i < 2 { "" } else { " class=\"n\"" };
    out.push_str("<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>");
    for (i, msg) in header().into_iter().enumerate() {
        put(out, format_args!("<th scope=\"col\"{}>{}</th>", number(i), msg.html()));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    let mut row = |name: &Both, stored: &str, stats: &formats::ErrorStats| {
        put(out, format_args!("<tr><th scope=\"row\">{}</th><td>{}</td>", name.html(), escape(stored)));
        for cell in cells(stats) {
            put(out, format_args!("<td class=\"n\">{}</td>", cell.html()));
        }
        out.push_str("</tr>\n");
    };
    row(&Both::msg(Msg::AllTogether), "", &result.total());
    for pair in result.worst() {
        row(&Both::same(pair.name.clone()), &stored_as(pair), &pair.stats);
    }
    out.push_str("</tbody></table></div>\n");
}
