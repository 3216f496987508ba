import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Flow } from "../../../src/dashboard/api-types.ts";
import { pathOf, send } from "../api/client.ts";
import { tellHint } from "../api/live.ts";
import { useMay } from "../api/session.ts";
import { Confirm } from "../parts/dialog.tsx";
import { Icon } from "../parts/icon.tsx";
import { ReasonField } from "../parts/reason-field.tsx";
import { Time } from "../parts/time.tsx";
import { tell } from "../shell/notices.ts";

/** Says that workers take nothing of a flow. */
export function PausedBadge({ paused }: { paused: Flow["paused"] }): JSX.Element | null {
  if (paused === null) return null;
  return (
    <span class="badge is-amber" title={paused.reason ?? undefined}>
      <Icon name="pause" size={13} /> Paused
    </span>
  );
}

/** Since when, by whom and why. */
export function PausedSince({ paused }: { paused: Flow["paused"] }): JSX.Element | null {
  if (paused === null) return null;
  return (
    <p class="muted">
      Workers take nothing of this flow. Paused <Time at={paused.since} />
      {paused.by === null ? "" : ` by ${paused.by}`}
      {paused.reason === null ? "." : `: ${paused.reason}`}
    </p>
  );
}

/** Holds a flow back, or lets it go on, after asking. */
export function FlowPauseButton({ flow: { flow, paused } }: { flow: Flow }): JSX.Element | null {
  const mayPause = useMay("pauseFlow");
  const [isOpen, setOpen] = useState(false);
  if (!mayPause) return null;
  const isPaused = paused !== null;
  return (
    <>
      <button type="button" class="button is-small" onClick={() => setOpen(true)}>
        <Icon name={isPaused ? "play" : "pause"} size={13} /> {isPaused ? "Resume" : "Pause"} …
      </button>
      {isOpen && <FlowPauseDialog flow={flow} isPaused={isPaused} onClose={() => setOpen(false)} />}
    </>
  );
}

interface FlowPauseDialogProps {
  readonly flow: string;
  readonly isPaused: boolean;
  readonly onClose: () => void;
}

/** Asks before a flow is held back, or let go on. */
function FlowPauseDialog({ flow, isPaused, onClose }: FlowPauseDialogProps): JSX.Element {
  const [reason, setReason] = useState("");
  const submit = async (): Promise<void> => {
    await send("PATCH", pathOf("flows", flow), {
      isPaused: !isPaused,
      ...(isPaused || reason === "" ? {} : { reason }),
    });
    tell(`Flow ${flow}: ${isPaused ? "goes on" : "paused"}.`);
    tellHint({ topics: ["instances"], instanceIds: [] });
  };
  return (
    <Confirm
      title={isPaused ? "Resume the flow" : "Pause the flow"}
      verb={isPaused ? "Resume it" : "Pause it"}
      act={submit}
      onClose={onClose}
    >
      <p>
        <code>{flow}</code>
      </p>
      <p>
        {isPaused
          ? "Workers take its instances again."
          : "Workers take nothing of it any more, in whatever version. What one is just moving goes on until it would wait. Instances can be started all the same."}
      </p>
      {!isPaused && <ReasonField value={reason} onInput={setReason} keptWith="the flow" />}
    </Confirm>
  );
}
