//! A fabric as nested boxes: a box for each domain, its switches as a bar on top, chips inside; tori as lattices.

use catalog::System;
use plan::findings::{SystemFinding, TierFinding};

use super::sheet::{CHIP, COPPER, FADED, INK, LIGHT, RULE, Sheet};
use super::svg::text_width;
use crate::cmd::fabric::shape;
use crate::lang::number::{Unit, quantity, thousands};
use crate::lang::{Lang, Msg, term};

const WIDTH: f64 = 1180.0;
const PAD: f64 = 10.0;
const BAR: f64 = 24.0;
/// Domains of one tier that are drawn; the rest is counted.
const SHOWN: u32 = 48;

/// What is drawn.
pub struct Drawn<'a> {
    name: &'a str,
    chip: &'a str,
    chips: u32,
    tiers: Vec<TierFinding>,
    optical_switches: Option<f64>,
}

impl<'a> Drawn<'a> {
    /// A system of the catalog, or a part of it.
    pub fn of(system: &'a System) -> Drawn<'a> {
        Drawn {
            name: &system.name,
            chip: &system.chip.name,
            chips: system.chips,
            tiers: system.fabric.tiers.iter().map(TierFinding::of).collect(),
            optical_switches: system.parts.get("optical_switches").map(catalog::Fact::mid),
        }
    }

    /// A system of an answer.
    pub fn weighed(system: &'a SystemFinding) -> Drawn<'a> {
        Drawn {
            name: &system.name,
            chip: &system.chip,
            chips: system.chips,
            tiers: system.tiers.clone(),
            optical_switches: system.optical_switches,
        }
    }

    /// Whether there is anything to draw.
    pub fn is_empty(&self) -> bool {
        self.tiers.is_empty() || self.chips == 0
    }

    /// The drawing as a file.
    pub fn file(&self, lang: Lang) -> String {
        let mut sheet = Sheet::new(WIDTH);
        sheet.title((28.0, 40.0), 20.0, self.name);
        let of = Msg::ChipsCount.fill(lang, &[("count", &thousands(f64::from(self.chips)))]);
        sheet.text((28.0, 62.0), "start", 13.0, FADED, &format!("{of}, {}", self.chip));
        legend(&mut sheet, lang);
        let height = self.draw(&mut sheet, 84.0, lang);
        sheet.finish(height)
    }

    /// The drawing for a page that has the title already, in the page's colours.
    pub fn figure(&self, lang: Lang, label: &str) -> String {
        let mut sheet = Sheet::new(WIDTH);
        legend(&mut sheet, lang);
        let height = self.draw(&mut sheet, 56.0, lang);
        sheet.finish_inside(height, label)
    }

    /// Tiers from `top` on; gives the height of the sheet.
    fn draw(&self, sheet: &mut Sheet, mut top: f64, lang: Lang) -> f64 {
        // Tiers beyond what is drawn only say what they join.
        let used = self.tiers.iter().take_while(|t| t.chips < self.chips).count() + 1;
        let used = used.min(self.tiers.len());
        for tier in self.tiers[used..].iter().rev() {
            bar(sheet, (28.0, top), WIDTH - 56.0, tier, lang, false);
            for i in 0..7 {
                let x = 80.0 + f64::from(i) * (WIDTH - 160.0) / 6.0;
                sheet.line((x, top + BAR), (x, top + BAR + 14.0), hue(&tier.medium), 1.6, " stroke-dasharray=\"2 3\"");
            }
            top += BAR + 14.0;
        }
        let box_of = Boxes { system: self, chips: self.chips, lang };
        let inner = WIDTH - 56.0;
        let height = box_of.measure(used, inner, self.chips);
        box_of.draw(sheet, used, (28.0, top), inner, self.chips);
        top + height + 28.0
    }
}

fn hue(medium: &str) -> &'static str {
    if medium == "copper" { COPPER } else { LIGHT }
}

fn legend(sheet: &mut Sheet, lang: Lang) {
    let mut x = WIDTH - 28.0;
    for (name, colour) in [(Msg::FabricLight.text(lang), LIGHT), (Msg::FabricCopper.text(lang), COPPER)] {
        x -= text_width(name);
        sheet.text((x, 40.0), "start", 12.0, FADED, name);
        sheet.rect((x - 22.0, 31.0), (16.0, 9.0), colour, "none", 2.0);
        x -= 40.0;
    }
}

/// What a tier is, on a bar of its medium's colour.
fn bar(sheet: &mut Sheet, (x, y): (f64, f64), width: f64, tier: &TierFinding, lang: Lang, short: bool) {
    sheet.rect((x, y), (width, BAR), hue(&tier.medium), "none", 4.0);
    let mut parts = vec![tier.name.clone(), shape(tier, lang)];
    if let Some(switches) = tier.switches.filter(|_| matches!(tier.shape.as_str(), "switch" | "clos")) {
        parts.push(format!("{} {}", thousands(switches), Msg::FabricSwitches.text(lang).to_lowercase()));
    }
    parts.push(quantity(tier.bandwidth, Unit::Bandwidth));
    if let Some(latency) = tier.latency {
        parts.push(quantity(latency, Unit::Time));
    }
    if !short {
        parts.push(term(&tier.medium, lang).to_owned());
        parts.push(Msg::FabricJoins.fill(lang, &[("chips", &thousands(f64::from(tier.chips)))]));
    }
    let text = loop {
        let text = parts.join(" · ");
        if text_width(&text) + 12.0 <= width || parts.len() == 1 {
            break text;
        }
        parts.pop();
    };
    if text_width(&text) <= width {
        sheet.text((x + width / 2.0, y + BAR - 7.5), "middle", 12.0, "#ffffff", &text);
    }
}

struct Boxes<'a> {
    system: &'a Drawn<'a>,
    chips: u32,
    lang: Lang,
}

