//! What to buy or rent, when and where: a question in, a dated plan out.
//!
//! ```text
//! plan.toml ──read──> Question ──rates──> Case ──formulate──> Model ──relax, round, prove──> Plan ──answer──> findings
//!                        │  policies, prices                    │
//!                     scenarios ──terms──> by quarter        ledger: every dollar by column, scenario, quarter, kind
//! ```
//!
//! Orders of the first quarters are the same in every scenario (they are made before it is known which one comes); later
//! ones adapt. Money is counted in US dollars of the first quarter.

mod answer;
pub mod case;
pub mod engine;
pub mod findings;
pub mod formulate;
pub mod optimise;
pub mod program;
pub mod quarter;
pub mod question;
pub mod rates;
mod read;
mod round;
pub mod sensitivity;
pub mod solver;
pub mod terms;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod testing;

pub use case::Case;
pub use optimise::{Outcome, Plan, optimise};
pub use quarter::Quarter;
pub use question::Question;
pub use read::{check, read};

use findings::PlanFindings;
use rates::Source;
use solver::Unsolved;

/// Answers a question: the plan with all that is asked further, or why there is none.
///
/// # Errors
/// The solver failed.
pub fn plan(question: Question, source: &dyn Source) -> Result<PlanFindings, Unsolved> {
    let case = Case::new(question, source);
    let answer = match optimise(&case)? {
        Outcome::Plan(plan) => {
            let further = sensitivity::sensitivity(&case, source)?;
            findings::PlanAnswer::Plan(Box::new(answer::plan(&case, &plan, further)))
        }
        Outcome::Short(short) => answer::short(&case, &short),
    };
    Ok(answer::findings(&case, answer))
}
