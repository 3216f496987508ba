import type { JSX } from "preact";
import type { Flow } from "../../../src/dashboard/api-types.ts";
import { STATUSES } from "../instances/search.ts";
import { Icon } from "../parts/icon.tsx";
import { lookOf } from "../parts/status.tsx";
import { shortCount } from "../parts/time-text.ts";
import { hrefOf } from "../route/place.ts";

/** How many instances of a flow there are in each state, as links to them. */
export function CountBarOfFlow({ flow: { flow, byStatus, capped } }: { flow: Flow }): JSX.Element {
  return (
    <div class="counts">
      {STATUSES.map((status) => {
        const { text, icon, colour } = lookOf(status);
        const isAtLeast = capped && status !== "in_progress" && status !== "paused";
        return (
          <a key={status} class="count" href={hrefOf(["instances"], { flow, status })}>
            <span class={`badge is-icon ${colour}`}>
              <Icon name={icon} size={14} />
            </span>
            <span>{text}</span>
            <span class="count-number">
              {isAtLeast ? "≥ " : ""}
              {shortCount(byStatus[status])}
            </span>
          </a>
        );
      })}
    </div>
  );
}
