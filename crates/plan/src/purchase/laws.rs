//! Laws that every plan obeys, and small plans proven by trying all.

use proptest::prelude::*;
use units::Range;

use super::case::Case;
use super::formulate::{Ask, formulate};
use super::optimise::{Outcome, Plan, optimise, relaxed_cost};
use super::question::{Against, Effect, Goal, How};
use super::solver::{Unsolved, relax};
use super::testing::{case, event, exact, offer, question, scenario, work};
use super::watch::Watch;

fn plan(case: &Case) -> Plan {
    match optimise(case, &Watch::NOBODY).expect("solved") {
        Outcome::Plan(plan) => *plan,
        Outcome::Short(short) => panic!("{short:?}"),
    }
}

#[test]
fn one_system_by_hand() {
    // 10 units of work a day, 4 by each unit: three units of 8 chips at 1,000 USD. Nothing else costs.
    let case = case(question(2, vec![work("chat", 10.0)], vec![offer("a", 1_000.0, How::Buy)]), &[4.0]);
    let plan = plan(&case);
    assert!((plan.total - 3.0 * 8_000.0 / 1e6).abs() < 1e-9, "{}", plan.total);
    assert!(plan.proven && plan.bound <= plan.total);
    // Relaxed: two and a half units; what whole ones imply: three.
    let relaxed = relax(&plan.model.program).expect("feasible");
    assert!((relaxed.cost - 0.02).abs() < 1e-7, "{}", relaxed.cost);
    assert!((plan.bound - 0.024).abs() < 1e-7, "{}", plan.bound);
}

#[test]
fn electricity_resale_and_interest_by_hand() {
    let mut q = question(4, vec![work("chat", 4.0)], vec![offer("a", 1_000.0, How::Buy)]);
    q.sites[0].electricity = exact(0.1);
    q.sites[0].pue = exact(1.5);
    q.finance.resale = exact(0.5);
    // One unit of 10 kW, always busy: 10 x 1.5 x 0.1 x 8,766 h = 13,149 USD a year; sold after one of two years for a
    // half of a half of 8,000.
    let one = plan(&case(q.clone(), &[4.0]));
    assert!((one.total - (8_000.0 + 13_149.0 - 2_000.0) / 1e6).abs() < 1e-8, "{}", one.total);
    // At 10 % a year a dollar in a year counts 1/1.1 now.
    q.finance.interest = exact(0.1);
    let energy: f64 = (0..4).map(|i| 13_149.0 / 4.0 * 1.1f64.powf(-f64::from(i) / 4.0)).sum();
    let two = plan(&case(q, &[4.0]));
    assert!((two.total - (8_000.0 + energy - 2_000.0 / 1.1) / 1e6).abs() < 1e-8, "{}", two.total);
}

#[test]
fn rent_is_paid_while_it_lasts() {
    // One unit of 8 chips at 2 USD/h for the second quarter alone: 8 x 2 x 2,191.5 h.
    let mut busy = work("chat", 4.0);
    (busy.from, busy.until) = (1, 2);
    let rent = offer("a", 2.0, How::Rent { quarters: 1 });
    let one = plan(&case(question(4, vec![busy.clone()], vec![rent]), &[4.0]));
    assert!((one.total - 8.0 * 2.0 * 2_191.5 / 1e6).abs() < 1e-9, "{}", one.total);
    // Committed for a year it is paid to the end of the plan: three quarters.
    let rent = offer("a", 2.0, How::Rent { quarters: 4 });
    let two = plan(&case(question(4, vec![busy], vec![rent]), &[4.0]));
    assert!((two.total - 3.0 * one.total).abs() < 1e-9, "{}", two.total);
}

#[test]
fn it_can_be_called_off() {
    let case = case(question(2, vec![work("chat", 10.0)], vec![offer("a", 1_000.0, How::Buy)]), &[4.0]);
    let watch = Watch { stopped: &|| true, ..Watch::NOBODY };
    assert_eq!(optimise(&case, &watch).err(), Some(Unsolved::Stopped));
}

#[test]
fn rents_are_rounded_quarter_by_quarter() {
    // 2.3 units of work a quarter: three units each, though half units would do with less.
    let offers = (0..8).map(|i| offer(&format!("r{i}"), 2.0 + f64::from(i), How::Rent { quarters: 1 })).collect();
    let plan = plan(&case(question(6, vec![work("chat", 9.2)], offers), &[4.0; 8]));
    assert!((plan.total - 6.0 * 3.0 * 8.0 * 2.0 * 2_191.5 / 1e6).abs() < 1e-6, "{}", plan.total);
    assert!(plan.proven);
}

