import { refuse, requireObject, requireOneOf } from "./argument-shapes.ts";
import { parseSpanMs } from "./arguments.ts";
import type { TransactionRequest } from "./transactional-store.ts";

const LEVELS = ["read committed", "repeatable read", "serializable"];

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkTransactionRequest(request: TransactionRequest): void {
  requireObject(request, "request");
  requireOneOf(request.isolation, "request.isolation", LEVELS);
  if (request.timeoutMs !== null) parseSpanMs(request.timeoutMs, "request.timeoutMs");
  if (!(request.signal instanceof AbortSignal)) refuse("request.signal", "must be an AbortSignal");
  const { source } = request;
  if (source === null) return;
  requireObject(source, "request.source");
  if (typeof source.transaction !== "function" || typeof source.queryable !== "function")
    refuse("request.source", "must have the methods transaction and queryable");
}
