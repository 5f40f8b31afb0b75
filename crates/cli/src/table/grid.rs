//! A grid of cells with widths right for Chinese, and wrapped paragraphs.

use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width,
};
use unicode_width::UnicodeWidthStr;

use super::View;

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Blank columns between two columns of a grid.
pub const GAP: usize = 2;

/// Columns from the end of one column of a grid to the next: padding and comfy-table's separator.
const STEP: usize = GAP + 1;

const RULED: TableStyle = TableStyle::new()
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

/// Lines that a row may take before the table is shown as records.
const TALLEST_ROW: usize = 5;

/// A table with a rule below its heading and, where `ruled_rows` says so, between its rows. Where the view is too narrow for
/// that (words would break, or rows would be tall), its rows stand side by side instead, with a line for each column.
pub fn grid(header: &[(String, Align)], rows: &[Vec<String>], ruled_rows: bool, view: View) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|text| clean(text)).collect()).collect();
    let out = match columns(header, &rows, true, view) {
        Some(ruled) if tallest(&ruled) <= TALLEST_ROW => match ruled_rows {
            true => ruled,
            false => columns(header, &rows, false, view).unwrap_or(ruled),
        },
        _ => records(header, &rows, view),
    };
    if view.color { dim_intervals(&out) } else { out }
}

/// The rows one below the other; `None` where that would break words.
fn columns(header: &[(String, Align)], rows: &[Vec<String>], ruled_rows: bool, view: View) -> Option<String> {
    let least: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(i, (text, _))| {
            rows.iter().filter_map(|row| row.get(i)).map(|cell| unbroken(cell)).fold(unbroken(text), usize::max)
        })
        .collect();
    let last = header.len().saturating_sub(1);
    if least.iter().sum::<usize>() + STEP * last > view.width {
        return None;
    }
    let mut table = plain(ruled_rows, view);
    table.set_header(header.iter().map(|(text, _)| Cell::new(text).add_attribute(Attribute::Bold)));
    for row in rows {
        table.add_row(row.iter().map(Cell::new));
    }
    for (i, (_, align)) in header.iter().enumerate() {
        if let Some(column) = table.column_mut(i) {
            let gap = if i == last { 0 } else { GAP };
            column.set_padding((0, gap as u16));
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed((least[i] + gap) as u16)));
            column.set_cell_alignment(match align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
    }
    Some(lines(&table))
}

/// The rows side by side, as many as the view has room for, a line for each column.
fn records(header: &[(String, Align)], rows: &[Vec<String>], view: View) -> String {
    let names = header.iter().map(|(text, _)| width(text)).max().unwrap_or(0).min(view.width / 2);
    let room = view.width.saturating_sub(names + STEP);
    let wide = |row: &Vec<String>| row.iter().map(|cell| width(cell)).max().unwrap_or(0).min(room);
    let mut out = String::new();
    let mut rest = rows;
    while !rest.is_empty() {
        let mut used = 0;
        let fits = rest.iter().take_while(|row| {
            used += wide(row) + STEP;
            used <= room + STEP
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        let mut table = plain(false, view);
        for (i, (name, _)) in header.iter().enumerate() {
            let cells = now.iter().map(|row| Cell::new(row.get(i).map_or("", String::as_str)));
            match i {
                0 => table.set_header(
                    std::iter::once(Cell::new(name)).chain(cells).map(|cell| cell.add_attribute(Attribute::Bold)),
                ),
                _ => table.add_row(std::iter::once(Cell::new(name)).chain(cells)),
            };
        }
        for i in 0..now.len() {
            if let Some(column) = table.column_mut(i) {
                column.set_padding((0, GAP as u16));
            }
        }
        if let Some(column) = table.column_mut(now.len()) {
            column.set_padding((0, 0));
        }
        out += &lines(&table);
        rest = later;
    }
    out
}

/// A table that holds nothing yet.
fn plain(ruled_rows: bool, view: View) -> Table {
    let mut table = Table::new();
    let style = if ruled_rows { RULED.row_separator(LineStyle::none().fill('╌').junction('╌')) } else { RULED };
    table.load_style(style);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(view.width).unwrap_or(u16::MAX));
    if view.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Lines of the tallest row of a table with rules between its rows.
fn tallest(ruled: &str) -> usize {
    let (mut most, mut now) = (0, 0);
    for line in ruled.lines() {
        now = if line.starts_with(['─', '╌']) { 0 } else { now + 1 };
        most = most.max(now);
    }
    most
}

/// Columns of the longest piece of a text that should stay whole. Chinese may break anywhere, but not after every character.
fn unbroken(text: &str) -> usize {
    const CHINESE: usize = 8;
    let piece = |word: &str| {
        let narrow = word.split(|c: char| c as u32 > 0x2E80).map(UnicodeWidthStr::width).max().unwrap_or(0);
        UnicodeWidthStr::width(word).min(CHINESE.max(narrow))
    };
    text.split_whitespace().map(piece).max().unwrap_or(0)
}

/// Text from files may hold control characters that would drive the terminal: they become blanks. Line feeds stay.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

/// A heading of a section.
pub fn heading(text: &str, view: View) -> String {
    format!("\n{}", bold(text, view))
}

/// A paragraph in bold.
pub fn bold(text: &str, view: View) -> String {
    let lines = paragraph(text, 0, View { color: false, ..view });
    if view.color { format!("\x1b[1m{}\x1b[0m\n", lines.trim_end()) } else { lines }
}

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0)
}

