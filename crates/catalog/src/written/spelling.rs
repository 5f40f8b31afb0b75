//! Names that were probably meant.

/// Text of a user's, cut to what a message can carry.
pub fn short(text: &str) -> String {
    let mut out: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if out.len() < text.len() {
        out.push_str("...");
    }
    out
}

/// The name that was probably meant, if one is near: about one edit in three characters.
pub fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if name.len() > 100 {
        return None;
    }
    let plain = |s: &str| s.to_lowercase().replace(['_', ' ', '.'], "-");
    let wanted = plain(name);
    let budget = wanted.chars().count().div_ceil(3);
    names
        .map(|n| (distance(&wanted, &plain(n)), n))
        .filter(|(d, _)| *d <= budget)
        .min_by_key(|(d, _)| *d)
        .map(|(_, n)| n)
}

/// Edits (insert, delete, replace) from one text to another.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
