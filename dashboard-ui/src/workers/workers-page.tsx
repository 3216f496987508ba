import type { JSX } from "preact";
import type { Worker } from "../../../src/dashboard/api-types.ts";
import { usePages } from "../api/pages.ts";
import { Empty } from "../parts/empty.tsx";
import { Icon } from "../parts/icon.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { Time } from "../parts/time.tsx";
import { countText } from "../parts/time-text.ts";
import { hrefOf } from "../route/place.ts";
import { useKeys } from "../shell/keys.ts";

/** Who runs tasks: when each was last heard of, what it holds, and what it can run. */
export function WorkersPage(): JSX.Element {
  const list = usePages<Worker>("workers", { limit: 200 }, { topics: ["workers", "instances"] });
  useKeys({ r: list.refresh });
  const alive = list.items.filter((worker) => worker.alive);
  const running = list.items.reduce((sum, worker) => sum + worker.running, 0);
  return (
    <>
      <div class="spread">
        <h1>Workers</h1>
        {!list.isFresh && (
          <p class="muted">
            {countText(alive.length)} alive, {countText(running)} positions held
          </p>
        )}
      </div>
      {list.problem !== null && <ProblemBox problem={list.problem} retry={list.refresh} />}
      {!list.isFresh && list.items.length === 0 && (
        <div class="card">
          <Empty title="No worker has been seen">
            <p>
              Start one: <code>new Worker(backend, {"{ flows: [order] }"}).start()</code>. What is submitted meanwhile
              is kept.
            </p>
          </Empty>
        </div>
      )}
      {list.items.length > 0 && (
        <div class="card is-flush scroll-x">
          <table class="table">
            <thead>
              <tr>
                <th>Worker</th>
                <th>State</th>
                <th>Heartbeat</th>
                <th class="right">Holds</th>
                <th>Next lease ends</th>
                <th>Runs</th>
                <th>Tags</th>
                <th>Registered</th>
              </tr>
            </thead>
            <tbody>
              {list.items.map((worker) => (
                <WorkerRow key={worker.workerId} worker={worker} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {!list.isWhole && !list.isFresh && (
        <button type="button" class="button" onClick={() => list.look(0, list.items.length)}>
          Read more
        </button>
      )}
    </>
  );
}

function WorkerRow({ worker }: { worker: Worker }): JSX.Element {
  const { workerId, alive, seenAt, registeredAt, running, nextLeaseEnd, lanes, tags } = worker;
  const flows = [...new Map(lanes.map((lane) => [lane.flow, lane])).values()];
  return (
    <tr data-worker={workerId}>
      <td>
        <code>{workerId}</code>
      </td>
      <td>
        <span class={alive ? "badge is-green" : "badge is-red"}>
          <Icon name={alive ? "check" : "warning"} size={13} />
          {alive ? "Alive" : "Not heard of"}
        </span>
      </td>
      <td>
        <Time at={seenAt} />
      </td>
      <td class="right number">{countText(running)}</td>
      <td>
        <Time at={nextLeaseEnd} />
      </td>
      <td>
        {flows.slice(0, 8).map(({ flow, definitionHash }) => (
          <a key={flow} class="tag" href={hrefOf(["flows", flow], { version: definitionHash })}>
            {flow}
          </a>
        ))}
        {flows.length > 8 && <span class="muted"> and {flows.length - 8} more</span>}
      </td>
      <td>
        {tags.map((tag) => (
          <span key={tag} class="tag">
            {tag}
          </span>
        ))}
      </td>
      <td>
        <Time at={registeredAt} />
      </td>
    </tr>
  );
}
