import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import type { Schedule, Slots, StartedSlots } from "../../../src/dashboard/api-types.ts";
import { pathOf, send } from "../api/client.ts";
import { tellHint } from "../api/live.ts";
import { useResource } from "../api/resource.ts";
import { Confirm } from "../parts/dialog.tsx";
import { absoluteTime, countText } from "../parts/time-text.ts";
import { tell } from "../shell/notices.ts";

const MOST = 1_000;

/** Has the slots of a range started, after showing which these are. */
export function BackfillDialog({
  schedule: { id },
  onClose,
}: {
  schedule: Schedule;
  onClose: () => void;
}): JSX.Element {
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [fromId, toId] = [useId(), useId()];
  const range = rangeOf(from, to);
  const asked = range === null ? null : `${pathOf("schedules", id)}/slots`;
  const { value, problem } = useResource<Slots>(asked, { ...range, count: MOST });
  const submit = async (): Promise<void> => {
    const { instanceIds } = await send<StartedSlots>(
      "POST",
      `${pathOf("schedules", id)}/backfill`,
      range ?? { from, to },
    );
    tell(`${countText(instanceIds.length)} slots are started as far as their instances don't exist.`);
    tellHint({ topics: ["instances"], instanceIds: [] });
  };
  return (
    <Confirm title={`Backfill ${id}`} verb="Start them" act={submit} onClose={onClose}>
      <p>Starts the slots of a range whose instances don't exist, by the next worker that looks. Times are UTC.</p>
      <fieldset class="fields">
        <legend>Range</legend>
        <div class="field">
          <label htmlFor={fromId}>From</label>
          <input
            id={fromId}
            class="input"
            type="datetime-local"
            required
            value={from}
            onInput={(event) => setFrom(event.currentTarget.value)}
          />
        </div>
        <div class="field">
          <label htmlFor={toId}>To</label>
          <input
            id={toId}
            class="input"
            type="datetime-local"
            required
            value={to}
            onInput={(event) => setTo(event.currentTarget.value)}
          />
        </div>
      </fieldset>
      {range !== null && value !== null && <p aria-live="polite">{slotsText(value.slots)}</p>}
      {problem !== null && <p role="alert">{problem.message}</p>}
    </Confirm>
  );
}

function rangeOf(from: string, to: string): { readonly from: string; readonly to: string } | null {
  const times = [from, to].map((text) => Date.parse(`${text}Z`));
  const [first = Number.NaN, last = Number.NaN] = times;
  if (Number.isNaN(first) || Number.isNaN(last)) return null;
  return { from: new Date(first).toISOString(), to: new Date(last).toISOString() };
}

function slotsText(slots: readonly string[]): string {
  const [first, last] = [slots[0], slots.at(-1)];
  if (first === undefined || last === undefined) return "No slot is in that range.";
  const span = `${absoluteTime(Date.parse(first))} to ${absoluteTime(Date.parse(last))}`;
  return `${countText(slots.length)}${slots.length === MOST ? " or more" : ""} slots: ${span}`;
}
