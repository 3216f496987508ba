import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import type { InstanceCreated, SubmitRequest } from "../../../src/dashboard/api-types.ts";
import { send } from "../api/client.ts";
import { Confirm } from "../parts/dialog.tsx";
import { JsonField, valueOfJson } from "../parts/json-field.tsx";
import { goTo, hrefOf } from "../route/place.ts";
import { tell } from "../shell/notices.ts";

/** Starts an instance of a flow. */
export function SubmitDialog({ flow, onClose }: { flow: string; onClose: () => void }): JSX.Element {
  const [instanceId, setInstanceId] = useState("");
  const [text, setText] = useState("");
  const id = useId();
  const submit = async (): Promise<void> => {
    const input = valueOfJson(text);
    const request: SubmitRequest = {
      flow,
      ...(instanceId === "" ? {} : { instanceId }),
      ...(input === undefined ? {} : { input }),
    };
    const made = await send<InstanceCreated>("POST", "instances", request);
    tell(`Started ${made.instanceId}.`);
    goTo(hrefOf(["instances", made.instanceId]));
  };
  return (
    <Confirm title={`Start ${flow}`} verb="Start it" act={submit} onClose={onClose}>
      <div class="field">
        <label htmlFor={id}>Id</label>
        <input
          id={id}
          class="input mono"
          maxLength={255}
          value={instanceId}
          onInput={(event) => setInstanceId(event.currentTarget.value)}
        />
        <span class="hint">From your domain, such as order-42. Left empty, one is made.</span>
      </div>
      <JsonField label="Input" text={text} onText={setText} />
    </Confirm>
  );
}
