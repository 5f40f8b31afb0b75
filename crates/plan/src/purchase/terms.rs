//! What a scenario makes of the question: the terms of every offer, site and class of work, quarter by quarter.

use super::quarter::DAYS;
use super::question::{Effect, How, Question, Scenario};

/// The terms of one scenario. Indices are those of the question, then the quarter.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Offers: whether an order of this quarter is delivered.
    pub delivered: Vec<Vec<bool>>,
    /// Offers: whether units may work in this quarter.
    pub usable: Vec<Vec<bool>>,
    /// Offers: share of the price that comes on top and reaches the buyer.
    pub surcharge: Vec<Vec<f64>>,
    /// Offers: US dollars for a chip, or for a chip and hour.
    pub price: Vec<Vec<f64>>,
    /// Offers: most units that an order may have; infinity for no limit.
    pub supply: Vec<Vec<f64>>,
    /// Offers: quarters from order to delivery.
    pub lead: Vec<Vec<usize>>,
    /// Sites: watts; infinity for no limit.
    pub power: Vec<Vec<f64>>,
    /// Sites: US dollars per kilowatt-hour.
    pub electricity: Vec<Vec<f64>>,
    /// Work: tokens of the quarter.
    pub demand: Vec<Vec<f64>>,
    /// Caps on chips of several offers together.
    pub caps: Vec<Cap>,
    /// Least shares of chips by origin.
    pub shares: Vec<Share>,
}

/// At most so many chips.
#[derive(Debug, Clone, PartialEq)]
pub struct Cap {
    /// Name of the event.
    pub name: String,
    /// Indices of offers.
    pub offers: Vec<usize>,
    /// Quarters of orders.
    pub quarters: std::ops::Range<usize>,
    /// Chips.
    pub chips: f64,
}

/// At least this share of chips from an origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Name of the event.
    pub name: String,
    /// Indices of offers that count, and whether each is of the origin.
    pub offers: Vec<(usize, bool)>,
    /// Quarters of orders.
    pub quarters: std::ops::Range<usize>,
    /// The share.
    pub share: f64,
}

/// The terms of a scenario, each uncertain number at its middle.
pub fn terms(q: &Question, scenario: &Scenario) -> Terms {
    let n = q.quarters;
    let whole = |x: f64| x.round().max(0.0) as usize;
    let mut t = Terms {
        delivered: q.offers.iter().map(|o| (0..n).map(|i| o.from <= i && i < o.until).collect()).collect(),
        usable: vec![vec![true; n]; q.offers.len()],
        surcharge: q.offers.iter().map(|o| vec![o.duty.mid * o.pass_through.mid; n]).collect(),
        price: q.offers.iter().map(|o| vec![o.price.mid; n]).collect(),
        supply: q.offers.iter().map(|o| vec![o.supply.map_or(f64::INFINITY, |s| s.mid); n]).collect(),
        lead: q.offers.iter().map(|o| vec![whole(o.lead.mid); n]).collect(),
        power: q.sites.iter().map(|s| (0..n).map(|i| site_power(s, i)).collect()).collect(),
        electricity: q.sites.iter().map(|s| vec![s.electricity.mid; n]).collect(),
        demand: q.work.iter().map(|w| (0..n).map(|i| demand(w, i)).collect()).collect(),
        caps: Vec::new(),
        shares: Vec::new(),
    };
    for event in &scenario.events {
        let time = event.from.min(n)..event.until.min(n);
        let scale = |rows: &mut Vec<Vec<f64>>, which: &[usize], by: f64| {
            for &i in which {
                rows[i][time.clone()].iter_mut().for_each(|x| *x *= by);
            }
        };
        match &event.effect {
            Effect::Ban => event.offers.iter().for_each(|&o| t.delivered[o][time.clone()].fill(false)),
            Effect::NoUse => {
                for &o in &event.offers {
                    t.delivered[o][time.clone()].fill(false);
                    t.usable[o][time.clone()].fill(false);
                }
            }
            Effect::Surcharge(rate) => {
                for &o in &event.offers {
                    let more = rate.mid * q.offers[o].pass_through.mid;
                    t.surcharge[o][time.clone()].iter_mut().for_each(|x| *x += more);
                }
            }
            Effect::Price(by) => scale(&mut t.price, &event.offers, by.mid),
            Effect::Supply(by) => scale(&mut t.supply, &event.offers, by.mid),
            Effect::Delay(by) => {
                for &o in &event.offers {
                    t.lead[o][time.clone()].iter_mut().for_each(|x| *x += whole(by.mid));
                }
            }
            Effect::Cap(chips) => t.caps.push(Cap {
                name: event.name.clone(),
                offers: event.offers.clone(),
                quarters: time,
                chips: chips.mid,
            }),
            Effect::OriginShare(origin, share) => t.shares.push(Share {
                name: event.name.clone(),
                offers: event.offers.iter().map(|&o| (o, q.offers[o].origin.as_ref() == Some(origin))).collect(),
                quarters: time,
                share: share.mid,
            }),
            Effect::Power(by) => scale(&mut t.power, &event.sites, by.mid),
            Effect::Electricity(by) => scale(&mut t.electricity, &event.sites, by.mid),
            Effect::Demand(by) => scale(&mut t.demand, &event.work, by.mid),
        }
    }
    // Nothing times no limit is no number: what is scaled to nothing has no supply.
    for row in t.supply.iter_mut().chain(&mut t.power) {
        row.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = 0.0);
    }
    t
}

fn site_power(site: &super::question::Site, quarter: usize) -> f64 {
    match &site.power {
        Some(power) => power.get(quarter).or(power.last()).map_or(f64::INFINITY, |p| p.mid),
        None => f64::INFINITY,
    }
}

fn demand(work: &super::question::Work, quarter: usize) -> f64 {
    if quarter < work.from || quarter >= work.until {
        return 0.0;
    }
    work.tokens_per_day.mid * DAYS * (1.0 + work.growth.mid).powi((quarter - work.from) as i32)
}

/// Quarters that a unit of an offer serves once it is delivered.
pub fn serves(q: &Question, offer: usize) -> usize {
    match q.offers[offer].how {
        How::Buy => (q.finance.lifetime_years.mid * 4.0).round().max(1.0) as usize,
        How::Rent { quarters } => quarters.max(1),
    }
}
