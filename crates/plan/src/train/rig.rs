//! A system with a framework on it: what training is priced on.

use catalog::{Framework, Model, System};
use cost::Device;
use cost::comm::Network;
use cost::train::{ChipFit, FitBasis, Job, Overlap, Recipe, Stack, TrainingCalibration};

use crate::machine::Fitted;
use crate::refusal::Refusal;

/// A system with a framework on it.
#[derive(Debug, Clone)]
pub struct Rig {
    /// The system.
    pub system: System,
    /// One device of its chip.
    pub device: Device,
    /// Its fabric.
    pub network: Network,
    /// The framework on the chip.
    pub stack: Stack,
    /// Whose training runs stand behind the chip's efficiency.
    pub basis: FitBasis,
}

impl Rig {
    /// Prices `system` for training with `framework`.
    ///
    /// # Errors
    /// A chip without peak or bandwidth, or a calibration without curves or efficiencies.
    pub fn new(
        system: &System,
        fitted: &Fitted,
        chips: &TrainingCalibration,
        framework: &Framework,
    ) -> Result<Rig, Refusal> {
        let chip = &system.chip;
        let device = Device::new(chip, &fitted.operators, None)?;
        let network = Network::new(&system.fabric, &fitted.exchanges, &chip.architecture, chip.devices.max(1))?;
        let (fit, basis) = chips.of(chip).map_err(|e| Refusal::Row(e.to_string()))?;
        Ok(Rig { system: system.clone(), device, network, stack: stack(framework, fit), basis })
    }

    /// Devices of the system.
    pub fn devices(&self) -> u64 {
        u64::from(self.system.chips) * u64::from(self.system.chip.devices.max(1))
    }

    /// A job on it, experts balanced, nothing dropped.
    pub fn job<'a>(&'a self, model: &'a Model, recipe: Recipe, sequence: u64, batch: u64) -> Job<'a> {
        Job {
            model,
            chip: &self.system.chip,
            device: &self.device,
            network: &self.network,
            stack: &self.stack,
            recipe,
            sequence,
            batch,
            imbalance: 1.0,
            capacity: None,
            mtp: false,
        }
    }
}

/// A framework's own parameters and those of the chip together.
pub fn stack(framework: &Framework, chip: &ChipFit) -> Stack {
    let mature = framework.maturity.mid();
    let [tensor, context, expert, paired, data, pipeline] = framework.overlap.each_ref().map(catalog::Fact::mid);
    Stack {
        products: [chip.half, chip.eight, chip.four].map(|c| c * mature),
        grouped: framework.grouped.mid(),
        attention: chip.attention * framework.attention.mid() * mature,
        attention_backward: framework.attention_backward.mid(),
        small: framework.small.mid(),
        fused_attention: framework.fused_attention.mid(),
        launch: framework.launch.mid().0,
        routing: framework.routing.mid().0,
        step: framework.step.mid().0,
        overlap: Overlap { tensor, context, expert, paired, data, pipeline },
        contention: framework.contention.mid(),
        network: framework.network.mid(),
        gathers_layers: framework.gathers_layers.mid(),
        recomputes_products: framework.recomputes_products.mid(),
        logits: framework.logits.mid(),
        reserved: framework.reserved.mid().0,
    }
}
