//! How far tokens travel when a router picks experts evenly.

/// Expected number of distinct places that hold at least one of the `top_k` experts of a token, the experts being
/// spread evenly over `places` and picked without repetition: `places x (1 - C(E - E/p, k) / C(E, k))`.
pub fn distinct_places(places: f64, top_k: u64, experts: u64) -> f64 {
    if places <= 1.0 {
        return places.max(0.0);
    }
    let experts = experts.max(top_k) as f64;
    let elsewhere = experts - experts / places;
    let mut missed = 1.0;
    for picked in 0..top_k.min(64) {
        let picked = picked as f64;
        missed *= ((elsewhere - picked) / (experts - picked)).max(0.0);
    }
    places * (1.0 - missed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_expert_goes_to_one_place() {
        assert!((distinct_places(8.0, 1, 256) - 1.0).abs() < 1e-12);
        assert!((distinct_places(1.0, 8, 256) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn eight_of_256_on_8_ranks_touch_5_3() {
        // C(224, 8) / C(256, 8) = 0.3388
        assert!((distinct_places(8.0, 8, 256) - 5.29).abs() < 0.01);
    }

    #[test]
    fn all_experts_touch_all_places() {
        assert!((distinct_places(4.0, 16, 16) - 4.0).abs() < 1e-12);
    }
}