/// Breaks a paragraph at blanks, and between Chinese characters, into lines of the view's width; all but the first are
/// indented. A word longer than a line stays whole: half a name is worse than a long line.
pub fn paragraph(text: &str, indent: usize, view: View) -> String {
    let pad = " ".repeat(indent);
    let mut out = String::new();
    let (mut line, mut used) = (String::new(), 0);
    for piece in pieces(&clean(text)) {
        let wide = UnicodeWidthStr::width(piece.trim_end());
        if used > 0 && used + wide > view.width {
            out.push_str(line.trim_end());
            out.push('\n');
            line = pad.clone();
            used = indent;
        }
        line.push_str(piece);
        used += UnicodeWidthStr::width(piece);
    }
    out.push_str(line.trim_end());
    out.push('\n');
    if view.color { dim_intervals(&out) } else { out }
}

/// Splits after blanks and after wide characters (those of Chinese), not before closing punctuation.
fn pieces(text: &str) -> Vec<&str> {
    const CLOSING: &str = "，。；：、）」”？！,.;:)%";
    let mut out = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        let next = chars.peek().map(|&(_, n)| n);
        let wide = c as u32 > 0x2E80 && c != '（';
        let before_closing = next.is_some_and(|n| CLOSING.contains(n) || n == ' ');
        if (c == ' ' && next != Some(' ') && next != Some('%')) || (wide && !before_closing) {
            out.push(&text[start..end]);
            start = end;
        }
    }
    if start < text.len() {
        out.push(&text[start..]);
    }
    out
}

/// Makes `(1.2–3.4)` recede. Done after layout, so that no width counts the escape codes.
fn dim_intervals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('(') {
        let Some(length) = rest[open..].find(')') else { break };
        let inside = &rest[open + 1..open + length];
        out.push_str(&rest[..open]);
        let numeric = inside.contains('–') && inside.chars().all(|c| c.is_ascii_digit() || ".,–kMGe-+ ".contains(c));
        if numeric {
            out.push_str(&format!("\x1b[2m({inside})\x1b[22m"));
            rest = &rest[open + length + 1..];
        } else {
            out.push('(');
            rest = &rest[open + 1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Lang;

    fn view(width: usize) -> View {
        View { lang: Lang::En, width, color: false }
    }

    #[test]
    fn paragraphs_break_at_blanks_and_between_chinese_characters() {
        assert_eq!(paragraph("one two three", 2, view(8)), "one two\n  three\n");
        assert_eq!(paragraph("最满的芯片需要", 0, view(8)), "最满的芯\n片需要\n");
        assert_eq!(paragraph("averyverylongword x", 0, view(8)), "averyverylongword\nx\n");
    }

    #[test]
    fn escape_codes_in_data_do_not_reach_the_terminal() {
        assert!(!paragraph("a\x1b[31mred", 0, view(40)).contains('\x1b'));
        assert!(!grid(&[("h".into(), Align::Left)], &[vec!["\x1b[2J".into()]], false, view(40)).contains('\x1b'));
    }

    #[test]
    fn a_narrow_view_turns_the_table() {
        let header: Vec<_> = ["Pool", "Requests", "Preempted"].map(|h| (h.to_owned(), Align::Left)).into();
        let rows = vec![vec!["short".into(), "1".into(), "2".into()], vec!["long".into(), "3".into(), "4".into()]];
        let upright = grid(&header, &rows, false, view(30));
        assert!(upright.starts_with("Pool    Requests   Preempted\n"), "{upright}");
        let turned = "Pool        short   long\n────────────────────────\nRequests    1       3\nPreempted   2       4\n\
                      ────────────────────────\n";
        assert_eq!(grid(&header, &rows, false, view(24)), turned);
        // One by one where two do not fit.
        assert_eq!(grid(&header, &rows, false, view(18)).matches("Requests").count(), 2);
    }

    #[test]
    fn only_intervals_recede() {
        assert_eq!(dim_intervals("a (b) 3 (1.2–4,000)"), "a (b) 3 \x1b[2m(1.2–4,000)\x1b[22m");
        assert_eq!(dim_intervals("(open"), "(open");
    }
}
