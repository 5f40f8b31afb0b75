//! Why a set-up cannot be predicted.

use cost::calibration::DeviceError;
use cost::comm::CalibrationError;
use cost::deploy::Misfit;
use cost::train::{Misplan, Need};
use sim::SimError;
use thiserror::Error;

/// Why a set-up cannot be predicted.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Refusal {
    /// The split does not divide the model.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The training plan does not divide the model.
    #[error(transparent)]
    Misplan(#[from] Misplan),
    /// The training plan needs a fact that the catalog lacks.
    #[error(transparent)]
    Need(#[from] Need),
    /// Weights and buffers leave no room for the cache of one request.
    #[error("needs {:.1} GB a device, has {:.1} GB", .needs / 1e9, .has / 1e9)]
    DoesNotFit {
        /// Bytes needed on the fullest device for one request.
        needs: f64,
        /// Bytes of the device.
        has: f64,
    },
    /// The chip lacks facts.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The calibration lacks curves.
    #[error(transparent)]
    Exchanges(#[from] CalibrationError),
    /// The simulation cannot run.
    #[error(transparent)]
    Simulation(#[from] SimError),
    /// Whoever asked no longer wants the answer.
    #[error("stopped")]
    Stopped,
    /// The measured row does not say enough, or has a trap.
    #[error("{0}")]
    Row(String),
}
