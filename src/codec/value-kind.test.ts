import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

test("kinds are known without Buffer, where there is none", async () => {
  vi.resetModules();
  vi.stubGlobal("Buffer", undefined);
  const { objectKindOf } = await import("./value-kind.ts");
  expect(objectKindOf(Uint8Array.of(1))).toBe("Uint8Array");
  expect(objectKindOf({})).toBe("Object");
});
