import { WaymarkError } from "../errors/waymark-error.ts";

/** Errors that are not the instance's fault: of the store, and of whoever keeps the keys. */
export function isPassing(error: unknown): error is WaymarkError {
  return isKeyError(error) || (WaymarkError.is(error) && error.code.startsWith("BACKEND_"));
}

export function isKeyError(error: unknown): boolean {
  return WaymarkError.is(error) && error.code === "KEY_UNAVAILABLE";
}
