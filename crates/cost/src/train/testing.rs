//! Small models and a hall of round numbers, for tests.

use catalog::model::{Dense, Gqa, Moe, WeightFormats};
use catalog::{Arithmetic, Attention, Chip, ChipClass, Fabric, Fact, Ffn, Kind, LayerGroup, Model, Tier, TierShape};
use formats::Scheme;
use units::{BytesPerSecond, Range};

use super::{Job, Overlap, Recipe, Stack};
use crate::calibration::testing::chip;
use crate::calibration::{Calibration, Device};
use crate::comm::{CommCalibration, Network};

fn bandwidth(value: f64) -> Fact<BytesPerSecond> {
    Fact {
        value: Range::exact(BytesPerSecond(value)),
        kind: Kind::Assumed,
        source: "test".into(),
        note: String::new(),
        path: String::new(),
    }
}

/// Chips on a fabric under a framework.
pub struct Hall {
    /// The chip.
    pub chip: Chip,
    device: Device,
    network: Network,
    /// The framework.
    pub stack: Stack,
}

impl Hall {
    /// A chip with this peak and memory bandwidth, eight of them on links of this bandwidth, nodes on an eighth of it.
    pub fn new(peak: f64, memory: f64, links: f64) -> Hall {
        Hall::of(&[(Arithmetic::Bf16, peak), (Arithmetic::Fp32, peak / 8.0)], memory, links)
    }

    /// The same with these peaks.
    pub fn of(peaks: &[(Arithmetic, f64)], memory: f64, links: f64) -> Hall {
        let chip = chip(peaks, memory, ChipClass::Gpu);
        let device = Device::new(&chip, &Calibration::default(), None).expect("a device");
        let tier = |name: &str, shape, chips, rate| Tier {
            name: name.to_owned(),
            shape,
            chips,
            bandwidth: bandwidth(rate),
            latency: None,
            in_network_reduction: false,
            medium: "copper".into(),
            wiring: catalog::Wiring::default(),
        };
        let clos = TierShape::Clos { oversubscription_percent: 100 };
        let fabric = Fabric {
            tiers: vec![tier("NVLink", TierShape::Switch, 8, links), tier("InfiniBand", clos, 4096, links / 8.0)],
        };
        let curves = CommCalibration::embedded().expect("built in");
        let network = Network::new(&fabric, &curves, "hopper", 1).expect("curves");
        let overlap = Overlap { tensor: 0.5, context: 0.5, expert: 0.5, paired: 0.9, data: 0.8, pipeline: 0.8 };
        let stack = Stack {
            products: [1.1; 3],
            grouped: 1.3,
            attention: 1.0,
            attention_backward: 1.2,
            small: 1.2,
            fused_attention: true,
            launch: 4e-6,
            routing: 1e-4,
            step: 0.01,
            overlap,
            contention: 0.1,
            network: 1.0,
            gathers_layers: true,
            recomputes_products: false,
            logits: 6.0,
            reserved: 5e9,
        };
        Hall { chip, device, network, stack }
    }

    /// A job in BF16.
    pub fn job<'a>(&'a self, model: &'a Model, sequence: u64, batch: u64) -> Job<'a> {
        Job {
            model,
            chip: &self.chip,
            device: &self.device,
            network: &self.network,
            stack: &self.stack,
            recipe: Recipe::MIXED,
            sequence,
            batch,
            imbalance: 1.0,
            capacity: None,
            mtp: false,
        }
    }
}

fn model(ffn: Ffn) -> Model {
    let attention = Gqa { heads: 32, kv_heads: 8, head_dim: 128, v_head_dim: 128, ..Gqa::default() };
    Model {
        id: "test".into(),
        name: "Test".into(),
        architecture: "test".into(),
        hidden: 4096,
        vocab: 32_000,
        tied_embeddings: false,
        layers: vec![LayerGroup { count: 16, attention: Attention::Gqa(attention), ffn }],
        mtp_layers: 0,
        mtp: Vec::new(),
        residual_streams: 1,
        max_context: 1 << 20,
        weights: WeightFormats::uniform(Scheme::BF16),
        kv: None,
        notes: Vec::new(),
    }
}

/// Sixteen dense layers.
pub fn dense() -> Model {
    model(Ffn::Dense(Dense { inner: 14_336, gated: true }))
}

/// Sixteen layers of 64 experts, four a token.
pub fn experts() -> Model {
    model(Ffn::Moe(Moe { experts: 64, top_k: 4, inner: 2048, gated: true, shared_inner: 2048, ..Moe::default() }))
}

/// Sixteen layers as those of GPT-3: as many key heads as query heads, four times the width without a gate.
pub fn gpt() -> Model {
    let mut model = model(Ffn::Dense(Dense { inner: 16_384, gated: false }));
    if let Attention::Gqa(a) = &mut model.layers[0].attention {
        a.kv_heads = 32;
    }
    model
}
