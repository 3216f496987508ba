import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import type { InstanceDetail, ReplyResult } from "../../../src/dashboard/api-types.ts";
import { pathOf, send } from "../api/client.ts";
import { Confirm } from "../parts/dialog.tsx";
import { JsonField, valueOfJson } from "../parts/json-field.tsx";
import { tell } from "../shell/notices.ts";
import { toldOf } from "./act.ts";

/** Changes what the instance's tasks share, by one of the updates that its flow has. */
export function UpdateDialog({ detail, onClose }: { detail: InstanceDetail; onClose: () => void }): JSX.Element {
  const { instanceId, updates } = detail;
  const [name, setName] = useState(updates[0] ?? "");
  const [text, setText] = useState("");
  const id = useId();
  const submit = async (): Promise<void> => {
    const input = valueOfJson(text);
    const path = pathOf("instances", instanceId, "updates", name);
    const { reply } = await send<ReplyResult>("POST", path, input === undefined ? {} : { input });
    tell(`${name} was answered${reply.kind === "value" ? `: ${JSON.stringify(reply.value).slice(0, 200)}` : "."}`);
    toldOf(instanceId);
  };
  return (
    <Confirm title="Update the state" verb="Update it" act={submit} onClose={onClose}>
      <div class="field">
        <label htmlFor={id}>Update</label>
        <select id={id} class="input" value={name} onChange={(event) => setName(event.currentTarget.value)}>
          {updates.map((update) => (
            <option key={update} value={update}>
              {update}
            </option>
          ))}
        </select>
      </div>
      <JsonField label="Input" text={text} onText={setText} />
    </Confirm>
  );
}
