// Quantities as texts with units, moved between two ends.

const PREFIX: Record<string, number> = { n: 1e-9, u: 1e-6, m: 1e-3, "": 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };

/// A number and the factor of its unit, where both ends have one unit but for its prefix.
function parts(text: string): { value: number; factor: number; unit: string } | undefined {
  const found = /^([\d.]+)\s*(n|u|m|k|K|Ki|M|Mi|G|Gi|T|Ti|P|E)?([A-Za-z][A-Za-z/]*)$/.exec(text.trim());
  if (!found) return undefined;
  const [, digits = "", prefix = "", unit = ""] = found;
  return { value: Number(digits), factor: PREFIX[prefix] ?? 1, unit: prefix + unit };
}

/// Where a value lies between two ends, 0 to 100.
export function figures(low: string, high: string, value: string): number {
  const [a, b, x] = [parts(low), parts(high), parts(value)];
  if (!a || !b || !x) return 50;
  const [from, to, at] = [a.value * a.factor, b.value * b.factor, x.value * x.factor];
  return to > from ? Math.round(Math.min(1, Math.max(0, (at - from) / (to - from))) * 100) : 50;
}

/// The value so far from the low end, in the unit of the high one. Ends are as they are written.
export function between(low: string, high: string, share: number): string {
  if (share <= 0) return low;
  if (share >= 100) return high;
  const [a, b] = [parts(low), parts(high)];
  if (!a || !b) return share < 50 ? low : high;
  const value = (a.value * a.factor + (share / 100) * (b.value * b.factor - a.value * a.factor)) / b.factor;
  return `${Number(value.toPrecision(4))} ${b.unit}`;
}
