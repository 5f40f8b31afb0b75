//! Yes or no to stacks, before units are rounded.
//!
//! Moving to a stack is one decision that costs as much as many units, and the relaxed programme moves by halves: that, not
//! units, is most of what is between it and a real plan. There are few such decisions, so they are branched on: the cheapest
//! programme with a half one is replaced by two, with and without the move. The cheapest that is left is the bound. What is
//! still half in the cheapest few is decided by the nearer side: that is where rounding starts.

use rayon::prelude::*;

use super::formulate::Model;
use super::program::Program;
use super::solver::{Relaxed, Unsolved, relax};
use super::watch::Watch;

/// Most programmes that are split in two.
const SPLITS: usize = 6;
/// The same of programmes above so many columns, whose relaxed solutions take long.
const LARGE: (usize, usize) = (3_000, 1);
/// Most of the cheapest programmes that rounding starts from.
const STARTS: usize = 3;
/// What is no half decision but rounding of the solver.
const WHOLE: f64 = 1e-4;

/// Moves with yes or no.
type Decided = Vec<(usize, bool)>;

/// A programme with some moves decided, solved.
struct Node {
    decided: Decided,
    relaxed: Relaxed,
}

/// What branching finds.
pub(super) struct Branched {
    /// No plan is cheaper.
    pub bound: f64,
    /// Solutions with all moves decided.
    pub starts: Vec<Relaxed>,
}

/// Decides moves of a programme whose solution is `relaxed`.
///
/// # Errors
/// The solver failed, no amounts meet all limits, or it was called off.
pub(super) fn branch(program: &Program, relaxed: Relaxed, model: &Model, watch: &Watch) -> Result<Branched, Unsolved> {
    let moves = model.index.moved.iter().chain(model.index.moved_later.iter().flatten());
    let moves: Vec<usize> = moves.flatten().copied().collect();
    let half = |node: &Node| {
        let rest = |&c: &usize| node.relaxed.values[c].min(1.0 - node.relaxed.values[c]);
        // Half a move is worse the more the move costs.
        let by = |c: &usize| rest(c) * program.columns[*c].cost.abs().max(1e-9);
        moves.iter().copied().filter(|c| rest(c) > WHOLE).max_by(|a, b| by(a).total_cmp(&by(b)).then(b.cmp(a)))
    };
    let solve = |decided: Decided| -> Result<Option<Node>, Unsolved> {
        watch.check()?;
        match relax(&fixed(program, &decided)) {
            Ok(relaxed) => Ok(Some(Node { decided, relaxed })),
            Err(Unsolved::Infeasible) => Ok(None),
            Err(failed) => Err(failed),
        }
    };
    let mut nodes = vec![Node { decided: Vec::new(), relaxed }];
    for _ in 0..if program.columns.len() > LARGE.0 { LARGE.1 } else { SPLITS } {
        // Sorted: the cheapest comes first.
        let Some(column) = nodes.first().and_then(half) else { break };
        let decided = nodes.remove(0).decided;
        let with = |yes: bool| solve(decided.iter().copied().chain([(column, yes)]).collect());
        let (no, yes) = rayon::join(|| with(false), || with(true));
        nodes.extend(no?.into_iter().chain(yes?));
        nodes.sort_by(|a, b| a.relaxed.cost.total_cmp(&b.relaxed.cost));
    }
    let Some(bound) = nodes.first().map(|n| n.relaxed.cost) else { return Err(Unsolved::Infeasible) };
    // The nearer side of all moves of the cheapest, and no move at all.
    let nearer = |node: &Node| moves.iter().map(|&c| (c, node.relaxed.values[c] >= 0.5)).collect::<Decided>();
    let (whole, halves): (Vec<Node>, Vec<Node>) = nodes.into_iter().take(STARTS).partition(|n| half(n).is_none());
    let mut tried: Vec<Decided> = whole.iter().map(nearer).collect();
    let mut open = Vec::new();
    for decided in halves.iter().map(nearer).chain([moves.iter().map(|&c| (c, false)).collect()]) {
        if !tried.contains(&decided) {
            tried.push(decided.clone());
            open.push(decided);
        }
    }
    let dived: Vec<Option<Node>> = open.into_par_iter().map(solve).collect::<Result<_, _>>()?;
    let starts = whole.into_iter().chain(dived.into_iter().flatten()).map(|n| n.relaxed).collect();
    Ok(Branched { bound, starts })
}

fn fixed(program: &Program, decided: &[(usize, bool)]) -> Program {
    let mut program = program.clone();
    for &(column, yes) in decided {
        match yes {
            true => {
                program.at_least(vec![(column, 1.0)], 1.0);
            }
            false => program.columns[column].upper = 0.0,
        }
    }
    program
}

#[cfg(test)]
mod tests {
    use super::super::formulate::{Ask, formulate};
    use super::super::question::{How, Stack};
    use super::super::testing::{case, exact, offer, question, work};
    use super::*;

    #[test]
    fn half_a_move_is_none() {
        // Half of the work of a quarter needs the other stack, or twice the units: 5 units at 1,000 USD a chip, or at 8,000.
        let mut q = question(
            1,
            vec![work("chat", 20.0)],
            vec![offer("known", 8_000.0, How::Buy), offer("new", 1_000.0, How::Buy)],
        );
        q.offers[1].supply = Some(exact(2.0));
        let (name, porting) = ("new".to_owned(), None);
        q.stacks.push(Stack { name, porting, cost: exact(50_000.0), quarters: exact(0.0), staff: exact(0.0) });
        q.offers[1].stack = Some(0);
        let model = formulate(&case(q, &[4.0, 4.0]), &Ask::default());
        let relaxed = relax(&model.program).expect("feasible");
        // Two of five units on the new stack take two fifths of a move: 3 x 64,000 + 2 x 8,000 + 0.4 x 50,000.
        assert!((relaxed.cost - 0.228).abs() < 1e-7, "{}", relaxed.cost);
        let found = branch(&model.program, relaxed, &model, &Watch::NOBODY).expect("feasible");
        let costs: Vec<f64> = found.starts.iter().map(|r| r.cost).collect();
        // All of the move, or five units of the known one.
        assert_eq!(costs.len(), 2);
        assert!((costs[0] - 0.258).abs() < 1e-7 && (costs[1] - 0.320).abs() < 1e-7, "{costs:?}");
        assert_eq!(found.bound, costs[0]);
    }
}
