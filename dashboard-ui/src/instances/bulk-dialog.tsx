import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { BulkFilter, BulkRequest, BulkResult } from "../../../src/dashboard/api-types.ts";
import { send } from "../api/client.ts";
import { tellHint } from "../api/live.ts";
import { type Problem, problemOf } from "../api/problem.ts";
import { Dialog } from "../parts/dialog.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { countText } from "../parts/time-text.ts";
import { tell } from "../shell/notices.ts";

/** Which instances are meant. */
export type BulkTarget = { readonly ids: readonly string[] } | { readonly filter: BulkFilter };

const VERBS: Readonly<Record<BulkRequest["action"], string>> = {
  pause: "Pause",
  unpause: "Resume",
  cancel: "Cancel",
  terminate: "Terminate",
  retry: "Retry",
  delete: "Delete",
};

const DANGERS: ReadonlySet<string> = new Set(["cancel", "terminate", "delete"]);

interface BulkDialogProps {
  readonly action: BulkRequest["action"];
  readonly target: BulkTarget;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

/** Says how many instances are concerned, asks, and does it batch by batch. */
export function BulkDialog({ action, target, onDone, onClose }: BulkDialogProps): JSX.Element {
  const [reason, setReason] = useState("");
  const [tried, setTried] = useState<BulkResult | null>(null);
  const [progress, setProgress] = useState<BulkResult | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const verb = VERBS[action];
  useEffect(() => {
    const looked = send<BulkResult>("POST", "bulk", { ...target, action, dryRun: true, limit: 10_000 });
    looked.then(setTried, (error: unknown) => setProblem(problemOf(error)));
  }, []);
  const act = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      const done = await doAll({ ...target, action, ...(reason === "" ? {} : { reason }) }, setProgress);
      tellHint({ topics: ["instances"], instanceIds: [] });
      if (done.refusedCount > 0) return setBusy(false);
      tell(`${verb}: ${countText(done.changed)} of ${countText(done.matched)} instances.`);
      onDone();
      onClose();
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };
  const isOver = progress !== null && !isBusy && problem === null;
  return (
    <Dialog title={`${verb} several instances`} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void act(event)}>
        <About tried={tried} action={action} isTrying={problem === null} />
        {action !== "unpause" && action !== "delete" && !isOver && <ReasonField reason={reason} onReason={setReason} />}
        {progress !== null && <Outcome result={progress} />}
        {problem !== null && <ProblemBox problem={problem} />}
        <div class="dialog-actions">
          <button
            type="button"
            class="button"
            onClick={() => {
              if (isOver) onDone();
              onClose();
            }}
          >
            {isOver ? "Close" : "Back"}
          </button>
          {!isOver && (
            <button
              type="submit"
              class={`button is-primary ${DANGERS.has(action) ? "is-danger" : ""}`}
              disabled={isBusy || tried === null || tried.matched === 0}
            >
              {isBusy ? `${countText(progress?.matched ?? 0)} done …` : `${verb} ${countText(tried?.matched ?? 0)}`}
            </button>
          )}
        </div>
      </form>
    </Dialog>
  );
}

interface AboutProps {
  readonly tried: BulkResult | null;
  readonly action: BulkRequest["action"];
  readonly isTrying: boolean;
}

function About({ tried, action, isTrying }: AboutProps): JSX.Element {
  return (
    <>
      {tried !== null ? <p>{sentenceOf(tried, VERBS[action])}</p> : isTrying && <p>Looking how many there are …</p>}
      {action === "delete" && <p class="problem">What is deleted can't be brought back, its history included.</p>}
    </>
  );
}

function ReasonField({ reason, onReason }: { reason: string; onReason: (reason: string) => void }): JSX.Element {
  return (
    <div class="field">
      <label htmlFor="bulk-reason">Reason</label>
      <input
        id="bulk-reason"
        class="input"
        maxLength={1_000}
        value={reason}
        onInput={(event) => onReason(event.currentTarget.value)}
      />
      <span class="hint">Kept with each of them. May be left empty.</span>
    </div>
  );
}

/** What became of those that have been come to. */
function Outcome({ result }: { result: BulkResult }): JSX.Element {
  return (
    <div class="stack" role="status">
      <p>
        {countText(result.changed)} changed, {countText(result.refusedCount)} refused of {countText(result.matched)}.
      </p>
      {result.refused.length > 0 && (
        <ul>
          {result.refused.slice(0, 20).map(({ instanceId, code, message }) => (
            <li key={instanceId}>
              <code>{instanceId}</code>: <code>{code}</code> {message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Goes on from where each batch ended. */
async function doAll(request: BulkRequest, onProgress: (result: BulkResult) => void): Promise<BulkResult> {
  let all: BulkResult = { matched: 0, changed: 0, refusedCount: 0, refused: [], next: null, dryRun: false };
  for (let after: string | null = null; ; ) {
    const batch: BulkResult = await send<BulkResult>("POST", "bulk", {
      ...request,
      ...(after === null ? {} : { after }),
    });
    all = {
      ...batch,
      matched: all.matched + batch.matched,
      changed: all.changed + batch.changed,
      refusedCount: all.refusedCount + batch.refusedCount,
      refused: [...all.refused, ...batch.refused].slice(0, 100),
    };
    onProgress(all);
    if (batch.next === null) return all;
    after = batch.next;
  }
}

function sentenceOf({ matched, next }: BulkResult, verb: string): string {
  if (matched === 0) return `None of these instances is in a state in which it can be told to ${verb.toLowerCase()}.`;
  return `${next === null ? "" : "More than "}${countText(matched)} ${matched === 1 ? "instance is" : "instances are"} concerned.`;
}
