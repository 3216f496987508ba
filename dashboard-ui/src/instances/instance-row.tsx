import type { JSX } from "preact";
import type { InstanceSummary } from "../../../src/dashboard/api-types.ts";
import { StatusBadge } from "../parts/status.tsx";
import { Time } from "../parts/time.tsx";
import { durationText } from "../parts/time-text.ts";
import { hrefOf } from "../route/place.ts";

interface InstanceRowProps {
  readonly instance: InstanceSummary;
  readonly isCurrent: boolean;
  readonly isSelected: boolean;
  /** `null` where nothing can be done to several at once. */
  readonly onSelect: (() => void) | null;
  readonly onPoint: () => void;
}

/** One instance in a list. */
export function InstanceRow({ instance, isCurrent, isSelected, onSelect, onPoint }: InstanceRowProps): JSX.Element {
  const { instanceId, flow, status, tags, labels, createdAt, endedAt, reason } = instance;
  return (
    <div
      class={isCurrent ? "grid-row is-current" : "grid-row"}
      role="row"
      aria-selected={isSelected}
      data-id={instanceId}
      onMouseDown={onPoint}
    >
      <span role="cell">
        {onSelect !== null && (
          <input type="checkbox" aria-label={`Select ${instanceId}`} checked={isSelected} onChange={onSelect} />
        )}
      </span>
      <span role="cell">
        <a class="mono" href={hrefOf(["instances", instanceId])} title={instanceId}>
          {instanceId}
        </a>
      </span>
      <span role="cell" title={flow}>
        {flow}
      </span>
      <span role="cell" title={reason ?? undefined}>
        <StatusBadge state={status} />
      </span>
      <span role="cell" class="is-wide-only">
        {Object.entries(labels).map(([name, value]) => (
          <span key={name} class="tag" title={`${name}=${value}`}>
            {name}={value}
          </span>
        ))}{" "}
        {tags.map((tag) => (
          <span key={tag} class="tag" title={tag}>
            #{tag}
          </span>
        ))}
      </span>
      <span role="cell">
        <Time at={createdAt} />
      </span>
      <span role="cell" class="is-wide-only number">
        {endedAt === null ? <span class="muted">—</span> : durationText(Date.parse(endedAt) - Date.parse(createdAt))}
      </span>
    </div>
  );
}

/** The names of the columns. */
export function InstanceRowHead(): JSX.Element {
  return (
    <div class="grid-row is-head" role="row">
      <span role="columnheader">
        <span class="visually-hidden">Selected</span>
      </span>
      <span role="columnheader">Id</span>
      <span role="columnheader">Flow</span>
      <span role="columnheader">State</span>
      <span role="columnheader" class="is-wide-only">
        Labels
      </span>
      <span role="columnheader">Begun</span>
      <span role="columnheader" class="is-wide-only">
        Took
      </span>
    </div>
  );
}
