import type { JSX } from "preact";
import type { InstanceDetail, Position } from "../../../src/dashboard/api-types.ts";
import { Empty } from "../parts/empty.tsx";
import { PayloadView } from "../parts/payload-view.tsx";
import { StatusBadge } from "../parts/status.tsx";
import { Time } from "../parts/time.tsx";

/** The points at which the instance stands, with who holds them and what they wait for. */
export function PositionsTab({ detail }: { detail: InstanceDetail }): JSX.Element {
  const { positions, state } = detail;
  if (positions.length === 0)
    return (
      <Empty title="It stands nowhere">
        <p>An instance that has ended has no positions.</p>
      </Empty>
    );
  return (
    <div class="card is-flush scroll-x">
      <table class="table">
        <thead>
          <tr>
            <th>Task</th>
            <th>State</th>
            <th>Attempt</th>
            <th>Worker</th>
            <th>Lease ends</th>
            <th>Goes on</th>
            <th>Waits for</th>
          </tr>
        </thead>
        <tbody>
          {positions.map((position) => {
            const { taskId, path, attempt, claim, wakeAt, lost } = position;
            const progress = state.tasks.find((task) => task.taskId === taskId)?.progress ?? null;
            return (
              <tr key={path}>
                <td>
                  <code>{taskId}</code>
                  {path !== "" && <div class="muted">path {path}</div>}
                  {progress !== null && <PayloadView payload={progress.value} name={`${taskId}-progress`} />}
                </td>
                <td>
                  <StatusBadge state={stateOf(position)} />
                </td>
                <td class="number">
                  {attempt}
                  {lost > 0 && <div class="muted">{lost} leases lost</div>}
                </td>
                <td>{claim === null ? <span class="muted">—</span> : <code>{claim.workerId}</code>}</td>
                <td>
                  <Time at={claim?.expiresAt} />
                </td>
                <td>
                  <Time at={wakeAt} />
                </td>
                <td>{waitsFor(position)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** In one word. */
export function stateOf({ claim, ready, kind, wakeAt, interrupt, limit, pending }: Position): string {
  if (interrupt === "paused") return "stopped";
  if (claim !== null) return "running";
  if (ready) return limit === null ? "ready" : "limited";
  if (kind === "join" && pending > 0) return "joining";
  if (kind === "wait") return "waiting";
  if (kind === "delay") return "sleeping";
  return wakeAt === null ? "ready" : "retrying";
}

function waitsFor({ event, limit, items, pending, kind }: Position): string {
  const words = [
    ...(event === null ? [] : [`event ${event}`]),
    ...(limit === null ? [] : [`limit ${limit.name}${limit.key === "*" ? "" : `, key ${limit.key}`}`]),
    ...(items === null
      ? kind === "join" && pending > 0
        ? [`${pending} branches`]
        : []
      : [`${pending} of ${items.total} items, ${items.failed} failed`]),
  ];
  return words.join("; ");
}
