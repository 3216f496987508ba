import type { JSX } from "preact";
import { Icon, type IconName } from "./icon.tsx";

interface Look {
  readonly text: string;
  readonly icon: IconName;
  readonly colour: string;
}

/** How states are shown: in words, with a picture and a colour. Of instances, of tasks, and of entries of the history. */
const LOOKS: Readonly<Record<string, Look>> = {
  in_progress: { text: "In progress", icon: "running", colour: "is-blue" },
  running: { text: "Running", icon: "running", colour: "is-blue" },
  ready: { text: "Ready", icon: "ready", colour: "is-teal" },
  retrying: { text: "Retrying", icon: "retry", colour: "is-amber" },
  waiting: { text: "Waiting", icon: "clock", colour: "is-violet" },
  sleeping: { text: "Sleeping", icon: "clock", colour: "is-violet" },
  awaiting_event: { text: "Awaiting event", icon: "mail", colour: "is-violet" },
  awaiting_child: { text: "Awaiting child", icon: "child", colour: "is-violet" },
  joining: { text: "Joining", icon: "fork", colour: "is-violet" },
  limited: { text: "Held by a limit", icon: "limits", colour: "is-amber" },
  paused: { text: "Paused", icon: "pause", colour: "is-amber" },
  stopped: { text: "Stopped", icon: "pause", colour: "is-amber" },
  completed: { text: "Completed", icon: "check", colour: "is-green" },
  failed: { text: "Failed", icon: "cross", colour: "is-red" },
  cancelled: { text: "Cancelled", icon: "stop", colour: "is-grey" },
  skipped: { text: "Skipped", icon: "skip", colour: "is-grey" },
  tolerated: { text: "Failed, borne", icon: "warning", colour: "is-amber" },
  timed_out: { text: "Timed out", icon: "clock", colour: "is-red" },
  noted: { text: "Noted", icon: "check", colour: "is-grey" },
  undone: { text: "Undone", icon: "undo", colour: "is-grey" },
};

/** How a state is shown. One that is not known here is shown by its name. */
export function lookOf(state: string): Look {
  return LOOKS[state] ?? { text: state.replaceAll("_", " "), icon: "ready", colour: "is-grey" };
}

/** A state as a coloured word. */
export function StatusBadge({ state }: { state: string }): JSX.Element {
  const { text, icon, colour } = lookOf(state);
  return (
    <span class={`badge ${colour}`}>
      <Icon name={icon} size={13} spin={state === "running"} />
      {text}
    </span>
  );
}
