import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Confirm } from "../parts/dialog.tsx";
import { ReasonField } from "../parts/reason-field.tsx";
import { act } from "./act.ts";

interface Words {
  readonly title: string;
  readonly verb: string;
  readonly says: string;
  readonly isDanger?: boolean;
}

const WORDS = {
  cancel: {
    title: "Cancel the instance",
    verb: "Cancel it",
    says: "It stops, and can't be brought back. What runs is told to stop first.",
    isDanger: true,
  },
  terminate: {
    title: "Terminate the instance",
    verb: "Terminate it",
    says: "It ends at once, whatever runs: nothing is asked, nothing is undone. Use it where a cancellation does not come through.",
    isDanger: true,
  },
  pause: {
    title: "Pause the instance",
    verb: "Pause it",
    says: "It stands still until somebody resumes it. What runs is finished first.",
  },
  unpause: { title: "Resume the instance", verb: "Resume it", says: "It goes on from where it stands." },
  retry: {
    title: "Retry the instance",
    verb: "Retry it",
    says: "It goes on where it failed, with all that has been recorded; the task that failed is run again.",
  },
} as const satisfies Record<string, Words>;

interface ReasonDialogProps {
  readonly action: keyof typeof WORDS;
  readonly instanceId: string;
  readonly onClose: () => void;
}

/** Asks before an instance is told to stop or go on, and why. */
export function ReasonDialog({ action, instanceId, onClose }: ReasonDialogProps): JSX.Element {
  const [reason, setReason] = useState("");
  const [isMarked, setMarked] = useState(false);
  const words: Words = WORDS[action];
  const body = {
    ...(reason === "" || action === "unpause" ? {} : { reason }),
    ...(action === "cancel" && isMarked ? { undo: true } : {}),
    ...(action === "retry" && isMarked ? { paused: true } : {}),
  };
  return (
    <Confirm
      title={words.title}
      verb={words.verb}
      isDanger={words.isDanger === true}
      act={() => act(instanceId, action, words.verb, body)}
      onClose={onClose}
    >
      <p>
        <code>{instanceId}</code>
      </p>
      <p>{words.says}</p>
      {action !== "unpause" && <ReasonField value={reason} onInput={setReason} keptWith="the instance" />}
      {(action === "cancel" || action === "retry") && (
        <label class="check">
          <input type="checkbox" checked={isMarked} onChange={(event) => setMarked(event.currentTarget.checked)} />
          {action === "cancel"
            ? "Undo what it has done before it ends"
            : "Bring it back paused, so that somebody can look first"}
        </label>
      )}
    </Confirm>
  );
}
