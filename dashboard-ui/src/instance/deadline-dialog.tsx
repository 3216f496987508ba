import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import type { InstanceDetail } from "../../../src/dashboard/api-types.ts";
import { Confirm } from "../parts/dialog.tsx";
import { absoluteTime } from "../parts/time-text.ts";
import { act } from "./act.ts";

/** Changes by when the instance has to have ended. */
export function DeadlineDialog({ detail, onClose }: { detail: InstanceDetail; onClose: () => void }): JSX.Element {
  const [deadline, setDeadline] = useState("");
  const id = useId();
  return (
    <Confirm
      title="Change the deadline"
      verb="Change it"
      act={() =>
        act(detail.instanceId, "deadline", "Deadline", { deadline: deadline.trim() === "" ? null : deadline.trim() })
      }
      onClose={onClose}
    >
      <p>
        {detail.deadline === null
          ? "It has no deadline."
          : `It has to have ended by ${absoluteTime(Date.parse(detail.deadline))}.`}
      </p>
      <div class="field">
        <label htmlFor={id}>From now on</label>
        <input
          id={id}
          class="input"
          placeholder="2h"
          value={deadline}
          onInput={(event) => setDeadline(event.currentTarget.value)}
        />
        <span class="hint">
          A span such as 2h or 7d, a time such as 2026-03-01T12:00:00Z, or nothing for no deadline.
        </span>
      </div>
    </Confirm>
  );
}
