import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { FailedInstance, FailureGroup, FailureGroups } from "../../../src/dashboard/api-types.ts";
import { usePages } from "../api/pages.ts";
import { useResource } from "../api/resource.ts";
import { useMay } from "../api/session.ts";
import { BulkDialog, type BulkTarget } from "../instances/bulk-dialog.tsx";
import { Empty } from "../parts/empty.tsx";
import { FailureView } from "../parts/failure-view.tsx";
import { Icon } from "../parts/icon.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { Time } from "../parts/time.tsx";
import { countText } from "../parts/time-text.ts";
import { changeQuery, hrefOf, usePlace } from "../route/place.ts";
import { useKeys } from "../shell/keys.ts";

/** What has failed for good: what is behind it, by kind, and each instance. */
export function FailuresPage(): JSX.Element {
  const flow = usePlace().query.get("flow");
  const ofFlow = flow === null ? {} : { flow };
  const groups = useResource<FailureGroups>("failures/groups", ofFlow, { topics: ["instances"] });
  const list = usePages<FailedInstance>("failures", { ...ofFlow, limit: 50 }, { topics: ["instances"] });
  const [retry, setRetry] = useState<BulkTarget | null>(null);
  const mayRetry = useMay("bulk");
  useKeys({
    r: () => {
      groups.refresh();
      list.refresh();
    },
  });
  const problem = groups.problem ?? list.problem;
  return (
    <>
      <div class="spread">
        <h1>Failures</h1>
        {flow !== null && (
          <span class="row">
            Only <code>{flow}</code>
            <button type="button" class="link" onClick={() => changeQuery({ flow: undefined })}>
              Show all
            </button>
          </span>
        )}
      </div>
      {problem !== null && <ProblemBox problem={problem} retry={groups.refresh} />}
      {!list.isFresh && list.items.length === 0 && (
        <div class="card">
          <Empty title="Nothing has failed">
            <p>
              Instances whose last attempt has failed are listed here, with what is behind it, and can be tried again.
            </p>
          </Empty>
        </div>
      )}
      {groups.value !== null && groups.value.groups.length > 0 && (
        <Groups groups={groups.value} onRetry={mayRetry ? setRetry : null} />
      )}
      {list.items.length > 0 && <FailedList items={list.items} />}
      {!list.isWhole && !list.isFresh && (
        <button type="button" class="button" onClick={() => list.look(0, list.items.length)}>
          Read more
        </button>
      )}
      {retry !== null && (
        <BulkDialog action="retry" target={retry} onDone={list.refresh} onClose={() => setRetry(null)} />
      )}
    </>
  );
}

interface GroupsProps {
  readonly groups: FailureGroups;
  readonly onRetry: ((target: BulkTarget) => void) | null;
}

function Groups({ groups: { groups, lookedAt, capped }, onRetry }: GroupsProps): JSX.Element {
  return (
    <section class="stack" aria-label="By kind">
      <div class="spread">
        <h2>By kind</h2>
        {capped && <p class="muted">Of the last {countText(lookedAt)} that failed.</p>}
      </div>
      <div class="card is-flush scroll-x">
        <table class="table">
          <thead>
            <tr>
              <th class="right">Count</th>
              <th>Flow</th>
              <th>Task</th>
              <th>Failure</th>
              <th>Last</th>
              <th>
                <span class="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {groups.map((group) => (
              <GroupRow key={keyOf(group)} group={group} onRetry={onRetry} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function GroupRow({ group, onRetry }: { group: FailureGroup; onRetry: GroupsProps["onRetry"] }): JSX.Element {
  const { flow, taskId, name, code, message, count, lastAt, instanceIds } = group;
  return (
    <tr>
      <td class="right number">{countText(count)}</td>
      <td>
        <a href={hrefOf(["failures"], { flow })}>{flow}</a>
      </td>
      <td>{taskId === null ? <span class="muted">—</span> : <code>{taskId}</code>}</td>
      <td>
        <strong>{name}</strong>
        {code !== null && <code> {code}</code>}: {message}
        <div>
          {instanceIds.map((id) => (
            <a key={id} class="tag mono" href={hrefOf(["instances", id])}>
              {id}
            </a>
          ))}
        </div>
      </td>
      <td>
        <Time at={lastAt} />
      </td>
      <td class="right">
        {onRetry !== null && (
          <button
            type="button"
            class="button is-small"
            title={count > instanceIds.length ? "All that failed of this flow" : "These instances"}
            onClick={() =>
              onRetry(count > instanceIds.length ? { filter: { flow, status: ["failed"] } } : { ids: instanceIds })
            }
          >
            <Icon name="retry" size={13} /> Retry {count > instanceIds.length ? "flow" : count} …
          </button>
        )}
      </td>
    </tr>
  );
}

function FailedList({ items }: { items: readonly FailedInstance[] }): JSX.Element {
  return (
    <section class="stack" aria-label="Instances">
      <h2>Instances</h2>
      <div class="card is-flush">
        <ol class="entries">
          {items.map(({ instanceId, flow, failure, endedAt }) => (
            <li key={instanceId} class="entry entry-inner stack is-tight">
              <div class="spread">
                <span>
                  <a class="mono" href={hrefOf(["instances", instanceId])}>
                    {instanceId}
                  </a>{" "}
                  <span class="muted">{flow}</span>
                </span>
                <Time at={endedAt} />
              </div>
              {failure === null ? (
                <p class="muted">What it failed with can't be read here.</p>
              ) : (
                <FailureView failure={failure} />
              )}
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}

function keyOf({ flow, taskId, name, code, message }: FailureGroup): string {
  return JSON.stringify([flow, taskId, name, code, message]);
}
