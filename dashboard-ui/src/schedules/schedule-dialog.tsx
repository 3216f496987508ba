import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { StartedSlots } from "../../../src/dashboard/api-types.ts";
import { pathOf, send } from "../api/client.ts";
import { tellHint } from "../api/live.ts";
import { Confirm } from "../parts/dialog.tsx";
import { ReasonField } from "../parts/reason-field.tsx";
import { tell } from "../shell/notices.ts";

const WORDS = {
  pause: [
    "Pause the schedule",
    "Pause it",
    "It starts no slots. Those that come meanwhile are passed over; Backfill starts them.",
  ],
  unpause: ["Resume the schedule", "Resume it", "It starts slots again, from now on."],
  reset: [
    "Reset the schedule",
    "Reset it",
    "What code says of it counts again, from the next start of a worker that declares it.",
  ],
  delete: [
    "Delete the schedule",
    "Delete it",
    "What it has started goes on. A worker that declares it makes it anew when it starts.",
  ],
  trigger: ["Start an instance now", "Start it", "Besides its slots, by the next worker that looks."],
} as const;

export type ScheduleVerb = keyof typeof WORDS;

interface ScheduleDialogProps {
  readonly id: string;
  readonly verb: ScheduleVerb;
  readonly onClose: () => void;
}

/** Asks before something is done to a schedule. */
export function ScheduleDialog({ id, verb, onClose }: ScheduleDialogProps): JSX.Element {
  const [reason, setReason] = useState("");
  const [title, button, says] = WORDS[verb];
  const submit = async (): Promise<void> => {
    tell(await done(id, verb, reason));
    tellHint({ topics: ["instances"], instanceIds: [] });
  };
  return (
    <Confirm title={title} verb={button} isDanger={verb === "delete"} act={submit} onClose={onClose}>
      <p>
        <code>{id}</code>
      </p>
      <p>{says}</p>
      {verb === "pause" && <ReasonField value={reason} onInput={setReason} keptWith="the schedule" />}
    </Confirm>
  );
}

/** @returns what is to be said of it */
async function done(id: string, verb: ScheduleVerb, reason: string): Promise<string> {
  const path = pathOf("schedules", id);
  switch (verb) {
    case "pause":
      await send("PATCH", path, { isPaused: true, ...(reason === "" ? {} : { reason }) });
      return `Schedule ${id}: paused.`;
    case "unpause":
      await send("PATCH", path, { isPaused: false });
      return `Schedule ${id}: goes on.`;
    case "reset":
      await send("POST", `${path}/reset`);
      return `Schedule ${id}: goes by the code again.`;
    case "delete":
      await send("DELETE", path);
      return `Schedule ${id}: deleted.`;
    case "trigger": {
      const { instanceIds } = await send<StartedSlots>("POST", `${path}/trigger`);
      return `Instance ${instanceIds.join()} is about to start.`;
    }
  }
}
