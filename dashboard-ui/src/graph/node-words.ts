import type { GraphNode } from "../../../src/dashboard/api-types.ts";
import { durationText } from "../parts/time-text.ts";

/** What is said of a node below its name; "" for nothing. */
export function wordsOfNode({
  kind,
  detail,
  limit,
  maxAttempts,
  timeoutMs,
  hasUndo,
  transactional,
}: GraphNode): string {
  const text = (name: string): string => {
    const value = detail[name];
    return value == null ? "" : String(value);
  };
  switch (kind) {
    case "delay":
      return typeof detail["durationMs"] === "number" ? durationText(detail["durationMs"]) : "until a time";
    case "wait":
      return joined([`event ${text("event")}`, timeoutMs === null ? "" : `at most ${durationText(timeoutMs)}`]);
    case "collect":
      return `${text("count") || "some"} × event ${text("event")}`;
    case "map":
      return text("concurrency") === "" ? "for each item" : `for each item, ${text("concurrency")} at once`;
    case "loop":
      return `again and again, at most ${text("maxIterations")}×`;
    case "route":
      return "one of several ways";
    case "fork":
      return joined(["join", text("mode") === "all" ? "" : text("mode")]);
    case "spawn":
      return `starts ${text("flow") || "a child"}`;
    case "continue":
      return "continues as new";
    case "subflow":
      return text("flow");
    case "task":
      return joined([
        limit === null ? "" : `limit ${limit}`,
        maxAttempts === null || maxAttempts === 1 ? "" : `${maxAttempts} attempts`,
        transactional ? "transactional" : "",
        hasUndo ? "undo" : "",
        detail["onFailure"] === "skip" ? "skipped if it fails" : "",
        text("fallback") === "" ? "" : `else ${text("fallback")}`,
      ]);
  }
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(", ");
}
