const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 365 * 86_400_000],
  ["month", 30 * 86_400_000],
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
];

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const whole = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

/** "3 min. ago", in the reader's language. */
export function relativeTime(at: number, now: number): string {
  const ms = at - now;
  for (const [unit, size] of UNITS) if (Math.abs(ms) >= size) return relative.format(Math.trunc(ms / size), unit);
  return relative.format(0, "second");
}

/** Date and time to the second, with the zone. */
export function absoluteTime(at: number): string {
  return absolute.format(at);
}

/** The time of the day, to the second. */
export function clockTime(at: number): string {
  return clock.format(at);
}

/** "1.2 s", "3 min 5 s", "2 d 4 h". */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${ms < 10 && !Number.isInteger(ms) ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return pair(ms, 60_000, "min", 1_000, "s");
  if (ms < 86_400_000) return pair(ms, 3_600_000, "h", 60_000, "min");
  return pair(ms, 86_400_000, "d", 3_600_000, "h");
}

/** With the reader's thousands separators. */
export function countText(count: number): string {
  return whole.format(count);
}

/** "12K" */
export function shortCount(count: number): string {
  return count < 10_000 ? whole.format(count) : compact.format(count);
}

/** "1.4 kB", by powers of 1,000. */
export function bytesText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  const [size, unit] = bytes < 1_000_000 ? [bytes / 1_000, "kB"] : [bytes / 1_000_000, "MB"];
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`;
}

function pair(ms: number, size: number, unit: string, rest: number, restUnit: string): string {
  const large = Math.floor(ms / size);
  const small = Math.floor((ms - large * size) / rest);
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${restUnit}`;
}
