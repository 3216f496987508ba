import type { JSX } from "preact";
import { absoluteTime, clockTime } from "../parts/time-text.ts";
import { useWidth } from "../parts/use-width.ts";
import { ticksUpTo } from "./scale.ts";

/** One series over all buckets; `null` where there is nothing to say. */
export interface Series {
  readonly name: string;
  /** Class that colours it. */
  readonly look: string;
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  readonly title: string;
  /** When each bucket begins, in ms since the epoch. */
  readonly times: readonly number[];
  /** Stacked bars, from below. */
  readonly bars?: readonly Series[];
  readonly lines?: readonly Series[];
  readonly format: (value: number) => string;
}

const HEIGHT = 150;
const LEFT = 52;
const TOP = 8;
const BOTTOM = 20;

/** Values over time, as bars or lines. What it shows can be read as a table, too. */
export function Chart({ title, times, bars = [], lines = [], format }: ChartProps): JSX.Element {
  const [ref, width] = useWidth<HTMLDivElement>(480);
  const greatest = Math.max(
    ...times.map((_, index) => bars.reduce((sum, { values }) => sum + (values[index] ?? 0), 0)),
    ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)),
    0,
  );
  const ticks = ticksUpTo(greatest);
  const top = ticks.at(-1) ?? 1;
  const step = (width - LEFT) / Math.max(1, times.length);
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  return (
    <div ref={ref}>
      <svg class="chart" viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={title}>
        {ticks.map((tick) => (
          <g key={tick}>
            <line class="c-grid" x1={LEFT} x2={width} y1={y(tick)} y2={y(tick)} />
            <text x={LEFT - 6} y={y(tick) + 4} text-anchor="end">
              {format(tick)}
            </text>
          </g>
        ))}
        <TimeAxis times={times} step={step} width={width} />
        {times.map((time, index) => (
          <Bucket key={time} time={time} index={index} step={step} bars={bars} lines={lines} y={y} format={format} />
        ))}
        {lines.map(({ name, look, values }) => (
          <path key={name} class={look} d={linePath(values, (index) => LEFT + step * (index + 0.5), y)} />
        ))}
      </svg>
      <div class="legend">
        {[...bars, ...lines].map(({ name, look }) => (
          <span key={name} class="row">
            <svg width="12" height="10" aria-hidden="true">
              {look.startsWith("c-line") ? (
                <path class={look} d="M0 5h12" />
              ) : (
                <rect class={look} width="10" height="10" rx="2" />
              )}
            </svg>
            {name}
          </span>
        ))}
      </div>
    </div>
  );
}

interface BucketProps {
  readonly time: number;
  readonly index: number;
  readonly step: number;
  readonly bars: readonly Series[];
  readonly lines: readonly Series[];
  readonly y: (value: number) => number;
  readonly format: (value: number) => string;
}

/** The bars of one bucket, and over its whole height what it says when the pointer rests on it. */
function Bucket({ time, index, step, bars, lines, y, format }: BucketProps): JSX.Element {
  let below = 0;
  const x = LEFT + step * index;
  const words = [...bars, ...lines].map(({ name, values }) => {
    const value = values[index];
    return `${name}: ${value == null ? "—" : format(value)}`;
  });
  return (
    <g>
      {bars.map(({ name, look, values }) => {
        const value = values[index] ?? 0;
        const from = below;
        below += value;
        const height = y(from) - y(below);
        return value === 0 ? null : (
          <rect
            key={name}
            class={look}
            x={x + step * 0.12}
            width={step * 0.76}
            y={y(below)}
            height={Math.max(1, height)}
          />
        );
      })}
      <rect x={x} width={step} y={TOP} height={HEIGHT - TOP - BOTTOM} fill="transparent">
        <title>{[absoluteTime(time), ...words].join("\n")}</title>
      </rect>
    </g>
  );
}

function TimeAxis({ times, step, width }: { times: readonly number[]; step: number; width: number }): JSX.Element {
  const every = Math.max(1, Math.ceil(times.length / Math.max(2, Math.floor((width - LEFT) / 90))));
  return (
    <>
      {times.map((time, index) =>
        index % every === 0 ? (
          <text key={time} x={LEFT + step * index} y={HEIGHT - 5}>
            {axisTime(time, times)}
          </text>
        ) : null,
      )}
    </>
  );
}

const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

function axisTime(time: number, times: readonly number[]): string {
  const span = (times.at(-1) ?? time) - (times[0] ?? time);
  if (span > 3 * 86_400_000) return day.format(time);
  return span < 600_000 ? clockTime(time) : minute.format(time);
}

/** Gaps stay gaps. */
function linePath(
  values: readonly (number | null)[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  let isOpen = false;
  const steps: string[] = [];
  for (const [index, value] of values.entries()) {
    if (value === null) {
      isOpen = false;
      continue;
    }
    steps.push(`${isOpen ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`);
    // A bucket between two gaps would not be seen otherwise.
    if (!isOpen && (values[index + 1] ?? null) === null) steps.push("h3");
    isOpen = true;
  }
  return steps.join("");
}
