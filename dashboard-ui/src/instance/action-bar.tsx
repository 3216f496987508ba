import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { ActionName, InstanceDetail } from "../../../src/dashboard/api-types.ts";
import { useSession } from "../api/session.ts";
import { Icon, type IconName } from "../parts/icon.tsx";
import { CompleteDialog } from "./complete-dialog.tsx";
import { DeadlineDialog } from "./deadline-dialog.tsx";
import { DeleteDialog } from "./delete-dialog.tsx";
import { EventDialog } from "./event-dialog.tsx";
import { ForkDialog } from "./fork-dialog.tsx";
import { ReasonDialog } from "./reason-dialog.tsx";
import { UpdateDialog } from "./update-dialog.tsx";

interface Action {
  readonly name: ActionName;
  readonly text: string;
  readonly icon: IconName;
  readonly isDanger?: boolean;
  /** Why it can't be done just now; `null` if it can. */
  readonly obstacle?: string | null;
}

/** What can be done to the instance in the state that it is in, as far as the reader may. */
export function ActionBar({ detail }: { detail: InstanceDetail }): JSX.Element | null {
  const { session } = useSession();
  const [open, setOpen] = useState<ActionName | null>(null);
  const actions = actionsFor(detail).filter(({ name }) => session?.actions[name] === true);
  if (actions.length === 0) return null;
  return (
    <>
      <div class="row" role="toolbar" aria-label="Actions">
        {actions.map(({ name, text, icon, isDanger = false, obstacle = null }) => (
          <button
            key={name}
            type="button"
            class={isDanger ? "button is-danger" : "button"}
            disabled={obstacle !== null}
            title={obstacle ?? undefined}
            onClick={() => setOpen(name)}
          >
            <Icon name={icon} size={14} /> {text}
          </button>
        ))}
      </div>
      {open !== null && <ActionDialog action={open} detail={detail} onClose={() => setOpen(null)} />}
    </>
  );
}

function actionsFor(detail: InstanceDetail): readonly Action[] {
  const { status, flowKnown, updates } = detail;
  const obstacle = flowKnown ? null : "Give the flow to the handler, so that it can be forked here.";
  const fork: Action = { name: "fork", text: "Fork", icon: "fork", obstacle };
  const remove: Action = { name: "delete", text: "Delete", icon: "cross", isDanger: true };
  if (status === "completed" || status === "cancelled") return [fork, remove];
  if (status === "failed") return [{ name: "retry", text: "Retry", icon: "retry" }, fork, remove];
  return [
    status === "paused"
      ? { name: "unpause", text: "Resume", icon: "play" }
      : { name: "pause", text: "Pause", icon: "pause" },
    { name: "sendEvent", text: "Send event", icon: "mail" },
    { name: "completeTask", text: "Complete task", icon: "check" },
    ...(updates.length > 0 ? [{ name: "update", text: "Update", icon: "copy" } as const] : []),
    fork,
    { name: "extendDeadline", text: "Deadline", icon: "clock" },
    { name: "cancel", text: "Cancel", icon: "stop", isDanger: true },
    { name: "terminate", text: "Terminate", icon: "cross", isDanger: true },
  ];
}

interface ActionDialogProps {
  readonly action: ActionName;
  readonly detail: InstanceDetail;
  readonly onClose: () => void;
}

function ActionDialog({ action, detail, onClose }: ActionDialogProps): JSX.Element | null {
  switch (action) {
    case "cancel":
    case "terminate":
    case "pause":
    case "unpause":
    case "retry":
      return <ReasonDialog action={action} instanceId={detail.instanceId} onClose={onClose} />;
    case "sendEvent":
      return <EventDialog detail={detail} onClose={onClose} />;
    case "completeTask":
      return <CompleteDialog detail={detail} onClose={onClose} />;
    case "update":
      return <UpdateDialog detail={detail} onClose={onClose} />;
    case "fork":
      return <ForkDialog detail={detail} entry={null} onClose={onClose} />;
    case "extendDeadline":
      return <DeadlineDialog detail={detail} onClose={onClose} />;
    case "delete":
      return <DeleteDialog instanceId={detail.instanceId} onClose={onClose} />;
    case "submit":
    case "bulk":
    case "changeLimits":
    case "pauseFlow":
    case "runSchedules":
    case "changeSchedules":
    case "changeRetention":
    case "prune":
      return null;
  }
}
