//! Tables for the terminal. Each function takes plain rows and gives text that ends in a line feed.

mod claims;
mod explain;
mod goodput;
mod grid;
mod pipeline;
mod plan;
pub mod replay;
pub mod train;
mod validate;
mod weigh;
mod weigh_notes;
pub mod weights;

pub use self::plan::plan;
pub use claims::claims;
pub use explain::{Explanation, efficiency, explain};
pub use goodput::goodput;
pub use grid::{Align, bold, grid, heading, paragraph};
pub use validate::{GoalRow, Section, ValidationRow, goals, validate};
pub use weigh::{parameters, weigh};
pub use weigh_notes::facts;

use std::io::IsTerminal;

use crate::lang::Lang;

/// How to show: for whom and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Language.
    pub lang: Lang,
    /// Columns of the terminal.
    pub width: usize,
    /// Whether bold and dim may be used.
    pub color: bool,
}

/// Columns where nothing tells how many there are (a pipe, a file): all figures fit.
const WIDTH_OF_A_FILE: usize = 160;

impl View {
    /// For this process's standard output. `COLUMNS` overrides the terminal's width; `NO_COLOR` (set and not empty, see
    /// no-color.org) and anything that is not a terminal get plain text.
    pub fn of_stdout(lang: Lang) -> View {
        let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).filter(|&c: &usize| c > 0);
        let terminal = comfy_table::Table::new().width().map(usize::from).filter(|&w| w > 0);
        let width = columns.or(terminal).unwrap_or(WIDTH_OF_A_FILE).clamp(20, 1000);
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        View { lang, width, color: std::io::stdout().is_terminal() && !no_color }
    }
}

/// Writes text to standard output. A reader that closed the pipe (`| head`) has read enough: no error.
pub fn print(text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
