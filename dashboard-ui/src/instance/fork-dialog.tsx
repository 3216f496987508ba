import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import type {
  ForkRequest,
  HistoryEntry,
  InstanceCreated,
  InstanceDetail,
  Payload,
} from "../../../src/dashboard/api-types.ts";
import { pathOf, send } from "../api/client.ts";
import { Confirm } from "../parts/dialog.tsx";
import { JsonField, valueOfJson } from "../parts/json-field.tsx";
import { goTo, hrefOf } from "../route/place.ts";
import { tell } from "../shell/notices.ts";

interface ForkDialogProps {
  readonly detail: InstanceDetail;
  /** From where; `null`: from the beginning, or from a task that is named. */
  readonly entry: HistoryEntry | null;
  readonly onClose: () => void;
}

/** Starts another instance that begins where this one has been, with another input or another outcome. */
export function ForkDialog({ detail, entry, onClose }: ForkDialogProps): JSX.Element {
  const { instanceId } = detail;
  const [newId, setNewId] = useState(() => `${instanceId}-fork-${(Date.now() % 1_000_000).toString(36)}`);
  const [task, setTask] = useState("");
  const [input, setInput] = useState(textOf(detail.input));
  const [output, setOutput] = useState(textOf(entry?.output ?? null));
  const id = useId();
  const submit = async (): Promise<void> => {
    const body: ForkRequest = {
      newId,
      at: entry?.sequence ?? (task === "" ? "0" : { task }),
      // What was not touched is taken over as it is stored, whatever the page could show of it.
      ...(input === textOf(detail.input) ? {} : { input: valueOfJson(input) }),
      ...(entry === null || output === textOf(entry.output)
        ? {}
        : { outputs: { [entry.taskId]: valueOfJson(output) } }),
    };
    const made = await send<InstanceCreated>("POST", pathOf("instances", instanceId, "fork"), body);
    tell(`Forked as ${made.instanceId}.`);
    goTo(hrefOf(["instances", made.instanceId]));
  };
  return (
    <Confirm title="Fork the instance" verb="Fork it" isWide act={submit} onClose={onClose}>
      <Intro instanceId={instanceId} entry={entry} />
      <div class="field">
        <label htmlFor={`${id}-new`}>Id of the new instance</label>
        <input
          id={`${id}-new`}
          class="input mono"
          required
          maxLength={255}
          value={newId}
          onInput={(event) => setNewId(event.currentTarget.value)}
        />
      </div>
      {entry === null && (
        <div class="field">
          <label htmlFor={`${id}-task`}>Right before the task</label>
          <input
            id={`${id}-task`}
            class="input mono"
            value={task}
            placeholder="charge"
            onInput={(event) => setTask(event.currentTarget.value)}
          />
          <span class="hint">Leave it empty for the beginning. A task id, as in the history.</span>
        </div>
      )}
      {entry !== null && entry.output?.kind === "value" && (
        <JsonField
          label={`Output of ${entry.taskId}`}
          text={output}
          onText={setOutput}
          hint="Changed, it counts in the new instance."
        />
      )}
      <JsonField label="Input" text={input} onText={setInput} hint="Changed, it counts in the new instance." />
    </Confirm>
  );
}

function Intro({ instanceId, entry }: { instanceId: string; entry: HistoryEntry | null }): JSX.Element {
  return (
    <p>
      Another instance begins{" "}
      {entry === null ? (
        "where this one was"
      ) : (
        <>
          after entry {entry.sequence}, <code>{entry.taskId}</code>
        </>
      )}
      , with all that had been recorded by then. <code>{instanceId}</code> is not changed.
    </p>
  );
}

/** What can be edited. A value that has not come whole is left as it is stored, unless another one is written. */
function textOf(payload: Payload | null): string {
  return payload?.kind === "value" ? JSON.stringify(payload.value, null, 2) : "";
}
