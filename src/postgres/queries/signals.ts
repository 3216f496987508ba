import type { SignalKind } from "../../store/signal-store.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

export interface SignalRow {
  readonly kind: SignalKind;
  readonly reason: string | null;
  readonly requested_by: string | null;
  readonly undo: boolean;
}

/** Reads the pending requests to an instance. Index: signals_pkey. */
export function findSignals(t: Tables, instanceId: string): Query<SignalRow> {
  return sql`
    SELECT s.kind, s.reason, s.requested_by, s.undo
    FROM ${t.signals} AS s
    WHERE s.instance_id = ${instanceId}::text
    ORDER BY s.kind
  `;
}

/** Stores a request; one of the same kind that is pending is replaced. */
export function storeSignal(
  t: Tables,
  p: {
    readonly instanceId: string;
    readonly kind: SignalKind;
    readonly reason: string | null;
    readonly requestedBy: string | null;
    readonly undo: boolean;
    readonly now: Date | null;
  },
): Query<never> {
  return sql`
    INSERT INTO ${t.signals} (instance_id, kind, reason, requested_by, undo, requested_at)
    VALUES (${p.instanceId}::text, ${p.kind}::text, ${p.reason}::text, ${p.requestedBy}::text, ${p.undo}::boolean,
            coalesce(${p.now}::timestamptz, clock_timestamp()))
    ON CONFLICT (instance_id, kind) DO UPDATE
    SET reason = excluded.reason, requested_by = excluded.requested_by, undo = excluded.undo, requested_at = excluded.requested_at
  `;
}

export function deleteSignal(
  t: Tables,
  p: { readonly instanceId: string; readonly kind: SignalKind },
): Query<{ kind: SignalKind }> {
  return sql`
    DELETE FROM ${t.signals} WHERE instance_id = ${p.instanceId}::text AND kind = ${p.kind}::text RETURNING kind
  `;
}
