import { describe, expect, test } from "vitest";
import { portsFor } from "./ports.ts";

describe("portsFor", () => {
  test("gives the same directory the same ports", () => {
    expect([...portsFor("/a", null)]).toEqual([...portsFor("/a", null)]);
    expect([...portsFor("/a", null)]).not.toEqual([...portsFor("/b", null)]);
  });

  test("starts with the remembered one", () => {
    expect(portsFor("/a", 5433).next().value).toBe(5433);
  });

  test("stays below the ports that systems give to outgoing connections", () => {
    const ports = Array.from({ length: 200 }, (_, index) => [...portsFor(`/directory/${index}`, null)]).flat();
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(20_000);
    expect(Math.max(...ports)).toBeLessThan(30_000);
  });
});
