import { expect } from "vitest";
import type { ErrorCode } from "../../errors/waymark-error.ts";

/** Checks that a call is refused with an error of this code, and of these facts. */
export async function expectRefusal(call: Promise<unknown>, code: ErrorCode, facts: object = {}): Promise<void> {
  await expect(call).rejects.toMatchObject({ code, ...facts });
}