/// Boxes of one kind in rows.
struct Grid {
    shown: u32,
    more: u32,
    columns: u32,
    width: f64,
    gap: f64,
}

impl Boxes<'_> {
    fn tier(&self, level: usize) -> &TierFinding {
        &self.system.tiers[level - 1]
    }

    /// Chips of a domain of the tiers below `level`.
    fn domain(&self, level: usize) -> u32 {
        if level == 0 { 1 } else { self.tier(level).chips.min(self.chips) }
    }

    fn grid(&self, level: usize, width: f64, chips: u32) -> Grid {
        let units = chips.div_ceil(self.domain(level - 1)).max(1);
        let limit = if level == 1 {
            144
        } else if level == 2 {
            SHOWN
        } else {
            12
        };
        let shown = units.min(limit);
        let leaf = level == 1;
        let gap = if leaf { 5.0 } else { 12.0 };
        let room = width - 2.0 * PAD;
        // Chips are small squares; boxes as wide as they can be in rows of about equal length.
        let columns = if leaf {
            // Full rows look calmer: the most columns that divide, unless that makes a tower.
            let most = ((room + gap) / (24.0 + gap)).floor().max(1.0).min(f64::from(shown)) as u32;
            let even = (1..=most).rev().find(|c| shown.is_multiple_of(*c)).unwrap_or(most);
            f64::from(if 2 * even >= most { even } else { most })
        } else {
            let least = if level == 2 { 118.0 } else { 340.0 };
            let most = ((room + gap) / (least + gap)).floor().max(1.0);
            (f64::from(shown) / (f64::from(shown) / most).ceil()).ceil()
        };
        let each = if leaf { ((room + gap) / columns - gap).clamp(8.0, 24.0) } else { (room + gap) / columns - gap };
        Grid { shown, more: units - shown, columns: columns as u32, width: each, gap }
    }

    fn lattice(&self, width: f64) -> Lattice {
        Lattice::of(&self.tier(1).dims, width, self.system.optical_switches)
    }

    fn measure(&self, level: usize, width: f64, chips: u32) -> f64 {
        if level == 0 {
            return width;
        }
        if level == 1 && !self.tier(level).dims.is_empty() {
            return BAR + self.lattice(width).height() + 2.0 * PAD;
        }
        let grid = self.grid(level, width, chips);
        let each = self.measure(level - 1, grid.width, self.domain(level - 1));
        let rows = f64::from(grid.shown.div_ceil(grid.columns));
        let more = if grid.more > 0 { 20.0 } else { 0.0 };
        BAR + 2.0 * PAD + rows * (each + grid.gap) - grid.gap + more
    }

    fn draw(&self, sheet: &mut Sheet, level: usize, (x, y): (f64, f64), width: f64, chips: u32) {
        if level == 0 {
            return sheet.rect((x, y), (width, width), CHIP, "none", 2.5);
        }
        let height = self.measure(level, width, chips);
        sheet.rect((x, y), (width, height), if level.is_multiple_of(2) { "#f4f7f9" } else { "#fbfcfd" }, RULE, 6.0);
        bar(sheet, (x, y), width, self.tier(level), self.lang, width < 600.0);
        if level == 1 && !self.tier(level).dims.is_empty() {
            return self.lattice(width).draw(sheet, (x, y + BAR + PAD), self.lang);
        }
        let grid = self.grid(level, width, chips);
        let inner = self.domain(level - 1);
        let each = self.measure(level - 1, grid.width, inner);
        // Rows of chips stand in the middle of their box.
        let row = f64::from(grid.columns) * (grid.width + grid.gap) - grid.gap;
        let left = x + (width - row) / 2.0;
        for unit in 0..grid.shown {
            let (column, line) = (f64::from(unit % grid.columns), f64::from(unit / grid.columns));
            let at = (left + column * (grid.width + grid.gap), y + BAR + PAD + line * (each + grid.gap));
            let left_over = (chips - unit * inner).min(inner);
            self.draw(sheet, level - 1, at, grid.width, left_over);
        }
        if grid.more > 0 {
            let text = Msg::FabricMore.fill(self.lang, &[("count", &thousands(f64::from(grid.more)))]);
            sheet.text((x + width / 2.0, y + height - 9.0), "middle", 12.0, FADED, &text);
        }
    }
}

