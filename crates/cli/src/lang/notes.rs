//! Notes of a conversion in both languages.

use formats::Note;

use super::{Lang, Msg};

/// A note with what comes before it: `note: no tensor needs converting`.
pub fn note(note: &Note, lang: Lang) -> String {
    let text = match note {
        Note::NotInIndex(n) => Msg::NotInIndex.fill(lang, &[("count", &n.to_string())]),
        Note::NotUnderstood(n, why) => Msg::NotUnderstood.fill(lang, &[("count", &n.to_string()), ("why", why)]),
        Note::NotTranslated(why) => Msg::NotTranslated.fill(lang, &[("why", why)]),
        Note::NothingToConvert => Msg::NothingToConvert.text(lang).to_owned(),
        Note::NoConfig => Msg::NoConfig.text(lang).to_owned(),
        Note::NamesKept => Msg::NamesKept.text(lang).to_owned(),
        Note::Translated => Msg::Translated.text(lang).to_owned(),
        Note::SameSoFar { values, sampled, matrices } => {
            let [values, sampled, matrices] = [&values.to_string(), &sampled.to_string(), &matrices.to_string()];
            Msg::SameSoFar.fill(lang, &[("values", values), ("sampled", sampled), ("matrices", matrices)])
        }
        Note::RoundedAgain(r) => Msg::RoundedAgain.fill(
            lang,
            &[
                ("relative", &format!("{:.4}", r.relative)),
                ("changed", &format!("{:.1}", 100.0 * r.changed)),
                ("values", &r.values.to_string()),
                ("sampled", &r.sampled.to_string()),
                ("matrices", &r.matrices.to_string()),
            ],
        ),
    };
    format!("{}{text}", Msg::Note.text(lang))
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::note::Rounding;

    /// The English of the library and that of the interface are one.
    #[test]
    fn english_is_what_the_library_says() {
        let rounding = Rounding { relative: 0.0268, changed: 0.51, values: 12, sampled: 3, matrices: 4 };
        for n in [
            Note::NotInIndex(3),
            Note::NotUnderstood(2, "codes {a}".to_owned()),
            Note::NotTranslated("x".to_owned()),
            Note::NothingToConvert,
            Note::NoConfig,
            Note::NamesKept,
            Note::Translated,
            Note::SameSoFar { values: 5, sampled: 1, matrices: 2 },
            Note::RoundedAgain(rounding),
        ] {
            assert_eq!(note(&n, Lang::En), format!("note: {n}"));
        }
    }
}
