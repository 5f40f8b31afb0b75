//! Reading free text of measurement tables.

/// The number that a text starts with: "8 (press copy)" is 8, "2.7" is 2.7, "dataset" is none.
pub fn first_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].trim_end_matches('.').parse().ok()
}

/// Whether `part` occurs in `text`, whatever the case.
pub fn has(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

/// A mean length in tokens: "219 (mean, ...)", "4k-64k mean 32k", "1024".
pub fn mean_length(text: &str) -> Option<f64> {
    if let Some(rest) = text.split("mean ").nth(1)
        && let Some(value) = first_number(rest)
    {
        return Some(if rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').starts_with('k') {
            value * 1024.0
        } else {
            value
        });
    }
    first_number(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_tables_write() {
        assert_eq!(first_number("8 (press copy says TP8PP2)"), Some(8.0));
        assert_eq!(first_number("unknown"), None);
        assert_eq!(mean_length("219 (mean, 218743/1000)"), Some(219.0));
        assert_eq!(mean_length("4k-64k mean 32k"), Some(32768.0));
        assert_eq!(mean_length("294 (OpenOrca mean)"), Some(294.0));
        assert!(has("Random-Range", "random"));
    }
}
