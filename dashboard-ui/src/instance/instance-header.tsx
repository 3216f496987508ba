import type { ComponentChildren, JSX } from "preact";
import type { InstanceDetail } from "../../../src/dashboard/api-types.ts";
import { copyText } from "../parts/copy-text.ts";
import { FailureView } from "../parts/failure-view.tsx";
import { Icon } from "../parts/icon.tsx";
import { StatusBadge } from "../parts/status.tsx";
import { Time, useNow } from "../parts/time.tsx";
import { durationText } from "../parts/time-text.ts";
import { hrefOf } from "../route/place.ts";

/** Which instance it is, where it is, and why it is there. */
export function InstanceHeader({ detail }: { detail: InstanceDetail }): JSX.Element {
  const { instanceId, state, failure, pending } = detail;
  return (
    <div class="stack">
      <nav aria-label="Path" class="muted">
        <a href="#/instances">Instances</a> / <a href={hrefOf(["instances"], { flow: detail.flow })}>{detail.flow}</a>
      </nav>
      <div class="row">
        <h1 class="mono title">{instanceId}</h1>
        <button
          type="button"
          class="button is-quiet is-small"
          aria-label="Copy the id"
          title="Copy the id"
          onClick={() => void copyText(instanceId)}
        >
          <Icon name="copy" size={14} />
        </button>
        <StatusBadge state={state.status} />
      </div>
      <p class="state-words">
        {state.words}
        {state.reason !== null && <span class="muted"> Reason: {state.reason}</span>}
      </p>
      {pending.map(({ kind, reason, requestedBy, undo }) => (
        <div key={kind} class="banner is-warning" role="status">
          <Icon name="clock" />
          <span>
            A {kind} has been requested{requestedBy !== null && ` by ${requestedBy}`}
            {undo && ", with undoing"}
            {reason !== null && `: ${reason}`}. It takes effect when what runs comes to a stop.
          </span>
        </div>
      ))}
      {failure !== null && (
        <div class="problem">
          <FailureView failure={failure} />
        </div>
      )}
      <Facts detail={detail} />
    </div>
  );
}

function Facts({ detail }: { detail: InstanceDetail }): JSX.Element {
  const { flow, definitionHash, createdAt, endedAt, deadline, priority, run, parent, forkedFrom, tags, labels } =
    detail;
  const now = useNow();
  const took = (endedAt === null ? now : Date.parse(endedAt)) - Date.parse(createdAt);
  return (
    <dl class="fact-line">
      <Fact name="Flow">
        <a href={hrefOf(["flows", flow], { version: definitionHash })}>{flow}</a>{" "}
        <code class="muted" title={definitionHash}>
          {definitionHash.slice(0, 8)}
        </code>
      </Fact>
      <Fact name="Begun">
        <Time at={createdAt} />
      </Fact>
      <Fact name={endedAt === null ? "For" : "Took"}>{durationText(Math.max(0, took))}</Fact>
      {deadline !== null && (
        <Fact name="Deadline">
          <Time at={deadline} />
        </Fact>
      )}
      <Fact name="Priority">{priority}</Fact>
      {run > 1 && <Fact name="Run">{run}</Fact>}
      {parent !== null && (
        <Fact name="Parent">
          <a href={hrefOf(["instances", parent.instanceId])}>{parent.instanceId}</a>
        </Fact>
      )}
      {forkedFrom !== null && (
        <Fact name="Forked from">
          <a href={hrefOf(["instances", forkedFrom.instanceId], { tab: "history" })}>{forkedFrom.instanceId}</a> after{" "}
          {forkedFrom.sequence}
        </Fact>
      )}
      {Object.keys(labels).length + tags.length > 0 && (
        <Fact name="Labels">
          {Object.entries(labels).map(([name, value]) => (
            <span key={name} class="tag">
              {name}={value}
            </span>
          ))}
          {tags.map((tag) => (
            <span key={tag} class="tag">
              #{tag}
            </span>
          ))}
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
