import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Mailbox } from "./mailbox.ts";

describe("Mailbox", () => {
  test("gives events of a name in their order, also where some are taken from the middle", () => {
    const step = fc.record({ name: fc.constantFrom("a", "b"), takes: fc.nat({ max: 4 }), adds: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const mailbox = new Mailbox();
        const model = new Map<string, bigint[]>([
          ["a", []],
          ["b", []],
        ]);
        for (const { name, takes, adds } of steps) {
          const waiting = model.get(name) ?? [];
          if (adds) {
            mailbox.buffer(name, new Uint8Array(), "json", 0);
            waiting.push(mailbox.lastSequence);
          } else if (waiting.length > 0) {
            const [taken = 0n] = waiting.splice(takes % waiting.length, 1);
            expect(mailbox.holds(name, taken)).toBe(true);
            mailbox.take(name, taken);
            expect(mailbox.holds(name, taken)).toBe(false);
          }
          expect(mailbox.peek(name)?.sequence ?? null).toBe(waiting[0] ?? null);
          expect(mailbox.has(name)).toBe(waiting.length > 0);
        }
      }),
    );
  });

  test("takes nothing that it doesn't have", () => {
    const mailbox = new Mailbox();
    mailbox.take("a", 1n);
    mailbox.buffer("a", new Uint8Array(), "json", 0);
    mailbox.take("a", 9n);
    mailbox.take("b", 1n);

    expect(mailbox.peek("a")?.sequence).toBe(1n);
    expect(mailbox.holds("b", 1n)).toBe(false);
  });
});
