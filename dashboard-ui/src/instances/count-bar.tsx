import type { JSX } from "preact";
import type { Counts, StoredStatus } from "../../../src/dashboard/api-types.ts";
import { Icon } from "../parts/icon.tsx";
import { lookOf } from "../parts/status.tsx";
import { countText, shortCount } from "../parts/time-text.ts";
import { changeQuery } from "../route/place.ts";
import { STATUSES } from "./search.ts";

interface CountBarProps {
  /** `null` until it is known. */
  readonly counts: Counts | null;
  readonly chosen: readonly StoredStatus[];
}

/** How many there are in each state. Pressing one shows only those. */
export function CountBar({ counts, chosen }: CountBarProps): JSX.Element {
  return (
    <div class="counts" role="group" aria-label="States">
      {STATUSES.map((status) => {
        const { text, icon, colour } = lookOf(status);
        const count = counts?.byStatus[status];
        const isAtLeast = counts?.capped === true && status !== "in_progress" && status !== "paused";
        const isChosen = chosen.includes(status);
        return (
          <button
            key={status}
            type="button"
            class="count"
            aria-pressed={isChosen}
            title={count === undefined ? text : `${isAtLeast ? "At least " : ""}${countText(count)}`}
            onClick={() =>
              changeQuery({ status: isChosen ? chosen.filter((one) => one !== status) : [...chosen, status] })
            }
          >
            <span class={`badge is-icon ${colour}`}>
              <Icon name={icon} size={14} />
            </span>
            <span>{text}</span>
            <span class="count-number">
              {count === undefined ? "…" : `${isAtLeast ? "≥ " : ""}${shortCount(count)}`}
            </span>
          </button>
        );
      })}
    </div>
  );
}
