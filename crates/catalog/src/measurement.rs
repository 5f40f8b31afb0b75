//! Published measurements, as tables. Each row names its source by a key of `measurements/sources.toml`; columns are
//! those of the files, which a user's own tables share.

/// A table of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measurements {
    /// One measured value of an inference run a row.
    Serving,
    /// TTFT and TPOT at one configuration and load a row.
    ServingSilicon,
    /// One kernel or communication operator at one shape a row.
    Operators,
    /// One collective or expert-parallel exchange at one size a row.
    Collectives,
    /// One measured value of a training run a row.
    Training,
}

impl Measurements {
    /// Every table.
    pub const ALL: [Measurements; 5] = [
        Measurements::Serving,
        Measurements::ServingSilicon,
        Measurements::Operators,
        Measurements::Collectives,
        Measurements::Training,
    ];

    /// Name of the file under `catalog/measurements/`.
    pub const fn file(self) -> &'static str {
        match self {
            Measurements::Serving => "serving.csv",
            Measurements::ServingSilicon => "serving-silicon.csv",
            Measurements::Operators => "operators.csv",
            Measurements::Collectives => "collectives.csv",
            Measurements::Training => "training.csv",
        }
    }

    /// The table as CSV with a header. It is part of the binary and costs nothing until it is read.
    pub const fn csv(self) -> &'static str {
        match self {
            Measurements::Serving => include_str!("../../../catalog/measurements/serving.csv"),
            Measurements::ServingSilicon => include_str!("../../../catalog/measurements/serving-silicon.csv"),
            Measurements::Operators => include_str!("../../../catalog/measurements/operators.csv"),
            Measurements::Collectives => include_str!("../../../catalog/measurements/collectives.csv"),
            Measurements::Training => include_str!("../../../catalog/measurements/training.csv"),
        }
    }

    /// `measurements/sources.toml`.
    pub const SOURCES: &'static str = include_str!("../../../catalog/measurements/sources.toml");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_a_source() {
        let sources: toml::Table = Measurements::SOURCES.parse().expect("TOML");
        assert!(sources.contains_key("aic-silicon-e2e"), "all of serving-silicon.csv");
        for table in [Measurements::Serving, Measurements::Operators, Measurements::Collectives, Measurements::Training]
        {
            let mut lines = table.csv().lines();
            let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
            assert_eq!(header[..2], ["id", "source_key"], "{}", table.file());
            for line in lines.filter(|l| !l.is_empty()) {
                // Neither of the first two columns holds a comma.
                let key = line.split(',').nth(1).unwrap_or_default();
                assert!(sources.contains_key(key), "{}: {line}", table.file());
            }
        }
    }
}
