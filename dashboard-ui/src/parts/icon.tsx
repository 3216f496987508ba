import type { JSX } from "preact";

/** Shapes on a ground of 16 by 16, drawn in lines of the text's colour. */
const SHAPES = {
  instances: "M2.5 4h11M2.5 8h11M2.5 12h7",
  workers: "M3 3.5h10v4H3zM3 9.5h10v3H3zM5.5 5.5h.01M5.5 11h.01",
  flows:
    "M4 4.5a1.5 1.5 0 1 0 0-.01M12 8a1.5 1.5 0 1 0 0-.01M4 12.5a1.5 1.5 0 1 0 0-.01M5.5 4.5c3 0 2 3.5 5 3.5M5.5 12c3 0 2-4 5-4",
  schedules: "M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3l2.2 1.5",
  failures: "M8 2.5l6 10.5H2zM8 6.5v3M8 11.3h.01",
  limits: "M2.5 11.5a5.5 5.5 0 0 1 11 0M8 11.5l2.6-3.6",
  search: "M7 2.8a4.2 4.2 0 1 0 .01 0M10.2 10.2l3 3",
  play: "M5 3.5v9l7-4.5z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  check: "M3 8.5l3.2 3.2L13 4.8",
  cross: "M4 4l8 8M12 4l-8 8",
  stop: "M8 2.5a5.5 5.5 0 1 0 .01 0M4.2 4.2l7.6 7.6",
  clock: "M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2h2.6",
  mail: "M2.5 4h11v8h-11zM2.5 4.5L8 9l5.5-4.5",
  child: "M4 2.5v6a2 2 0 0 0 2 2h6M9.5 8l2.5 2.5L9.5 13",
  retry: "M12.8 8a4.8 4.8 0 1 1-1.6-3.6M12.5 2.2v2.6H9.9",
  ready: "M8 3.5a4.5 4.5 0 1 0 .01 0",
  running: "M8 2.5a5.5 5.5 0 0 1 5.5 5.5",
  fork: "M4.5 2.5v11M4.5 8c4.5 0 6.5-1.5 6.5-5M9 5l2-2.5L13 5",
  undo: "M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6M5.5 3.5l-3 3 3 3",
  sun: "M8 5.3a2.7 2.7 0 1 0 .01 0M8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1",
  moon: "M12.8 9.8A5.3 5.3 0 0 1 6.2 3.2a5.3 5.3 0 1 0 6.6 6.6z",
  auto: "M8 2.5a5.5 5.5 0 1 0 .01 0M8 2.5v11M8 5h3.5M8 8h5M8 11h3.5",
  right: "M6 3.5L10.5 8 6 12.5",
  down: "M3.5 6L8 10.5 12.5 6",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  download: "M8 2.5v7.5M5 7.5l3 3 3-3M3 13.5h10",
  copy: "M6 6h7v7H6zM3 10V3h7",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5.5a2.5 2.5 0 0 1 5 0v2",
  warning: "M8 2.5l6 10.5H2zM8 6.5v3M8 11.3h.01",
  skip: "M3.5 4l4.5 4-4.5 4zM8.5 4L13 8l-4.5 4z",
  help: "M8 2.5a5.5 5.5 0 1 0 .01 0M6.3 6.5a1.7 1.7 0 1 1 2.5 1.5c-.6.3-.8.6-.8 1.2M8 11.2h.01",
} as const;

export type IconName = keyof typeof SHAPES;

/** A small picture that says nothing to a screen reader: what it means stands beside it. */
export function Icon({
  name,
  size = 16,
  spin = false,
}: {
  name: IconName;
  size?: number;
  spin?: boolean;
}): JSX.Element {
  return (
    <svg
      class={spin ? "spin" : undefined}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={SHAPES[name]} />
    </svg>
  );
}
