import type { ClaimedDeadline, ClaimedPosition } from "../store/position-store.ts";
import type { ClaimedRow } from "./queries/claim-positions.ts";
import { wholeMs } from "./rows.ts";

function deadlineFromRow({ deadline_ms: at, deadline_in_ms: inMs }: ClaimedRow): ClaimedDeadline | null {
  return at === null || inMs === null ? null : { at: wholeMs(at), inMs: wholeMs(inMs) };
}

export function claimedFromRow(row: ClaimedRow): ClaimedPosition {
  return {
    instanceId: row.instance_id,
    path: row.path,
    token: row.token,
    taskId: row.task_id,
    kind: row.kind,
    attempt: row.attempt,
    lost: row.lost,
    inputRef: row.input_ref,
    input: row.input,
    recorded: row.recorded_outcome === null ? null : { outcome: row.recorded_outcome, output: row.recorded_output },
    event: row.event,
    armed: row.armed,
    due: row.due,
    interrupt: row.interrupt,
    flow: row.flow,
    definitionHash: row.definition_hash,
    codec: row.codec,
    instancePriority: row.instance_priority,
    deadline: deadlineFromRow(row),
    run: row.run,
    ...(row.trace_context === null ? {} : { traceContext: row.trace_context }),
    ...(row.has_place ? { hasPlace: true } : {}),
  };
}