/// A torus in parallel perspective: chips, or cubes of them where they are many.
struct Lattice {
    cells: [u32; 3],
    /// Chips along an edge of a cell.
    edge: u32,
    step: f64,
    ocs: Option<f64>,
    width: f64,
}

impl Lattice {
    fn of(dims: &[u32], width: f64, ocs: Option<f64>) -> Lattice {
        let axis = |i: usize| dims.get(i).copied().unwrap_or(1);
        let all = [axis(0), axis(1), dims.iter().skip(2).product::<u32>().max(1)];
        let many = dims.iter().map(|&d| u64::from(d)).product::<u64>() > 600;
        let edge = if many && all.iter().all(|d| d % 4 == 0 || *d == 1) { 4 } else { 1 };
        let cells = all.map(|d| (d / edge).max(1));
        let [a, b, c] = cells.map(f64::from);
        // Width of the whole in steps: the first axis runs right, the second back, the third up.
        let across = (a - 1.0) + 0.5 * (b - 1.0) + 1.2;
        let up = (c - 1.0) + 0.38 * (b - 1.0) + 1.2;
        let step = ((width - 120.0) / across).min(520.0 / up).clamp(6.0, 72.0);
        Lattice { cells, edge, step, ocs, width }
    }

    fn height(&self) -> f64 {
        let [_, b, c] = self.cells.map(f64::from);
        ((c - 1.0) + 0.38 * (b - 1.0) + 1.6) * self.step + if self.ocs.is_some() { 40.0 } else { 0.0 }
    }

