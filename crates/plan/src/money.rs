//! From prices to the cost of tokens, and back to the price at which two systems cost the same.
//!
//! Ranges go in and come out: every result rises or falls with each input, so its ends are those of the inputs, taken
//! the right way round. Inputs are taken as independent, which is the careful assumption.

use units::{Range, Usd, UsdPerHour, Watts};

use crate::findings::{Cost, Estimate, FactUse, Paid};
use crate::study::{Candidate, Money};

/// Hours of a year of 365.25 days.
const HOURS_OF_YEAR: f64 = 8766.0;
const SECONDS_OF_HOUR: f64 = 3600.0;
const MILLION: f64 = 1e6;

/// What one chip costs, its share of host and fabric included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Price {
    /// By the hour, electricity and hosting included.
    Rent(Range<UsdPerHour>),
    /// Once; electricity comes on top.
    Purchase(Range<Usd>),
}

/// A price, where it comes from, and the fact that it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Priced {
    /// Of one chip.
    pub price: Price,
    /// Where it comes from, for people; empty: the study.
    pub source: String,
    /// Whether it is that of a bare chip, without its share of host and fabric.
    pub bare: bool,
    /// The catalog's fact; `None` where the study says so.
    pub fact: Option<FactUse>,
}

impl Candidate {
    /// What there is to pay for this candidate; `None` where no price is known.
    pub fn bill<'a>(&'a self, money: &'a Money) -> Option<Bill<'a>> {
        let priced = self.price.as_ref()?;
        Some(Bill {
            price: priced.price,
            source: &priced.source,
            chips: self.chips,
            surcharge: self.surcharge,
            pass_through: self.pass_through,
            power: self.power(money),
            money,
        })
    }

    /// Power of the candidate, hosts and fabric included: the system's own, else its chips' design power times the
    /// usual ratio; `None` where neither is known.
    pub fn power(&self, money: &Money) -> Option<Range<Watts>> {
        if let Some(power) = &self.system.power {
            return Some(power.value);
        }
        let tdp = self.system.chip.tdp.as_ref()?.value.map(|w| w.0 * f64::from(self.chips));
        Some(tdp.times(money.system_power.value).map(Watts))
    }
}

/// What there is to pay for a deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill<'a> {
    /// Of one chip.
    pub price: Price,
    /// Where the price comes from, for people.
    pub source: &'a str,
    /// Chips used.
    pub chips: u32,
    /// Surcharge or duty on the price, as a fraction of it.
    pub surcharge: Range<f64>,
    /// Share of the surcharge that reaches the buyer.
    pub pass_through: Range<f64>,
    /// Power of all chips used while they serve, hosts and fabric included. Needed for a purchase.
    pub power: Option<Range<Watts>>,
    /// Electricity, PUE, lifetime and utilisation.
    pub money: &'a Money,
}

/// What a deployment costs in an hour in which it serves, in US dollars. Idle hours are paid by the busy ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Hourly {
    /// Rent or written-off purchase, the surcharge not counted.
    pub chips: Range<f64>,
    /// Surcharge that reaches the buyer.
    pub surcharge: Range<f64>,
    /// Electricity while serving (what idle chips draw is not counted); 0 where the rent includes it.
    pub electricity: Range<f64>,
    /// What is paid.
    pub basis: Paid,
}

/// A purchase whose electricity cannot be told because the system's power is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a purchase needs the power of the system to price its electricity")]
pub struct NoPower;

