import type { JSX } from "preact";
import type { Flow, Page, StoredStatus } from "../../../src/dashboard/api-types.ts";
import { useResource } from "../api/resource.ts";
import { Empty } from "../parts/empty.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { countText } from "../parts/time-text.ts";
import { hrefOf } from "../route/place.ts";
import { useKeys } from "../shell/keys.ts";
import { PausedBadge } from "./flow-pause.tsx";
import { SeriesCharts } from "./series-charts.tsx";

const COLUMNS: readonly (readonly [StoredStatus, string])[] = [
  ["in_progress", "In progress"],
  ["paused", "Paused"],
  ["completed", "Completed"],
  ["failed", "Failed"],
  ["cancelled", "Cancelled"],
];

/** All flows, with how many instances each has, and what happened over time. */
export function FlowsPage(): JSX.Element {
  const { value: page, problem, refresh } = useResource<Page<Flow>>("flows", {}, { topics: ["instances", "workers"] });
  useKeys({ r: refresh });
  return (
    <>
      <h1>Flows</h1>
      {problem !== null && <ProblemBox problem={problem} retry={refresh} />}
      {page !== null && page.items.length === 0 && (
        <div class="card">
          <Empty title="No flow is known yet">
            <p>
              A flow is known when an instance of it was started, when a worker has published it, or when it is given to
              the handler that serves this page.
            </p>
          </Empty>
        </div>
      )}
      {page !== null && page.items.length > 0 && <FlowTable flows={page.items} />}
      <SeriesCharts flow={null} />
    </>
  );
}

function FlowTable({ flows }: { flows: readonly Flow[] }): JSX.Element {
  return (
    <div class="card is-flush scroll-x">
      <table class="table">
        <thead>
          <tr>
            <th>Flow</th>
            <th class="right">Versions</th>
            <th class="right">Workers</th>
            {COLUMNS.map(([status, title]) => (
              <th key={status} class="right">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {flows.map(({ flow, versions, byStatus, capped, paused }) => (
            <tr key={flow} data-flow={flow}>
              <td>
                <a href={hrefOf(["flows", flow])}>{flow}</a> <PausedBadge paused={paused} />
              </td>
              <td class="right number">{versions.length}</td>
              <td class="right number">{versions.reduce((most, { workers }) => Math.max(most, workers), 0)}</td>
              {COLUMNS.map(([status]) => (
                <td key={status} class="right number">
                  {byStatus[status] === 0 ? (
                    <span class="muted">0</span>
                  ) : (
                    <a href={hrefOf(["instances"], { flow, status })}>
                      {capped && status !== "in_progress" && status !== "paused" ? "≥ " : ""}
                      {countText(byStatus[status])}
                    </a>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
