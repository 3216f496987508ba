import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { absoluteTime, clockTime, durationText } from "../parts/time-text.ts";
import { useWidth } from "../parts/use-width.ts";
import type { Bar, Timeline, TimelineRow } from "./model.ts";

const ROW = 26;
const TOP = 24;
const NAMES = 190;
const RIGHT = 64;
/** Rows that are drawn at once. */
const CHUNK = 150;
const LOOKS = { completed: "t-bar", failed: "t-bar is-failed", running: "t-bar is-running", waited: "t-wait" } as const;

interface TimelineProps {
  readonly timeline: Timeline;
  /** Told when a row is chosen. */
  readonly onOpen: (taskId: string) => void;
}

/** When each task ran, failed, waited. */
export function TimelineView({ timeline, onOpen }: TimelineProps): JSX.Element {
  const [ref, width] = useWidth<HTMLDivElement>(800);
  const [shown, setShown] = useState(CHUNK);
  const { from, to, rows } = timeline;
  const scale = (at: number): number => NAMES + ((at - from) / Math.max(1, to - from)) * (width - NAMES - RIGHT);
  const visible = rows.slice(0, shown);
  const height = TOP + visible.length * ROW + 6;
  return (
    <div class="timeline" ref={ref}>
      <svg width={width} height={height} role="group" aria-label="Timeline">
        {axisTimes(from, to).map((at, index) => (
          <g key={at}>
            <line class="t-line" x1={scale(at)} x2={scale(at)} y1={TOP - 4} y2={height} />
            <text class="t-axis" x={scale(at) + (index === 0 ? 0 : 3)} y={13}>
              {index === 0 ? clockTime(at) : `+${durationText(at - from)}`}
            </text>
          </g>
        ))}
        {visible.map((row, index) => (
          <Row key={row.taskId} row={row} y={TOP + index * ROW} width={width} scale={scale} onOpen={onOpen} />
        ))}
      </svg>
      {rows.length > shown && (
        <button type="button" class="link" onClick={() => setShown(shown + CHUNK * 4)}>
          show more of {rows.length} tasks
        </button>
      )}
    </div>
  );
}

interface RowProps {
  readonly row: TimelineRow;
  readonly y: number;
  readonly width: number;
  readonly scale: (at: number) => number;
  readonly onOpen: (taskId: string) => void;
}

function Row({ row: { taskId, bars }, y, width, scale, onOpen }: RowProps): JSX.Element {
  const shownName = taskId.length > 27 ? `…${taskId.slice(-26)}` : taskId;
  const last = bars.at(-1);
  const spent = bars.reduce((sum, { from, to }) => sum + to - from, 0);
  const words = bars.map((bar) => `${bar.text}: ${durationText(bar.to - bar.from)}`).join("; ");
  return (
    <g
      class="t-row g-node"
      role="button"
      tabindex={0}
      aria-label={`${shownName} ${durationText(spent)}, ${words}`}
      onClick={() => onOpen(taskId)}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        onOpen(taskId);
      }}
    >
      <rect class="t-back" x={0} y={y} width={width} height={ROW} />
      <text x={4} y={y + 17}>
        {shownName}
        <title>{taskId}</title>
      </text>
      {bars.map((bar, index) => (
        <BarShape key={index} bar={bar} y={y} scale={scale} />
      ))}
      {last !== undefined && (
        <text class="t-axis" x={Math.min(scale(last.to) + 6, width - RIGHT + 4)} y={y + 17}>
          {durationText(spent)}
        </text>
      )}
    </g>
  );
}

function BarShape({ bar, y, scale }: { bar: Bar; y: number; scale: (at: number) => number }): JSX.Element {
  const [from, to] = [scale(bar.from), scale(bar.to)];
  return (
    <rect class={LOOKS[bar.look]} x={from} y={y + 6} width={Math.max(3, to - from)} height={14} rx={3}>
      <title>{`${bar.text}\n${absoluteTime(bar.from)}\n${durationText(bar.to - bar.from)}`}</title>
    </rect>
  );
}

/** Four times at equal distances. */
function axisTimes(from: number, to: number): readonly number[] {
  return [0, 0.25, 0.5, 0.75].map((part) => from + (to - from) * part);
}