impl Bill<'_> {
    /// The cost of an hour in which the deployment serves.
    ///
    /// # Errors
    /// [`NoPower`] for a purchase without power.
    pub fn hourly(&self) -> Result<Hourly, NoPower> {
        let chips = self.chip_hour().times(exact(f64::from(self.chips)));
        let surcharge = chips.times(self.surcharge).times(self.pass_through);
        let electricity = match (self.price, self.power) {
            (Price::Rent(_), _) => exact(0.0),
            (Price::Purchase(_), None) => return Err(NoPower),
            (Price::Purchase(_), Some(power)) => {
                let kilowatts = power.map(|w| w.0 / 1e3).times(self.money.pue.value);
                kilowatts.times(self.money.electricity.value.map(|e| e.0))
            }
        };
        let source = self.source;
        let basis = match self.price {
            Price::Rent(rent) => Paid::Rent { price: rent.to_string(), source: source.to_owned() },
            Price::Purchase(price) => {
                let years = self.money.lifetime_years.value;
                let span = if years.is_exact() { String::new() } else { format!(" ({} to {})", years.low, years.high) };
                Paid::Purchase {
                    price: price.to_string(),
                    years: format!("{}{span}", years.mid),
                    source: source.to_owned(),
                }
            }
        };
        Ok(Hourly { chips, surcharge, electricity, basis })
    }

    /// What one chip costs, in US dollars per hour in which it serves.
    fn chip_hour(&self) -> Range<f64> {
        let paid = match self.price {
            Price::Rent(rent) => rent.map(|r| r.0),
            Price::Purchase(price) => {
                price.map(|p| p.0).over(self.money.lifetime_years.value.map(|y| y * HOURS_OF_YEAR))
            }
        };
        paid.over(self.money.utilisation.value)
    }

    /// The price and the surcharge at which a million tokens of this deployment cost `target`. The intervals are those
    /// of `target` and of the speed; everything else is taken at its middle.
    ///
    /// # Errors
    /// [`NoPower`] for a purchase without power.
    pub fn break_even(&self, target: Estimate, tokens_per_second: Estimate) -> Result<BreakEven, NoPower> {
        let hourly = self.hourly()?;
        let passed = self.surcharge.mid * self.pass_through.mid;
        // What the chips of an hour may cost, surcharge included, if a million tokens are to cost `target`.
        let budget = |target: f64, speed: f64| target * speed * SECONDS_OF_HOUR / MILLION - hourly.electricity.mid;
        let budget = Estimate {
            value: budget(target.value, tokens_per_second.value),
            low: budget(target.low, tokens_per_second.low),
            high: budget(target.high, tokens_per_second.high),
        };
        let now = hourly.chips.mid;
        let price = match self.price {
            Price::Rent(rent) => rent.mid.0,
            Price::Purchase(price) => price.mid.0,
        };
        let price = (now > 0.0 && budget.value > 0.0).then(|| budget.map(|b| price * b / (now * (1.0 + passed))));
        let surcharge =
            (now > 0.0 && self.pass_through.mid > 0.0).then(|| budget.map(|b| (b / now - 1.0) / self.pass_through.mid));
        Ok(BreakEven { price, surcharge })
    }
}

impl Hourly {
    /// The cost of a million generated tokens. `None` where the speed is not known to be above 0.
    pub fn per_million(&self, tokens_per_second: Estimate) -> Option<Cost> {
        let Estimate { value, low, high } = tokens_per_second;
        if !(0.0 < low && low <= value && value <= high && high.is_finite()) {
            return None;
        }
        let millions = Range { low, mid: value, high }.map(|t| t * SECONDS_OF_HOUR / MILLION);
        let total = self.chips.plus(self.surcharge).plus(self.electricity).over(millions);
        Some(Cost {
            per_million: Estimate { value: total.mid, low: total.low, high: total.high },
            chips: self.chips.mid / millions.mid,
            electricity: self.electricity.mid / millions.mid,
            surcharge: self.surcharge.mid / millions.mid,
            basis: self.basis.clone(),
        })
    }
}

/// Where two systems cost the same.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakEven {
    /// Price of one chip (US dollars, or US dollars per hour for a rent); `None` where even a gift is too dear.
    pub price: Option<Estimate>,
    /// Surcharge as a fraction, below 0 where a discount is needed; `None` where none of it reaches the buyer.
    pub surcharge: Option<Estimate>,
}

impl Estimate {
    /// The same change to value and ends. `f` must be increasing.
    fn map(self, f: impl Fn(f64) -> f64) -> Estimate {
        Estimate { value: f(self.value), low: f(self.low), high: f(self.high) }
    }
}

