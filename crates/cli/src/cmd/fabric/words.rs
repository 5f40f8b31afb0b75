//! Why something cannot be done after a fault, in words.

use fabric::collective::LowerError;
use fabric::estimate::{EstimateError, Why};

use crate::lang::number::thousands;
use crate::lang::{Lang, Msg, term};

/// A reason in the language of the reader; those that name fields or files stay as they are.
pub fn why(why: &Why, lang: Lang) -> String {
    let count = |n: u32| thousands(f64::from(n));
    match why {
        Why::Estimate(EstimateError::DeadChip { chip, rank }) => {
            Msg::FabricDeadChip.fill(lang, &[("chip", &chip.to_string()), ("rank", &rank.to_string())])
        }
        Why::Estimate(EstimateError::Lower(LowerError::CutOff { ranks })) => {
            let shown: Vec<String> = ranks.iter().take(8).map(usize::to_string).collect();
            let more = if ranks.len() > 8 { ", ..." } else { "" };
            let list = shown.join(", ") + more;
            let message = if ranks.len() == 1 { Msg::FabricCutOffOne } else { Msg::FabricCutOff };
            message.fill(lang, &[("count", &thousands(ranks.len() as f64)), ("ranks", &list)])
        }
        Why::Estimate(EstimateError::Algorithm { algorithm, error }) => {
            format!("{}{}{}", term(algorithm, lang), lang.colon(), term(&error.to_string(), lang))
        }
        Why::Estimate(other) => other.to_string(),
        Why::NoSpareChips(chips) => Msg::FabricNoSpareChips.fill(lang, &[("count", &thousands(*chips as f64))]),
        Why::NoSpareCubes { used, cubes, spare, broken } => Msg::FabricNoSpareCubes.fill(
            lang,
            &[
                ("used", &count(*used)),
                ("cubes", &count(*cubes)),
                ("spare", &count(*spare)),
                ("broken", &count(*broken)),
            ],
        ),
        Why::Circuits => Msg::FabricCircuits.text(lang).to_owned(),
        Why::TooFewLeft => Msg::FabricTooFewLeft.text(lang).to_owned(),
    }
}
