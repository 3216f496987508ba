import type { JSX } from "preact";
import type { Series } from "../../../src/dashboard/api-types.ts";
import { useResource } from "../api/resource.ts";
import { Chart } from "../charts/chart.tsx";
import { Empty } from "../parts/empty.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { durationText, shortCount } from "../parts/time-text.ts";
import { changeQuery, usePlace } from "../route/place.ts";

const RANGES = ["15m", "1h", "6h", "24h", "7d", "30d"] as const;

/** How much ended, how it ended and how long it took, over time. Of one flow, or of all. */
export function SeriesCharts({ flow }: { flow: string | null }): JSX.Element {
  const wanted = usePlace().query.get("range");
  const range = RANGES.find((one) => one === wanted) ?? "1h";
  const parameters = { range, buckets: 48, ...(flow === null ? {} : { flow }) };
  const { value: series, problem, refresh } = useResource<Series>("series", parameters, { topics: ["instances"] });
  return (
    <section class="stack" aria-label="Over time">
      <div class="spread">
        <h2>Over time</h2>
        <div class="row" role="group" aria-label="Range">
          {RANGES.map((one) => (
            <button
              key={one}
              type="button"
              class="button is-small"
              aria-pressed={one === range}
              onClick={() => changeQuery({ range: one }, { replace: true })}
            >
              {one}
            </button>
          ))}
        </div>
      </div>
      {problem !== null && <ProblemBox problem={problem} retry={refresh} />}
      {series === null ? problem === null && <p class="muted">Reading …</p> : <Charts series={series} />}
    </section>
  );
}

function Charts({ series: { buckets, capped } }: { series: Series }): JSX.Element {
  const times = buckets.map(({ at }) => Date.parse(at));
  const isQuiet = buckets.every(
    ({ started, completed, failed, cancelled }) => started + completed + failed + cancelled === 0,
  );
  if (isQuiet)
    return (
      <div class="card">
        <Empty title="Nothing happened in this time">
          <p>Choose a longer range.</p>
        </Empty>
      </div>
    );
  return (
    <>
      {capped && <p class="muted">More happened than is looked at: the oldest bars count too little.</p>}
      <div class="halves">
        <div class="card stack">
          <h3>Ended</h3>
          <Chart
            title="Instances that ended, by time"
            times={times}
            format={shortCount}
            bars={[
              { name: "Completed", look: "c-good", values: buckets.map(({ completed }) => completed) },
              { name: "Cancelled", look: "c-dull", values: buckets.map(({ cancelled }) => cancelled) },
              { name: "Failed", look: "c-bad", values: buckets.map(({ failed }) => failed) },
            ]}
            lines={[{ name: "Begun", look: "c-line", values: buckets.map(({ started }) => started) }]}
          />
        </div>
        <div class="card stack">
          <h3>From begin to end</h3>
          <Chart
            title="Durations of what completed, by time"
            times={times}
            format={durationText}
            lines={[
              { name: "Half took at most (p50)", look: "c-line", values: buckets.map(({ p50Ms }) => p50Ms) },
              { name: "95 % took at most (p95)", look: "c-line-2", values: buckets.map(({ p95Ms }) => p95Ms) },
            ]}
          />
        </div>
      </div>
    </>
  );
}