    fn draw(&self, sheet: &mut Sheet, (x, y): (f64, f64), lang: Lang) {
        let [a, b, c] = self.cells.map(f64::from);
        let s = self.step;
        let mut top = y;
        if let Some(ocs) = self.ocs {
            let text = format!("{} {}", thousands(ocs), Msg::FabricOcs.text(lang));
            sheet.rect((x + 60.0, y), (self.width - 120.0, 22.0), "#e3f1f3", LIGHT, 4.0);
            sheet.text((x + self.width / 2.0, y + 15.5), "middle", 12.0, LIGHT, &text);
            top += 40.0;
        }
        let wide = ((a - 1.0) + 0.5 * (b - 1.0)) * s;
        let left = x + (self.width - wide) / 2.0;
        let floor = top + ((c - 1.0) + 0.38 * (b - 1.0) + 0.8) * s;
        let at = |i: f64, j: f64, k: f64| (left + i * s + 0.5 * j * s, floor - k * s - 0.38 * j * s);
        let optics = self.edge > 1;
        let link = if optics { LIGHT } else { COPPER };
        let fog = |j: f64| 0.35 + 0.65 * (1.0 - j / b.max(1.0));
        let cells = || {
            let each = |n: u32| (0..n).map(f64::from);
            // From the back to the front, from below upwards.
            each(self.cells[1])
                .rev()
                .flat_map(move |j| each(self.cells[2]).flat_map(move |k| each(self.cells[0]).map(move |i| (i, j, k))))
        };
        for (i, j, k) in cells() {
            let here = at(i, j, k);
            let faint = format!(" opacity=\"{:.2}\"", fog(j) * 0.8);
            let next =
                [(i + 1.0 < a, at(i + 1.0, j, k)), (j + 1.0 < b, at(i, j + 1.0, k)), (k + 1.0 < c, at(i, j, k + 1.0))];
            next.iter().filter(|(is, _)| *is).for_each(|(_, to)| sheet.line(here, *to, link, 1.2, &faint));
            // Stubs of links around the end.
            let ends = [
                (i == 0.0 && a > 2.0, at(i - 0.32, j, k)),
                (i + 1.0 == a && a > 2.0, at(i + 0.32, j, k)),
                (k == 0.0 && c > 2.0, at(i, j, k - 0.3)),
                (k + 1.0 == c && c > 2.0, at(i, j, k + 0.3)),
            ];
            let dotted = format!(" stroke-dasharray=\"2 2\"{faint}");
            ends.iter().filter(|(is, _)| *is).for_each(|(_, to)| sheet.line(here, *to, link, 1.2, &dotted));
        }
        for (i, j, k) in cells() {
            let (px, py) = at(i, j, k);
            if optics {
                block(sheet, (px, py), (0.17 * s).clamp(3.0, 12.0), fog(j));
            } else {
                sheet.circle((px, py), (0.13 * s).clamp(2.0, 6.5), &shade(fog(j), 0.0));
            }
        }
        let cell = if optics { format!("■ = {0}×{0}×{0}", self.edge) } else { String::new() };
        sheet.text((x + 16.0, floor + 0.55 * s), "start", 12.0, INK, &cell);
    }
}

/// A cube with its front, top and side.
fn block(sheet: &mut Sheet, (x, y): (f64, f64), half: f64, near: f64) {
    let (right, up) = (0.9 * half, 0.7 * half);
    let (l, r, t, b) = (x - half, x + half, y - half, y + half);
    let edge = "#ffffff";
    sheet.path(&[(l, t), (l + right, t - up), (r + right, t - up), (r, t)], edge, 0.6, &shade(near, 0.35), "");
    sheet.path(&[(r, t), (r + right, t - up), (r + right, b - up), (r, b)], edge, 0.6, &shade(near, -0.25), "");
    sheet.path(&[(l, t), (r, t), (r, b), (l, b)], edge, 0.6, &shade(near, 0.0), "");
}

/// The colour of chips, paler the farther back, and paler or darker by its own light.
fn shade(near: f64, light: f64) -> String {
    let lit = |ink: f64| if light >= 0.0 { ink + (255.0 - ink) * light } else { ink * (1.0 + light) };
    let mix = |ink: f64| (255.0 + (lit(ink) - 255.0) * near.clamp(0.0, 1.0)).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(50.0), mix(80.0), mix(110.0))
}
