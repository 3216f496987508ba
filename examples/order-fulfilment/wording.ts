import type { StatusReport } from "waymark";
import type { Result } from "./domain.ts";

export type Tone = "good" | "notable" | "bad";

/** How an order has ended, in words. */
export function describeEnd(report: StatusReport<Result>): { readonly tone: Tone; readonly text: string } {
  switch (report.status) {
    case "completed":
      return describeResult(report.output);
    case "failed":
      return { tone: "bad", text: `FAILED: ${report.failure.message}` };
    case "cancelled":
      return { tone: "bad", text: "cancelled" };
    case "paused":
    case "in_progress":
    case "waiting":
    case "awaiting_event":
    case "awaiting_child":
      return { tone: "bad", text: `has not ended: ${report.status.replace("_", " ")}` };
  }
}

function describeResult(result: Result): { readonly tone: Tone; readonly text: string } {
  if (result.outcome === "refused") {
    const refund = result.refundedCents === 0 ? "" : `, ${euros(result.refundedCents)} refunded`;
    return { tone: "notable", text: `refused: ${result.reason}${refund}` };
  }
  const text = `delivered, ${result.shipping}, ${euros(result.cents)}`;
  if (result.packedBy !== "reserve depot") return { tone: "good", text };
  return { tone: "notable", text: `${text}; no answer from the warehouse, so the reserve depot packed it` };
}

export function euros(cents: number): string {
  return `${(cents / 100).toFixed(2)} EUR`;
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** `1 order`, `2 orders`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** `text`, no wider than `width` columns. For text of characters that take one column each. */
export function fitted(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
