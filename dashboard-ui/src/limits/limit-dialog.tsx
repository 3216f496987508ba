import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import type { Allowance, Limit } from "../../../src/dashboard/api-types.ts";
import { pathOf, send } from "../api/client.ts";
import { tellHint } from "../api/live.ts";
import { Confirm } from "../parts/dialog.tsx";
import { tell } from "../shell/notices.ts";

/** What stands in the fields of an allowance; empty for any number. */
interface Fields {
  readonly concurrency: string;
  readonly count: string;
  readonly per: string;
}

/** Changes what a limit allows, for all workers at once. */
export function LimitDialog({ limit, onClose }: { limit: Limit; onClose: () => void }): JSX.Element {
  const [all, setAll] = useState(fieldsOf(limit));
  const [each, setEach] = useState(fieldsOf(limit.perKey));
  const submit = async (): Promise<void> => {
    await send("PATCH", pathOf("limits", limit.name), { ...changesOf(all), perKey: changesOf(each) });
    tell(`Limit ${limit.name}: changed.`);
    tellHint({ topics: ["limits"], instanceIds: [] });
  };
  return (
    <Confirm title={`Change ${limit.name}`} verb="Change it" act={submit} onClose={onClose}>
      <p>
        It holds for all workers at once, without a deployment. What code says of it does not count until it is reset.
      </p>
      <AllowanceFields legend="All together" fields={all} onFields={setAll} />
      <AllowanceFields legend="Each key" fields={each} onFields={setEach} />
    </Confirm>
  );
}

interface AllowanceFieldsProps {
  readonly legend: string;
  readonly fields: Fields;
  readonly onFields: (fields: Fields) => void;
}

function AllowanceFields({ legend, fields, onFields }: AllowanceFieldsProps): JSX.Element {
  const id = useId();
  const field = (name: keyof Fields, label: string, hint: string): JSX.Element => (
    <div class="field">
      <label htmlFor={`${id}-${name}`}>{label}</label>
      <input
        id={`${id}-${name}`}
        class="input"
        inputMode={name === "per" ? "text" : "numeric"}
        placeholder={hint}
        value={fields[name]}
        onInput={(event) => onFields({ ...fields, [name]: event.currentTarget.value })}
      />
    </div>
  );
  return (
    <fieldset class="fields">
      <legend>{legend}</legend>
      {field("concurrency", "At once", "any number")}
      {field("count", "May begin", "any number")}
      {field("per", "in", "1m")}
    </fieldset>
  );
}

function fieldsOf({ concurrency, rate }: Allowance): Fields {
  return {
    concurrency: concurrency === null ? "" : String(concurrency),
    count: rate === null ? "" : String(rate.count),
    per: rate === null ? "" : `${rate.perMs}ms`,
  };
}

/** What is no number is sent as it stands: the server says what is wrong with it. */
function changesOf({ concurrency, count, per }: Fields): object {
  const number = (text: string): number | string => (/^\d+$/.test(text.trim()) ? Number(text) : text);
  return {
    concurrency: concurrency.trim() === "" ? null : number(concurrency),
    rate: count.trim() === "" ? null : { count: number(count), per: per.trim() === "" ? "1m" : per.trim() },
  };
}