#[test]
fn a_ban_that_may_come_is_hedged() {
    // Cheap units come at once and may be banned from the second quarter; demand doubles then. Without doubt: one unit
    // a quarter. Interest makes waiting worth something, the ban makes it dangerous.
    let mut chat = work("chat", 4.0);
    chat.growth = exact(1.0);
    let offers = vec![offer("cheap", 1_000.0, How::Buy), offer("dear", 5_000.0, How::Buy)];
    let mut q = question(2, vec![chat], offers);
    q.finance.interest = exact(1.0);
    q.scenarios = vec![scenario("open", 0.5, vec![]), scenario("banned", 0.5, vec![event(vec![0], 1, Effect::Ban)])];
    let hedged = plan(&case(q.clone(), &[4.0, 4.0]));
    let first = |p: &Plan| p.model.index.order[0][0][0].map(|c| p.values[c]).unwrap_or(0.0);
    // Two now (16,000) beat one now and then, half the time, a dear one at 40,000 / sqrt 2.
    assert_eq!(first(&hedged), 2.0);
    assert!((hedged.total - 0.016).abs() < 1e-9);
    // If the ban is unlikely, waiting pays: 8,000 + (0.99 x 8,000 + 0.01 x 40,000) / sqrt 2.
    (q.scenarios[0].weight, q.scenarios[1].weight) = (0.99, 0.01);
    let bold = plan(&case(q.clone(), &[4.0, 4.0]));
    assert_eq!(first(&bold), 1.0);
    // Whoever counts the worst case or the regret hedges all the same.
    for against in [Against::Worst, Against::Regret] {
        q.against = against;
        assert_eq!(first(&plan(&case(q.clone(), &[4.0, 4.0]))), 2.0, "{against:?}");
    }
}

#[test]
fn moving_to_a_stack_takes_its_time_and_money() {
    let mut q = question(
        3,
        vec![work("chat", 4.0)],
        vec![offer("known", 5_000.0, How::Rent { quarters: 1 }), offer("new", 1_000.0, How::Buy)],
    );
    q.stacks.push(super::question::Stack {
        name: "new".into(),
        porting: None,
        cost: exact(50_000.0),
        quarters: exact(1.0),
        staff: exact(4_000.0),
    });
    q.offers[0].price = exact(10.0); // 8 x 10 x 2,191.5 = 175,320 USD a quarter
    q.offers[1].stack = Some(0);
    let plan = plan(&case(q, &[4.0, 4.0]));
    // Rent one quarter, then the bought unit: 175,320 + 50,000 + 3 x 1,000 + 8,000.
    assert!((plan.total - 0.236_32).abs() < 1e-8, "{}", plan.total);
}

#[test]
fn limits_that_bind_are_named() {
    let mut q = question(2, vec![work("chat", 40.0)], vec![offer("a", 1_000.0, How::Buy)]);
    q.sites[0].power = Some(vec![exact(50_000.0)]); // five units of 10 kW: half of the demand
    q.offers[0].supply = Some(exact(50.0));
    let Outcome::Short(short) = optimise(&case(q, &[4.0]), &Watch::NOBODY).expect("solved") else { panic!("served") };
    assert_eq!(short.unserved.len(), 2);
    assert!((short.unserved[0].2 - 0.5).abs() < 1e-5, "{short:?}");
    assert_eq!(short.binding.len(), 1, "{short:?}");
    assert_eq!(short.binding[0].0, super::formulate::LimitOf::Power(0));
    // One more megawatt is a hundred units of a tenth of the demand each, in each of two quarters.
    assert!((short.binding[0].1 - 20.0).abs() < 1e-2, "{short:?}");
}

#[test]
fn the_earliest_date_is_when_supply_allows() {
    // Two units a quarter, four needed: the second quarter.
    let mut q = question(4, vec![work("chat", 16.0)], vec![offer("a", 1_000.0, How::Buy)]);
    q.offers[0].supply = Some(exact(2.0));
    q.goal = Goal::Earliest;
    let plan = plan(&case(q, &[4.0]));
    assert_eq!(plan.serve_from, 1);
}

#[test]
fn a_budget_buys_what_it_can() {
    let mut q = question(1, vec![work("chat", 40.0)], vec![offer("a", 1_000.0, How::Buy)]);
    (q.goal, q.budget) = (Goal::MostTokens, Some(exact(30_000.0)));
    let plan = plan(&case(q, &[4.0]));
    // Three units of 8,000: 12 of 40 are served.
    let left = plan.model.index.unmet[0][0][0].map(|c| plan.values[c]).expect("a column");
    assert!((left - 0.7).abs() < 1e-6, "{left}");
}

