//! The KV cache on its way from prefill to decode.

use crate::price::exchange::Exchange;
use crate::price::network::{Basis, ExchangeTime, Network};

/// The cache of one request, sent once from the ranks that made it to those that need it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transfer {
    /// All layers, all heads, at the cache's number format.
    pub bytes: f64,
    /// Ranks of the prefill instance that hold a part each.
    pub senders: u32,
    /// Ranks of the decode instance that receive a part each.
    pub receivers: u32,
    /// Layers, each sent when it is done.
    pub layers: u32,
    /// Distance of sender and receiver in ranks: at least the ranks of one pool, if pools are packed.
    pub distance: u32,
}

/// What a transfer costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransferTime {
    /// From the first byte to the last, if all layers are ready.
    pub seconds: f64,
    /// Of the last layer alone: what remains when prefill is slower than the wire.
    pub last_layer: f64,
    /// Bytes over the links of the smaller pool.
    pub physical_bound: f64,
    /// Where the curve is from.
    pub basis: Basis,
    /// 90th percentile of |ln(predicted / measured)| to be expected.
    pub spread: f64,
}

impl TransferTime {
    /// What a request waits after its prefill of `prefill` seconds: layer by layer the transfer hides behind the
    /// computation of the layers that follow.
    pub fn exposed(&self, prefill: f64) -> f64 {
        self.last_layer.max(self.seconds - prefill.max(0.0))
    }
}

impl Network {
    /// The time of a KV transfer. Every byte is sent once; where the pools differ in size the smaller one's links
    /// decide. Layers share the latency of one exchange each, in sequence.
    pub fn transfer(&self, transfer: &Transfer) -> TransferTime {
        let links = f64::from(transfer.senders.min(transfer.receivers).max(1));
        let layers = f64::from(transfer.layers.max(1));
        let part = |bytes: f64| -> ExchangeTime {
            self.time(&Exchange::SendRecv { stride: transfer.distance, bytes: bytes / links })
        };
        let whole = part(transfer.bytes);
        let layer = part(transfer.bytes / layers);
        TransferTime {
            seconds: whole.seconds,
            last_layer: layer.seconds.min(whole.seconds),
            physical_bound: whole.physical_bound,
            basis: whole.basis,
            spread: whole.spread,
        }
    }
}
