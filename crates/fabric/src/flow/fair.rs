//! Max-min fair rates by filling: all rates rise together; where a resource is full, its streams stop rising.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A resource and the rate at which it will be full, lowest first; equal ones by number, for determinism.
#[derive(PartialEq)]
struct Full {
    level: f64,
    resource: u32,
}

impl Eq for Full {}

impl Ord for Full {
    fn cmp(&self, other: &Self) -> Ordering {
        other.level.total_cmp(&self.level).then(other.resource.cmp(&self.resource))
    }
}

impl PartialOrd for Full {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Scratch space for filling, by resource and by stream.
pub(super) struct Filler {
    capacities: Vec<f64>,
    left: Vec<f64>,
    wanted: Vec<f64>,
    fixed: Vec<bool>,
}

impl Filler {
    /// For resources of these capacities.
    pub fn new(capacities: &[f64]) -> Filler {
        let zero = vec![0.0; capacities.len()];
        Filler { capacities: capacities.to_vec(), left: zero.clone(), wanted: zero, fixed: Vec::new() }
    }

    /// Sets `rates` of `streams`, which use `resources` and share them with no others. `uses` gives what a stream uses,
    /// `users` the streams of a resource.
    pub fn fill<'s, 'r>(
        &mut self,
        streams: &[u32],
        resources: &[u32],
        uses: impl Fn(u32) -> &'s [(u32, f64)],
        users: impl Fn(u32) -> &'r [u32],
        rates: &mut [f64],
    ) {
        self.fixed.resize(rates.len(), false);
        for &r in resources {
            self.left[r as usize] = self.capacities[r as usize];
            self.wanted[r as usize] = 0.0;
        }
        for &s in streams {
            self.fixed[s as usize] = false;
            for &(r, share) in uses(s) {
                self.wanted[r as usize] += share;
            }
        }
        let level = |left: f64, wanted: f64| left.max(0.0) / wanted;
        let mut heap: BinaryHeap<Full> = resources
            .iter()
            .filter(|&&r| self.wanted[r as usize] > 0.0)
            .map(|&resource| {
                let at = resource as usize;
                Full { level: level(self.left[at], self.wanted[at]), resource }
            })
            .collect();
        let mut open = streams.len();
        while let Some(Full { level: said, resource }) = heap.pop() {
            if open == 0 {
                break;
            }
            let at = resource as usize;
            // Fixed streams leave dust behind.
            if self.wanted[at] <= 1e-12 {
                continue;
            }
            let now = level(self.left[at], self.wanted[at]);
            if now > said * (1.0 + 1e-12) {
                // Others were fixed below the fair share of this one, which leaves it more.
                heap.push(Full { level: now, resource });
                continue;
            }
            for &s in users(resource) {
                if self.fixed[s as usize] {
                    continue;
                }
                self.fixed[s as usize] = true;
                open -= 1;
                rates[s as usize] = now;
                for &(r, share) in uses(s) {
                    self.left[r as usize] -= now * share;
                    self.wanted[r as usize] -= share;
                }
            }
        }
    }
}
