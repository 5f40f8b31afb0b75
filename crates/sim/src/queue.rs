//! The event queue. Simultaneous events have one order: by kind (an engine's step ends, then a transfer, then what befalls
//! an engine, then a sending, an arrival, a look at the clock), then by index; requests are numbered as they arrive, so equals leave first in, first out. The order does not
//! depend on when an event was put in, and so not on how runs of steps were cut.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Time;

/// What can happen. The order of the kinds is the order at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// The planned steps of an engine are over, unless the plan was changed meanwhile (another generation).
    End { engine: u32, generation: u32 },
    /// The KV cache of a request has arrived where it decodes, or where its prompt is computed; stale if the request
    /// began anew meanwhile (another attempt).
    Shipped { job: u32, attempt: u32 },
    /// An engine fails, slows down, drains, or comes back.
    Life { index: u32 },
    /// A client sends a request.
    Send { job: u32 },
    /// A request reaches an engine's queue.
    Arrive { job: u32 },
    /// Time to take a sample (0) or to look at the size of a pool (1 and its number).
    Tick { which: u32 },
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<(Time, Event)>>,
    ticks: usize,
}

impl Queue {
    pub fn push(&mut self, time: Time, event: Event) {
        self.ticks += usize::from(matches!(event, Event::Tick { .. }));
        self.heap.push(Reverse((time, event)));
    }

    pub fn pop(&mut self) -> Option<(Time, Event)> {
        let Reverse((time, event)) = self.heap.pop()?;
        self.ticks -= usize::from(matches!(event, Event::Tick { .. }));
        Some((time, event))
    }

    /// Whether nothing is to come but ticks.
    pub fn only_ticks(&self) -> bool {
        self.heap.len() == self.ticks
    }

    /// The next event, where it is due at this very moment.
    pub fn pop_at(&mut self, time: Time) -> Option<Event> {
        match self.heap.peek() {
            Some(Reverse((due, _))) if *due == time => self.pop().map(|(_, event)| event),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simultaneous_events_have_one_order() {
        let events = [
            (2, Event::Arrive { job: 1 }),
            (2, Event::Arrive { job: 0 }),
            (1, Event::Arrive { job: 7 }),
            (2, Event::Shipped { job: 3, attempt: 0 }),
            (2, Event::End { engine: 0, generation: 9 }),
        ];
        let mut queue = Queue::default();
        for (time, event) in events {
            queue.push(Time(time), event);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        assert_eq!(order, [events[2].1, events[4].1, events[3].1, events[1].1, events[0].1]);
        assert_eq!(queue.pop_at(Time(2)), None);
    }
}