/// Arithmetic on ranges of numbers that are not negative.
trait Interval {
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn over(self, other: Self) -> Self;
}

impl Interval for Range<f64> {
    fn plus(self, other: Self) -> Self {
        Range { low: self.low + other.low, mid: self.mid + other.mid, high: self.high + other.high }
    }
    fn times(self, other: Self) -> Self {
        Range { low: self.low * other.low, mid: self.mid * other.mid, high: self.high * other.high }
    }
    fn over(self, other: Self) -> Self {
        Range { low: self.low / other.high, mid: self.mid / other.mid, high: self.high / other.low }
    }
}

fn exact(x: f64) -> Range<f64> {
    Range::exact(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Basis;
    use catalog::{Fact, Kind};
    use proptest::prelude::*;
    use units::UsdPerKilowattHour;

    fn fact<T>(value: Range<T>) -> Fact<T> {
        Fact { value, kind: Kind::Assumed, source: "test".into(), note: String::new(), path: "test".into() }
    }

    fn money(utilisation: f64) -> Money {
        Money {
            region: "test".into(),
            basis: Basis::Any,
            system_power: fact(exact(1.7)),
            electricity: fact(exact(0.10).map(UsdPerKilowattHour)),
            pue: fact(exact(1.25)),
            lifetime_years: fact(exact(5.0)),
            utilisation: fact(exact(utilisation)),
        }
    }

    fn bill(money: &Money, price: Price) -> Bill<'_> {
        let power = Some(exact(10_000.0).map(Watts));
        Bill { price, source: "test", chips: 8, surcharge: exact(0.0), pass_through: exact(1.0), power, money }
    }

    fn speed(value: f64) -> Estimate {
        Estimate { value, low: value, high: value }
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} is not {b}");
    }

    #[test]
    fn rent_by_hand() {
        // 8 chips x 3 USD/h = 24 USD/h; 10,000 tokens/s = 36 million an hour; 24 / 36 = 0.667 USD per million.
        let money = money(1.0);
        let hourly = bill(&money, Price::Rent(exact(3.0).map(UsdPerHour))).hourly().expect("rent");
        let cost = hourly.per_million(speed(10_000.0)).expect("speed");
        close(cost.per_million.value, 24.0 / 36.0);
        close(cost.electricity, 0.0);
        assert_eq!(cost.basis, Paid::Rent { price: "3 USD/h".into(), source: "test".into() });
    }

    #[test]
    fn purchase_by_hand() {
        // 8 x 43,830 USD over 5 x 8,766 h = 8 USD/h; half sold: 16. 25 % duty, half passed on: 2.
        // 10 kW x 1.25 x 0.10 = 1.25 USD/h. Sum 19.25.
        let money = money(0.5);
        let mut bill = bill(&money, Price::Purchase(exact(43_830.0).map(Usd)));
        (bill.surcharge, bill.pass_through) = (exact(0.25), exact(0.5));
        let hourly = bill.hourly().expect("power");
        close(hourly.chips.mid, 16.0);
        close(hourly.surcharge.mid, 2.0);
        close(hourly.electricity.mid, 1.25);
        let cost = hourly.per_million(speed(10_000.0)).expect("speed");
        close(cost.per_million.value, 19.25 / 36.0);
        close(cost.chips + cost.surcharge + cost.electricity, cost.per_million.value);
        bill.power = None;
        assert_eq!(bill.hourly(), Err(NoPower));
    }

    #[test]
    fn break_even_by_hand() {
        // The other system: 1 USD per million. At 10,000 tokens/s 36 USD/h may be spent on 8 chips that cost 24 now:
        // 4.5 USD/h a chip, or a surcharge of 50 %.
        let money = money(1.0);
        let rent = bill(&money, Price::Rent(exact(3.0).map(UsdPerHour)));
        let even = rent.break_even(speed(1.0), speed(10_000.0)).expect("rent");
        close(even.price.expect("a price").value, 4.5);
        close(even.surcharge.expect("a surcharge").value, 0.5);
        // Electricity alone is 1.25 USD/h: at 0.03 USD per million (1.08 USD/h) a purchase never pays.
        let bought = bill(&money, Price::Purchase(exact(43_830.0).map(Usd)));
        assert_eq!(bought.break_even(speed(0.03), speed(10_000.0)).expect("power").price, None);
    }

    #[test]
    fn no_speed_no_cost() {
        let money = money(1.0);
        let hourly = bill(&money, Price::Rent(exact(3.0).map(UsdPerHour))).hourly().expect("rent");
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(hourly.per_million(speed(bad)), None);
        }
    }

    /// A range from three shares of a span.
    fn range(low: f64, high: f64) -> impl Strategy<Value = Range<f64>> {
        (low..high, low..high, low..high).prop_map(|(a, b, c)| {
            let mut v = [a, b, c];
            v.sort_by(f64::total_cmp);
            Range { low: v[0], mid: v[1], high: v[2] }
        })
    }

    prop_compose! {
        fn any_money()(e in range(0.0, 0.5), pue in range(1.0, 2.0), years in range(1.0, 10.0), sold in range(0.05, 1.0)) -> Money {
            Money {
                region: "test".into(),
                basis: Basis::Any,
                system_power: fact(exact(1.7)),
                electricity: fact(e.map(UsdPerKilowattHour)),
                pue: fact(pue),
                lifetime_years: fact(years),
                utilisation: fact(sold),
            }
        }
    }

    proptest! {
        #[test]
        fn ordered_and_never_cheaper_when_dearer(
            money in any_money(),
            price in range(1e3, 1e6),
            surcharge in range(0.0, 1.0),
            pass_through in range(0.0, 1.0),
            power in range(1e2, 1e6),
            tokens in range(1.0, 1e6),
            more in 1.0f64..2.0,
            which in 0usize..7,
        ) {
            let tokens = Estimate { value: tokens.mid, low: tokens.low, high: tokens.high };
            let cost = |money: &Money, price: Range<f64>, surcharge, power: Range<f64>| {
                let price = Price::Purchase(price.map(Usd));
                let bill = Bill { price, source: "", chips: 8, surcharge, pass_through, power: Some(power.map(Watts)), money };
                bill.hourly().expect("power").per_million(tokens).expect("speed").per_million
            };
            let base = cost(&money, price, surcharge, power);
            prop_assert!(base.low <= base.value && base.value <= base.high);
            let scaled = |r: Range<f64>| r.map(|x| x * more);
            let mut dear = money.clone();
            match which {
                0 => dear.electricity.value = dear.electricity.value.map(|e| e * more),
                1 => dear.pue.value = scaled(dear.pue.value),
                2 => dear.lifetime_years.value = dear.lifetime_years.value.map(|y| y / more),
                3 => dear.utilisation.value = dear.utilisation.value.map(|u| u / more),
                _ => {}
            }
            let price = if which == 4 { scaled(price) } else { price };
            let surcharge = if which == 5 { scaled(surcharge) } else { surcharge };
            let power = if which == 6 { scaled(power) } else { power };
            let dearer = cost(&dear, price, surcharge, power);
            let slack = 1.0 - 1e-12;
            prop_assert!(dearer.low >= base.low * slack && dearer.value >= base.value * slack && dearer.high >= base.high * slack);
        }

        #[test]
        fn at_break_even_the_costs_agree(money in any_money(), price in 1e3f64..1e6, tokens in 1e3f64..1e6, target in 1.0f64..100.0) {
            let mut bill = bill(&money, Price::Purchase(exact(price).map(Usd)));
            let even = bill.break_even(speed(target), speed(tokens)).expect("power");
            if let Some(even) = even.price {
                bill.price = Price::Purchase(exact(even.value).map(Usd));
                let cost = bill.hourly().expect("power").per_million(speed(tokens)).expect("speed");
                prop_assert!((cost.per_million.value / target - 1.0).abs() < 1e-9);
            }
        }
    }
}
