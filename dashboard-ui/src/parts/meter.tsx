import type { JSX } from "preact";

/** How much of something is used. Shows nothing where there is no bound. */
export function Meter({
  value,
  most,
  label,
}: {
  value: number;
  most: number | null;
  label: string;
}): JSX.Element | null {
  if (most === null || most === 0) return null;
  const part = Math.min(1, value / most);
  return (
    <div
      class={part >= 1 ? "meter is-full" : "meter"}
      role="meter"
      aria-label={label}
      aria-valuenow={value}
      aria-valuemin={0}
      aria-valuemax={most}
    >
      <span style={{ width: `${part * 100}%` }} />
    </div>
  );
}
