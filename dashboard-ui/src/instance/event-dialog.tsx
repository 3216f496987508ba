import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import type { EventResult, InstanceDetail } from "../../../src/dashboard/api-types.ts";
import { pathOf, send } from "../api/client.ts";
import { Confirm } from "../parts/dialog.tsx";
import { JsonField, valueOfJson } from "../parts/json-field.tsx";
import { tell } from "../shell/notices.ts";
import { toldOf } from "./act.ts";

const OUTCOMES: Readonly<Record<EventResult["outcome"], string>> = {
  delivered: "it was waited for, and has been taken.",
  buffered: "kept until the instance waits for it.",
  duplicate: "one with this key had been sent before; nothing was changed.",
};

/** Sends an event to the instance. */
export function EventDialog({ detail, onClose }: { detail: InstanceDetail; onClose: () => void }): JSX.Element {
  const { instanceId, state } = detail;
  const [name, setName] = useState(state.events[0]?.name ?? "");
  const [text, setText] = useState("");
  const [dedupKey, setDedupKey] = useState("");
  const id = useId();
  const submit = async (): Promise<void> => {
    const payload = valueOfJson(text);
    const { outcome } = await send<EventResult>("POST", pathOf("instances", instanceId, "events"), {
      name,
      ...(payload === undefined ? {} : { payload }),
      ...(dedupKey === "" ? {} : { dedupKey }),
    });
    tell(`Event ${name}: ${OUTCOMES[outcome]}`);
    toldOf(instanceId);
  };
  return (
    <Confirm title="Send an event" verb="Send it" act={submit} onClose={onClose}>
      <div class="field">
        <label htmlFor={`${id}-name`}>Name</label>
        <input
          id={`${id}-name`}
          class="input"
          list={`${id}-names`}
          required
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <datalist id={`${id}-names`}>
          {state.events.map((event) => (
            <option key={event.taskId} value={event.name}>
              {event.taskId}
            </option>
          ))}
        </datalist>
        <span class="hint">
          {state.events.length === 0
            ? "It waits for none just now; what is sent is kept."
            : `It waits for ${state.events.map((event) => event.name).join(", ")}.`}
        </span>
      </div>
      <JsonField label="Payload" text={text} onText={setText} />
      <div class="field">
        <label htmlFor={`${id}-key`}>Key</label>
        <input
          id={`${id}-key`}
          class="input"
          value={dedupKey}
          onInput={(event) => setDedupKey(event.currentTarget.value)}
        />
        <span class="hint">Of two events with one key, the second is dropped. May be left empty.</span>
      </div>
    </Confirm>
  );
}
