import type { JSX } from "preact";
import type { BufferedEvent, InstanceDetail } from "../../../src/dashboard/api-types.ts";
import { pathOf } from "../api/client.ts";
import type { Interest } from "../api/live.ts";
import { usePages } from "../api/pages.ts";
import { Empty } from "../parts/empty.tsx";
import { PayloadView } from "../parts/payload-view.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { Time } from "../parts/time.tsx";

/** Events that were sent to the instance, and that it has not taken yet; and those that it waits for. */
export function EventsTab({ detail, interest }: { detail: InstanceDetail; interest: Interest }): JSX.Element {
  const list = usePages<BufferedEvent>(pathOf("instances", detail.instanceId, "events"), { limit: 50 }, interest);
  return (
    <div class="stack">
      {detail.state.events.map(({ taskId, name, timeoutAt }) => (
        <div key={taskId} class="banner is-info">
          <span>
            <code>{taskId}</code> waits for <code>{name}</code>
            {timeoutAt !== null && (
              <>
                , until <Time at={timeoutAt} />
              </>
            )}
          </span>
        </div>
      ))}
      {list.problem !== null && <ProblemBox problem={list.problem} retry={list.refresh} />}
      {list.items.length === 0 ? (
        !list.isFresh && (
          <Empty title="No event is kept for it">
            <p>Events that nobody waits for yet are kept here, in the order in which they were sent.</p>
          </Empty>
        )
      ) : (
        <div class="card is-flush">
          <ol class="entries">
            {list.items.map(({ name, sequence, sentAt, payload }) => (
              <li key={sequence} class="entry entry-inner stack">
                <div class="spread">
                  <code>{name}</code>
                  <Time at={sentAt} />
                </div>
                <PayloadView payload={payload} name={`${detail.instanceId}-event-${sequence}`} />
              </li>
            ))}
          </ol>
        </div>
      )}
      {!list.isWhole && !list.isFresh && (
        <button type="button" class="button" onClick={() => list.look(0, list.items.length)}>
          Read more
        </button>
      )}
    </div>
  );
}
