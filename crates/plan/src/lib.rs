//! Studies, search, validation, calibration: everything that asks the cost model and the simulator many questions.

pub mod calibrate_comm;
pub mod tables;
