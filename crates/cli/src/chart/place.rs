//! Places labels so that they do not lie on each other.

/// Remembers where labels are and finds free places near a point.
pub struct Places {
    taken: Vec<(f64, f64)>,
    radius: f64,
    /// Left, top, right, bottom of the ground.
    ground: (f64, f64, f64, f64),
}

impl Places {
    /// For discs of `radius` on a ground (left, top, right, bottom).
    pub fn new(radius: f64, ground: (f64, f64, f64, f64)) -> Places {
        Places { taken: Vec::new(), radius, ground }
    }

    /// The point itself if it is free, else the nearest free place on rings around it, else the point.
    pub fn near(&mut self, (x, y): (f64, f64)) -> (f64, f64) {
        let spot = self.rings((x, y)).find(|p| self.free(*p)).unwrap_or((x, y));
        self.taken.push(spot);
        spot
    }

    fn rings(&self, (x, y): (f64, f64)) -> impl Iterator<Item = (f64, f64)> + use<> {
        let step = self.radius * 2.3;
        let around = (1..=4).flat_map(move |ring| {
            let steps = 8 * ring;
            (0..steps).map(move |i| {
                // From the upper right on, where curves that fall to the right leave room.
                let angle = (f64::from(i) / f64::from(steps) - 0.125) * std::f64::consts::TAU;
                (x + f64::from(ring) * step * angle.cos(), y + f64::from(ring) * step * angle.sin())
            })
        });
        std::iter::once((x, y)).chain(around)
    }

    fn free(&self, (x, y): (f64, f64)) -> bool {
        let (left, top, right, bottom) = self.ground;
        let r = self.radius;
        let inside = x - r >= left && x + r <= right && y - r >= top && y + r <= bottom;
        inside && self.taken.iter().all(|(tx, ty)| (tx - x).hypot(ty - y) >= 2.0 * r + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_labels_on_one_point_do_not_touch() {
        let mut places = Places::new(9.0, (0.0, 0.0, 400.0, 400.0));
        let spots: Vec<(f64, f64)> = (0..20).map(|_| places.near((200.0, 200.0))).collect();
        for (i, a) in spots.iter().enumerate() {
            for b in &spots[i + 1..] {
                assert!((a.0 - b.0).hypot(a.1 - b.1) >= 18.0, "{a:?} {b:?}");
            }
        }
    }
}
