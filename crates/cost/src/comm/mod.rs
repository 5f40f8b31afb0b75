//! placeholder
#![allow(missing_docs)]
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    pub bytes: f64,
    pub ranks: u32,
    pub factor: f64,
}
pub struct ExchangeTime {
    pub seconds: f64,
}
pub struct Network {
    pub bandwidth: f64,
    pub latency: f64,
}
impl Exchange {
    pub fn all_reduce(bytes: f64, ranks: u32) -> Self {
        Exchange { bytes, ranks, factor: 2.0 }
    }
    pub fn all_gather(bytes: f64, ranks: u32) -> Self {
        Exchange { bytes, ranks, factor: 1.0 }
    }
    pub fn reduce_scatter(bytes: f64, ranks: u32) -> Self {
        Exchange { bytes, ranks, factor: 1.0 }
    }
    pub fn send(bytes: f64, _tp: u32) -> Self {
        Exchange { bytes, ranks: 2, factor: 1.0 }
    }
    pub fn dispatch(tokens: u64, hidden: u64, top_k: u64, _experts: u64, ranks: u32, value: f64) -> Self {
        Exchange { bytes: tokens as f64 * hidden as f64 * top_k as f64 * value, ranks, factor: 1.0 }
    }
    pub fn combine(tokens: u64, hidden: u64, top_k: u64, _experts: u64, ranks: u32, value: f64) -> Self {
        Exchange { bytes: tokens as f64 * hidden as f64 * top_k as f64 * value, ranks, factor: 1.0 }
    }
}
impl Network {
    pub fn time(&self, e: &Exchange) -> ExchangeTime {
        let n = f64::from(e.ranks);
        ExchangeTime { seconds: self.latency + e.factor * e.bytes * (n - 1.0) / n / self.bandwidth }
    }
}
