//! A system with its calibration resolved: what a prediction runs on.

use std::sync::Arc;

use catalog::{Arithmetic, Engine, System};
use cost::calibration::Basis;
use cost::comm::{CommCalibration, Network};
use cost::{Calibration, Device, Op};
use formats::Scheme;

use crate::refusal::Refusal;
use crate::search::{Place, Steps};

/// A system whose chips and fabric are priced for one stack of kernels.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The system.
    pub system: System,
    /// One device of its chip.
    pub device: Device,
    /// Its fabric.
    pub network: Network,
    /// Which of a candidate's machines it is.
    pub place: Place,
    /// Times of its steps that were asked for before. They are those of one model in one storage, so there are none but
    /// where a candidate is searched.
    pub steps: Option<Arc<Steps>>,
}

/// Fitted parameters of operators and exchanges.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// Operators.
    pub operators: Calibration,
    /// Exchanges.
    pub exchanges: CommCalibration,
}

impl Machine {
    /// Prices `system` for the kernels of `engine`.
    ///
    /// # Errors
    /// A chip without peak or bandwidth, or a calibration without curves.
    pub fn new(system: &System, fitted: &Fitted, engine: &Engine) -> Result<Machine, Refusal> {
        let chip = &system.chip;
        let device = Device::new(chip, &fitted.operators, Some(&engine.family))?;
        let network = Network::for_stack(
            &system.fabric,
            &fitted.exchanges,
            &chip.architecture,
            chip.devices.max(1),
            Some(&engine.family),
        )?;
        Ok(Machine { system: system.clone(), device, network, place: (0, None), steps: None })
    }

    /// With what is known of times of its steps.
    pub fn recalling(self, place: Place, steps: Arc<Steps>) -> Machine {
        Machine { place, steps: Some(steps), ..self }
    }

    /// Whose measurements stand behind the times of its operators.
    pub fn basis(&self) -> Basis {
        let gemm = Op::Gemm { m: 64, n: 4096, k: 4096, weights: Scheme::BF16, arithmetic: Arithmetic::Bf16 };
        self.device.time(&gemm).basis
    }

    /// Devices of `chips` chips.
    pub fn devices(&self, chips: u32) -> u32 {
        chips * self.system.chip.devices.max(1)
    }

    /// Chips of `devices` devices.
    pub fn chips(&self, devices: u32) -> f64 {
        f64::from(devices) / f64::from(self.system.chip.devices.max(1))
    }
}
