//! A training step through a pipeline, event by event.
//!
//! A schedule is an order of work for each stage ([`orders`]); [`run`] plays it: work starts when its stage is free and
//! what it needs has arrived, hand-overs and gradients share each stage's links with the exchanges inside the work, and
//! the optimizer waits for all. Times are whole picoseconds; equal events go in one order.

mod graph;
mod greedy;
mod links;
mod order;
mod run;
#[cfg(test)]
mod tests;

pub use graph::{Chunk, Data, Pass, Pipeline, Schedule, Slot, Work};
pub use order::orders;
pub use run::{Ran, Span, SpanKind, run};
