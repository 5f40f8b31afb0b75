//! What to buy or rent, when and where: a question in, a dated plan out.
//!
//! ```text
//! plan.toml ──read──> Question ──rates──> Case ──formulate──> Model ──relax, sharpen, branch, round, prove──> Plan ──answer──> findings
//!                        │  policies, prices                    │
//!                     scenarios ──terms──> by quarter        ledger: every dollar by column, scenario, quarter, kind
//! ```
//!
//! Orders of the first quarters are the same in every scenario (they are made before it is known which one comes); later
//! ones adapt. Money is counted in US dollars of the first quarter.

mod answer;
mod branch;
pub mod case;
mod cuts;
pub mod engine;
pub mod findings;
pub mod formulate;
pub mod inputs;
pub mod optimise;
pub mod program;
pub mod quarter;
pub mod question;
pub mod rates;
mod read;
mod round;
pub mod sensitivity;
mod short;
pub mod solver;
pub mod terms;
mod watch;
mod whole;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod testing;

pub use case::Case;
pub use optimise::{Outcome, Plan, optimise};
pub use quarter::Quarter;
pub use question::Question;
pub use read::{check, read};
pub use short::Short;
pub use solver::Unsolved;
pub use watch::Watch;

use findings::PlanFindings;
use rates::Source;

/// Answers a question: the plan with all that is asked further, or why there is none. `watch` is told how far it is and
/// may call it off.
///
/// # Errors
/// The solver failed, or it was called off.
pub fn plan(question: Question, source: &dyn Source, watch: &Watch) -> Result<PlanFindings, Unsolved> {
    let case = Case::new(question, source, watch)?;
    (watch.expect)(1);
    let outcome = optimise(&case, watch)?;
    (watch.step)("optimum");
    let answer = match outcome {
        Outcome::Plan(plan) => {
            let further = sensitivity::sensitivity(&case, source, watch)?;
            findings::PlanAnswer::Plan(Box::new(answer::plan(&case, &plan, further)))
        }
        Outcome::Short(short) => findings::PlanAnswer::Short(answer::short(&case, &short)),
    };
    Ok(answer::findings(&case, answer))
}
