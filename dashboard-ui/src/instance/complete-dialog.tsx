import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import type { InstanceDetail } from "../../../src/dashboard/api-types.ts";
import { Confirm } from "../parts/dialog.tsx";
import { JsonField, valueOfJson } from "../parts/json-field.tsx";
import { act } from "./act.ts";

/** Records the outcome of a task by hand. */
export function CompleteDialog({ detail, onClose }: { detail: InstanceDetail; onClose: () => void }): JSX.Element {
  const { instanceId, positions } = detail;
  const tasks = positions
    .filter(({ path, pending }) => path !== "$deadline" && pending === 0)
    .map(({ taskId }) => taskId);
  const [taskId, setTaskId] = useState(tasks[0] ?? "");
  const [text, setText] = useState("");
  const id = useId();
  const submit = async (): Promise<void> => {
    const output = valueOfJson(text);
    await act(instanceId, "complete-task", `Complete ${taskId}`, {
      taskId,
      ...(output === undefined ? {} : { output }),
    });
  };
  return (
    <Confirm title="Complete a task by hand" verb="Record it" act={submit} onClose={onClose}>
      <p>
        What you write is recorded as the outcome, and the instance goes on from it. If the task runs just now, its own
        result is dropped. For a wait, it is the event's payload; for a route, its key.
      </p>
      <div class="field">
        <label htmlFor={id}>Task</label>
        <select id={id} class="input" value={taskId} onChange={(event) => setTaskId(event.currentTarget.value)}>
          {tasks.map((task) => (
            <option key={task} value={task}>
              {task}
            </option>
          ))}
        </select>
      </div>
      <JsonField label="Output" text={text} onText={setText} />
    </Confirm>
  );
}