#[test]
fn prefill_and_decode_apart_share_the_work() {
    // A system that reads fast and one that writes fast: 10 requests need 10 / 5 readers and 10 / 5 writers; whole they
    // would do 1 each.
    use super::rates::{NoRate, Phase, Rate, Source};
    struct Split;
    impl Source for Split {
        fn rate(&self, o: &super::question::Offer, _: &super::question::Work, p: Phase) -> Result<Rate, NoRate> {
            let per_day = match (o.name.as_str(), p) {
                (_, Phase::Whole) => 1.0,
                ("reader", Phase::Prefill) | ("writer", Phase::Decode) => 5.0,
                _ => return Err(NoRate("slow".into())),
            };
            let r = per_day / 86_400.0;
            Ok(Rate { per_second: r, low: r, high: r, setup: String::new() })
        }
    }
    let mut q = question(
        1,
        vec![work("chat", 10.0)],
        vec![offer("reader", 1_000.0, How::Buy), offer("writer", 1_000.0, How::Buy)],
    );
    q.work[0].apart = true;
    let plan = plan(&Case::new(q, &Split, &Watch::NOBODY).expect("rates"));
    assert!((plan.total - 4.0 * 0.008).abs() < 1e-9, "{}", plan.total);
}

/// The least cost over all orders of up to `most` units, each scenario's rest being linear.
fn enumerate(case: &Case, most: u32) -> f64 {
    let mut model = formulate(case, &Ask::default());
    let unmet = model.index.unmet.clone();
    unmet.iter().flatten().flatten().flatten().for_each(|&c| model.program.columns[c].upper = 0.0);
    let whole: Vec<usize> = (0..model.program.columns.len()).filter(|&c| model.program.columns[c].whole).collect();
    assert!(whole.len() <= 8, "{} columns", whole.len());
    let mut best = f64::INFINITY;
    let mut amounts = vec![0; whole.len()];
    loop {
        let mut program = model.program.clone();
        for (&c, &n) in whole.iter().zip(&amounts) {
            program.row(vec![(c, 1.0)], f64::from(n), f64::from(n));
            program.columns[c].whole = false;
        }
        if let Ok(solved) = super::solver::exact_microlp(&program, 0, None, &Watch::NOBODY) {
            best = best.min(solved.cost);
        }
        let Some(i) = amounts.iter().position(|&n| n < most) else { return best };
        amounts[i] += 1;
        amounts[..i].fill(0);
    }
}

prop_compose! {
    /// Two offers, two quarters, two scenarios: six whole columns.
    fn small()(
        demand in 1.0f64..7.0,
        growth in -0.3f64..0.6,
        price in prop::array::uniform2(500.0f64..3_000.0),
        rates in prop::array::uniform2(2.0f64..5.0),
        power in 5_000.0f64..20_000.0,
        weight in 0.05f64..0.95,
        duty in 0.0f64..1.0,
        interest in 0.0f64..0.3,
        ban in any::<bool>(),
        against in prop::sample::select(vec![Against::Mean, Against::Worst, Against::Regret]),
    ) -> Case {
        let mut chat = work("chat", demand);
        chat.growth = exact(growth);
        let mut q = question(2, vec![chat], vec![
            offer("a", price[0], How::Buy),
            offer("b", price[1] / 3_000.0, How::Rent { quarters: 1 }),
        ]);
        q.offers[0].power = exact(power);
        q.finance.interest = exact(interest);
        q.finance.resale = exact(0.5);
        q.sites[0].electricity = exact(0.1);
        let effect = if ban { Effect::Ban } else { Effect::Surcharge(exact(duty)) };
        q.scenarios = vec![scenario("open", weight, vec![]), scenario("event", 1.0 - weight, vec![event(vec![0], 1, effect)])];
        q.against = against;
        case(q, &rates)
    }
}

