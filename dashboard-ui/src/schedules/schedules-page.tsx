import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Schedule } from "../../../src/dashboard/api-types.ts";
import { usePages } from "../api/pages.ts";
import { useMay } from "../api/session.ts";
import { Empty } from "../parts/empty.tsx";
import { Icon } from "../parts/icon.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { Time } from "../parts/time.tsx";
import { durationText } from "../parts/time-text.ts";
import { hrefOf } from "../route/place.ts";
import { useKeys } from "../shell/keys.ts";
import { BackfillDialog } from "./backfill-dialog.tsx";
import { ScheduleDialog, type ScheduleVerb } from "./schedule-dialog.tsx";

/** What starts by itself, and when. */
export function SchedulesPage(): JSX.Element {
  const list = usePages<Schedule>("schedules", { limit: 100 }, { topics: ["instances"] });
  useKeys({ r: list.refresh });
  return (
    <>
      <h1>Schedules</h1>
      {list.problem !== null && <ProblemBox problem={list.problem} retry={list.refresh} />}
      {!list.isFresh && list.items.length === 0 && (
        <div class="card">
          <Empty title="There are no schedules">
            <p>
              A schedule starts instances of a flow by itself:{" "}
              <code>schedule("nightly", report, {'{ cron: "0 3 * * *" }'})</code>, given to a worker.
            </p>
          </Empty>
        </div>
      )}
      {list.items.map((schedule) => (
        <ScheduleCard key={schedule.id} schedule={schedule} />
      ))}
      {!list.isFresh && !list.isWhole && (
        <button type="button" class="button" onClick={() => list.look(0, list.items.length)}>
          Read more
        </button>
      )}
    </>
  );
}

type Open = ScheduleVerb | "backfill";

function ScheduleCard({ schedule }: { schedule: Schedule }): JSX.Element {
  const { id, isPaused, isChanged, pauseReason, problem } = schedule;
  const [open, setOpen] = useState<Open | null>(null);
  return (
    <section class="card stack" aria-label={`Schedule ${id}`} data-schedule={id}>
      <div class="spread">
        <div class="row">
          <h2 class="mono">{id}</h2>
          {isPaused && (
            <span class="badge is-amber" title={pauseReason ?? undefined}>
              <Icon name="pause" size={13} /> Paused
            </span>
          )}
          {isChanged && (
            <span class="badge is-violet" title="What code says of it does not count until it is reset.">
              Changed by hand
            </span>
          )}
          {problem !== null && (
            <span class="badge is-red">
              <Icon name="warning" size={13} /> Can't start
            </span>
          )}
        </div>
        <ScheduleActions schedule={schedule} onOpen={setOpen} />
      </div>
      {isPaused && pauseReason !== null && <p class="muted">{pauseReason}</p>}
      {problem !== null && <p>{problem}</p>}
      <ScheduleFacts schedule={schedule} />
      {open === "backfill" && <BackfillDialog schedule={schedule} onClose={() => setOpen(null)} />}
      {open !== null && open !== "backfill" && <ScheduleDialog id={id} verb={open} onClose={() => setOpen(null)} />}
    </section>
  );
}

interface ScheduleActionsProps {
  readonly schedule: Schedule;
  readonly onOpen: (open: Open) => void;
}

function ScheduleActions({ schedule: { isPaused, isChanged }, onOpen }: ScheduleActionsProps): JSX.Element {
  const mayRun = useMay("runSchedules");
  const mayChange = useMay("changeSchedules");
  const button = (open: Open, text: string): JSX.Element => (
    <button type="button" class="button is-small" onClick={() => onOpen(open)}>
      {text} …
    </button>
  );
  return (
    <div class="row">
      {mayRun && button("trigger", "Start one now")}
      {mayRun && button("backfill", "Backfill")}
      {mayChange && button(isPaused ? "unpause" : "pause", isPaused ? "Resume" : "Pause")}
      {mayChange && isChanged && button("reset", "Reset")}
      {mayChange && button("delete", "Delete")}
    </div>
  );
}

function ScheduleFacts({ schedule }: { schedule: Schedule }): JSX.Element {
  const { flow, overlap, catchUp, lastSlot, nextSlot, live } = schedule;
  return (
    <dl class="fact-line">
      <div>
        <dt>Flow</dt>
        <dd>
          <a href={hrefOf(["flows", flow])}>{flow}</a>
        </dd>
      </div>
      <div>
        <dt>When</dt>
        <dd class="mono">{whenText(schedule)}</dd>
      </div>
      <div>
        <dt>Next slot</dt>
        <dd>
          <Time at={nextSlot} />
        </dd>
      </div>
      <div>
        <dt>Last slot</dt>
        <dd>
          <Time at={lastSlot} />
        </dd>
      </div>
      <div>
        <dt>Live</dt>
        <dd>
          {live.length === 0
            ? "none"
            : live.map((instanceId) => (
                <a key={instanceId} class="mono" href={hrefOf(["instances", instanceId])}>
                  {instanceId}{" "}
                </a>
              ))}
        </dd>
      </div>
      <div>
        <dt>Overlap</dt>
        <dd>{overlap}</dd>
      </div>
      <div>
        <dt>Catches up</dt>
        <dd>
          {durationText(catchUp.withinMs)}, at most {catchUp.limit}
        </dd>
      </div>
      <RareFacts schedule={schedule} />
    </dl>
  );
}

/** What there is to say of few schedules. */
function RareFacts({ schedule: { requested, skipped } }: { schedule: Schedule }): JSX.Element {
  return (
    <>
      {requested > 0 && (
        <div>
          <dt>Asked for by hand</dt>
          <dd class="number">{requested}</dd>
        </div>
      )}
      {skipped !== null && (
        <div>
          <dt>Passed over</dt>
          <dd>
            <Time at={skipped.slot} /> ({skipped.reason})
          </dd>
        </div>
      )}
    </>
  );
}

function whenText({ cron, everyMs, timezone }: Schedule): string {
  return cron === null ? `every ${durationText(everyMs ?? 0)}` : `${cron} (${timezone})`;
}
