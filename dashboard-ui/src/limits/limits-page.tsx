import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Allowance, Limit, Page } from "../../../src/dashboard/api-types.ts";
import { pathOf, send } from "../api/client.ts";
import { tellHint } from "../api/live.ts";
import { useResource } from "../api/resource.ts";
import { useMay } from "../api/session.ts";
import { Confirm } from "../parts/dialog.tsx";
import { Empty } from "../parts/empty.tsx";
import { Icon } from "../parts/icon.tsx";
import { Meter } from "../parts/meter.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { countText, durationText } from "../parts/time-text.ts";
import { changeQuery, usePlace } from "../route/place.ts";
import { useKeys } from "../shell/keys.ts";
import { tell } from "../shell/notices.ts";
import { KeyList } from "./key-list.tsx";
import { LimitDialog } from "./limit-dialog.tsx";

/** What may run at once and how often, what does, and what waits for it. */
export function LimitsPage(): JSX.Element {
  const interest = { topics: ["limits", "instances"] } as const;
  const { value: page, problem, refresh } = useResource<Page<Limit>>("limits", {}, interest);
  useKeys({ r: refresh });
  return (
    <>
      <h1>Limits</h1>
      {problem !== null && <ProblemBox problem={problem} retry={refresh} />}
      {page !== null && page.items.length === 0 && (
        <div class="card">
          <Empty title="There are no limits">
            <p>
              A limit says how many of some tasks run at once, or how often they begin:{" "}
              <code>limit("model-api", {"{ concurrency: 5 }"})</code>, given to the tasks. It is listed when a worker
              has begun to use it.
            </p>
          </Empty>
        </div>
      )}
      {page?.items.map((limit) => (
        <LimitCard key={limit.name} limit={limit} />
      ))}
    </>
  );
}

type Open = "change" | "pause" | "unpause" | "reset";

function LimitCard({ limit }: { limit: Limit }): JSX.Element {
  const { name, isPaused, isChanged } = limit;
  const mayChange = useMay("changeLimits");
  const [open, setOpen] = useState<Open | null>(null);
  const { query } = usePlace();
  const isUnfolded = query.get("limit") === name;
  return (
    <section class="card stack" aria-label={`Limit ${name}`} data-limit={name}>
      <div class="spread">
        <div class="row">
          <h2 class="mono">{name}</h2>
          {isPaused && (
            <span class="badge is-amber">
              <Icon name="pause" size={13} /> Paused
            </span>
          )}
          {isChanged && (
            <span class="badge is-violet" title="What code says of it does not count until it is reset.">
              Changed by hand
            </span>
          )}
        </div>
        {mayChange && <LimitActions limit={limit} onOpen={setOpen} />}
      </div>
      <LimitFacts limit={limit} />
      <div>
        <button
          type="button"
          class="fold"
          aria-expanded={isUnfolded}
          onClick={() => changeQuery({ limit: isUnfolded ? undefined : name }, { replace: true })}
        >
          <Icon name={isUnfolded ? "down" : "right"} size={11} /> Keys
        </button>
      </div>
      {isUnfolded && <KeyList limit={limit} />}
      {open === "change" && <LimitDialog limit={limit} onClose={() => setOpen(null)} />}
      {open !== null && open !== "change" && <SmallDialog limit={name} action={open} onClose={() => setOpen(null)} />}
    </section>
  );
}

function LimitActions({ limit, onOpen }: { limit: Limit; onOpen: (open: Open) => void }): JSX.Element {
  const { isPaused, isChanged } = limit;
  return (
    <div class="row">
      <button type="button" class="button is-small" onClick={() => onOpen(isPaused ? "unpause" : "pause")}>
        <Icon name={isPaused ? "play" : "pause"} size={13} /> {isPaused ? "Resume" : "Pause"} …
      </button>
      <button type="button" class="button is-small" onClick={() => onOpen("change")}>
        Change …
      </button>
      {isChanged && (
        <button type="button" class="button is-small" onClick={() => onOpen("reset")}>
          Reset …
        </button>
      )}
    </div>
  );
}

function LimitFacts({ limit }: { limit: Limit }): JSX.Element {
  const { name, running, waiting, oldestWaitMs } = limit;
  return (
    <dl class="fact-line">
      <div>
        <dt>Running</dt>
        <dd class="number">
          {countText(running)} of {limit.concurrency === null ? "any number" : countText(limit.concurrency)}
          <Meter value={running} most={limit.concurrency} label={`Running under ${name}`} />
        </dd>
      </div>
      <div>
        <dt>Waiting</dt>
        <dd class="number">{countText(waiting)}</dd>
      </div>
      <div>
        <dt>Longest wait</dt>
        <dd>{oldestWaitMs === null ? "—" : durationText(oldestWaitMs)}</dd>
      </div>
      <div>
        <dt>Rate</dt>
        <dd>{rateText(limit)}</dd>
      </div>
      <div>
        <dt>Each key</dt>
        <dd>{allowanceText(limit.perKey)}</dd>
      </div>
    </dl>
  );
}

const SMALL = {
  pause: ["Pause the limit", "Pause it", "Nothing more begins that it holds. What runs goes on."],
  unpause: ["Resume the limit", "Resume it", "What waits begins again, as far as it is allowed."],
  reset: [
    "Reset the limit",
    "Reset it",
    "What code says of it counts again, from the next start of a worker that uses it.",
  ],
} as const;

function SmallDialog({
  limit,
  action,
  onClose,
}: {
  limit: string;
  action: keyof typeof SMALL;
  onClose: () => void;
}): JSX.Element {
  const [title, verb, says] = SMALL[action];
  const submit = async (): Promise<void> => {
    if (action === "reset") await send("POST", pathOf("limits", limit, "reset"));
    else await send("PATCH", pathOf("limits", limit), { isPaused: action === "pause" });
    tell(`${verb}: done.`);
    tellHint({ topics: ["limits"], instanceIds: [] });
  };
  return (
    <Confirm title={title} verb={verb} act={submit} onClose={onClose}>
      <p>
        <code>{limit}</code>
      </p>
      <p>{says}</p>
    </Confirm>
  );
}

function rateText({ rate }: Allowance): string {
  return rate === null
    ? "any"
    : `${countText(rate.count)} in ${durationText(rate.perMs)}, ${countText(rate.burst)} at once`;
}

function allowanceText(allowance: Allowance): string {
  const { concurrency, rate } = allowance;
  if (concurrency === null && rate === null) return "any number";
  return [
    ...(concurrency === null ? [] : [`${countText(concurrency)} at once`]),
    ...(rate === null ? [] : [rateText(allowance)]),
  ].join("; ");
}
