import { describe, expect, test } from "vitest";
import { fateOf, identityOf, isRunning } from "./process-identity.ts";

/** Above the largest pid that Linux allows. */
const NO_PID = 2 ** 22 + 1;

describe("fateOf", () => {
  const own = identityOf(process.pid);
  const [pid = "", startedAt = "", boot = "", namespace = ""] = own.split("-");

  test("knows this process", () => {
    expect(fateOf(own)).toBe("alive");
    expect(isRunning(process.pid)).toBe(true);
  });

  test("knows a pid that nobody has", () => {
    expect(fateOf(identityOf(NO_PID))).toBe("dead");
    expect(isRunning(NO_PID)).toBe(false);
  });

  test.runIf(process.platform === "linux")("tells a process from an earlier one with the same pid", () => {
    expect(fateOf([pid, Number(startedAt) - 1, boot, namespace].join("-"))).toBe("dead");
  });

  test.runIf(process.platform === "linux")("takes all processes before the last boot for dead", () => {
    expect(fateOf([pid, startedAt, "ffffffff", namespace].join("-"))).toBe("dead");
  });

  test("does not judge processes that it can't see", () => {
    expect(fateOf([pid, startedAt, boot, "1"].join("-"))).toBe("unknown");
    expect(fateOf("what is this")).toBe("unknown");
  });
});