fn cost(case: &Case) -> f64 {
    match optimise(case, &Watch::NOBODY).expect("solved") {
        Outcome::Plan(plan) => plan.total,
        Outcome::Short(_) => f64::INFINITY,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn small_plans_are_the_best_of_all(case in small()) {
        let mut case = case;
        // Regret needs the best of each scenario first, which enumeration is not told.
        if case.question.against == Against::Regret {
            case.question.against = Against::Worst;
        }
        let found = plan(&case);
        let best = enumerate(&case, 4);
        prop_assert!((found.total - best).abs() <= 1e-6 * best.abs().max(1e-3), "{} is not {best}", found.total);
        prop_assert!(found.bound <= found.total + 1e-6 * found.total.abs());
    }

    #[test]
    fn cheaper_never_costs_more(case in small(), by in 0.3f64..1.0, which in 0usize..5) {
        let mut cheap = case.clone();
        let q = &mut cheap.question;
        let less = |r: &mut Range<f64>| *r = r.map(|x| x * by);
        match which {
            0 | 1 => less(&mut q.offers[which].price),
            2 => less(&mut q.sites[0].electricity),
            3 => less(&mut q.offers[0].power),
            _ => q.scenarios[1].events.iter_mut().for_each(|e| if let Effect::Surcharge(r) = &mut e.effect { less(r) }),
        }
        // Regret compares with what would have been: it may well rise when something gets cheaper.
        cheap.question.against = Against::Mean;
        let mut case = case;
        case.question.against = Against::Mean;
        let (before, after) = (cost(&case), cost(&cheap));
        prop_assert!(after <= before + 1e-6 * before.abs(), "{after} is above {before}");
    }

    #[test]
    fn looser_limits_never_hurt(case in small(), units in 1.0f64..4.0, more in 0.0f64..3.0, which in 0usize..3) {
        let limited = |amount: f64| {
            let mut case = case.clone();
            case.question.against = Against::Mean;
            match which {
                0 => case.question.offers[0].supply = Some(exact(amount.floor())),
                1 => case.question.offers[1].stock = Some(exact(amount)),
                _ => case.question.sites[0].power = Some(vec![exact(amount * 10_000.0)]),
            }
            cost(&case)
        };
        let (tight, loose) = (limited(units), limited(units + more));
        prop_assert!(loose <= tight + 1e-6 * tight.abs().min(1e9), "{loose} is above {tight}");
    }

    #[test]
    fn no_more_works_than_stands(case in small()) {
        let plan = plan(&case);
        prop_assert!(plan.model.program.violation(&plan.values) < 1e-5);
        let (index, v) = (&plan.model.index, &plan.values);
        for (stand, work) in index.stand.iter().zip(&index.work) {
            for (o, quarters) in stand.iter().enumerate() {
                for (i, column) in quarters.iter().enumerate() {
                    let busy: f64 = work[o].iter().filter_map(|t| t[i]).map(|c| v[c]).sum();
                    let stands = column.map_or(0.0, |c| v[c]);
                    prop_assert!(busy <= stands + 1e-6, "{busy} of {stands}");
                }
            }
        }
    }

    #[test]
    fn sums_agree(case in small()) {
        let plan = plan(&case);
        let told = super::answer::plan(&case, &plan, Default::default());
        for (s, sum) in told.by_scenario.iter().enumerate() {
            let spent = || told.spent.iter().filter(move |x| x.scenario == s);
            let by = |key: &dyn Fn(&super::findings::Spent) -> Option<usize>| {
                let mut sums = std::collections::BTreeMap::<Option<usize>, f64>::new();
                spent().for_each(|x| *sums.entry(key(x)).or_default() += x.amount);
                sums.values().sum::<f64>()
            };
            let (sites, quarters, work, offers) =
                (by(&|x| x.site), by(&|x| Some(x.quarter)), by(&|x| x.work), by(&|x| x.offer));
            for total in [sites, quarters, work, offers] {
                prop_assert!((total - sum.cost).abs() <= 1e-9 * sum.cost.abs().max(1e-3));
            }
            // What works where adds up to what is served, and no more is served than could be.
            let placed: f64 = told.places.iter().filter(|p| p.scenario == s).map(|p| p.tokens).sum();
            prop_assert!(placed >= sum.served * (1.0 - 1e-6));
            for x in told.served.iter().filter(|x| x.scenario == s) {
                prop_assert!(x.served <= x.wanted && x.served <= x.capacity * (1.0 + 1e-6) + 1e-9, "{x:?}");
            }
        }
        // The mean of scenarios is what was minimised, where the mean counts.
        if case.question.against == Against::Mean {
            prop_assert!((told.cost - plan.total).abs() <= 1e-6 * plan.total.abs().max(1e-3));
        }
    }

    #[test]
    fn the_relaxed_cost_is_below(case in small()) {
        let found = plan(&case);
        let (_, relaxed) = relaxed_cost(&case, &Watch::NOBODY).expect("solved").expect("served");
        // Regret is against other bests in the two: whole ones and relaxed ones.
        if case.question.against != Against::Regret {
            prop_assert!(relaxed.cost <= found.total + 1e-6 * found.total.abs());
        }
    }
}
