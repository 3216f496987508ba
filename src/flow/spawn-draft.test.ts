import { describe, expect, test } from "vitest";
import { withChildFlows } from "./child-flows.ts";
import { childInstanceId } from "./child-id.ts";
import { flow } from "./flow.ts";

const child = flow<number>("child")
  .then("x", (n) => n)
  .build();
const spawn = (options: object): unknown =>
  flow<number>("p")
    .spawn("start", child, options as never)
    .build();

describe("spawn", () => {
  test.each<[object, string]>([
    [{ await: "yes" }, "await must be true or false, not a string"],
    [{ onParentClose: "leave" }, 'onParentClose must be "cancel" or "abandon" or "wait", not "leave"'],
    [{ instanceId: "order-1" }, "instanceId must be a function, not a string"],
    [{ input: 1 }, "input must be a function, not a number"],
    [{ undo: () => 1 }, 'options has an unknown key "undo"'],
    [{ onFailure: { goto: "nowhere" } }, 'has onFailure: { goto: "nowhere" }, which is no later step'],
    [{ child: { priority: 6 } }, "child.priority must be a whole number from 1 to 5, not 6"],
    [{ child: { tags: ["a", "a"] } }, 'child.tags[1] repeats "a"'],
    [{ child: { tags: "a" } }, "child.tags must be an array of at most 32 names"],
    [{ child: { labels: { a: 1 } } }, "child.labels has a label that must be a string, not a number"],
    [{ child: { labels: [] } }, "child.labels must be an object, not an array"],
    [{ child: { id: 1 } }, 'child has an unknown key "id"'],
  ])("refuses %j when it is built", (options, message) => {
    expect(() => spawn(options)).toThrow(message);
  });

  test("takes a built flow, and nothing else", () => {
    const builder = flow<number>("p") as unknown as { spawn(...args: unknown[]): { build(): unknown } };
    expect(() => builder.spawn("start", () => 1).build()).toThrow(
      "spawn() takes an id and a built flow, not a function",
    );
    expect(() => builder.spawn("a b", child).build()).toThrow("id");
  });

  test("is part of the hash with its id, the child's name, whether it is awaited, and whether it is waited for at the end", () => {
    const hashes = [{}, { await: false }, { onParentClose: "wait" }, { onFailure: "skip" }, { version: "2" }].map(
      (options) => (spawn(options) as { hash: string }).hash,
    );
    expect(new Set(hashes).size).toBe(hashes.length);
    const policy = { onParentClose: "abandon", retries: 3, child: { priority: 1 }, input: (n: number) => n + 1 };
    expect(spawn(policy)).toMatchObject({ hash: hashes[0] });
  });
});

describe("the id of a child", () => {
  const given = (instanceId: string | null) => ({ instanceId, input: 1 });
  const ship = { instanceId: "order-1", taskId: "ship", run: 1 };

  test("follows from its parent's and the task's, unless it is given, and ends in its run and number from the second on", () => {
    expect(childInstanceId(given(null), ship, 1)).toBe("order-1/ship");
    expect(childInstanceId(given(null), { ...ship, run: 2 }, 2)).toBe("order-1/ship@2.2");
    expect(childInstanceId(given(null), { ...ship, taskId: "items[3]/ship" }, 2)).toBe("order-1/items[3]/ship.2");
    expect(childInstanceId(given("x"), ship, 3)).toBe("x.3");
  });

  test("is never too long, and differs where what was cut off does", () => {
    const ids = [1, 2, 3].map((number) =>
      childInstanceId(given(null), { instanceId: "o".repeat(250), taskId: "shipment", run: 1 }, number),
    );
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toHaveLength(255);
  });
});

test("who has a flow has those of its children and theirs, once each", () => {
  const middle = flow<number>("middle").spawn("start", child).spawn("again", child).build();
  const parent = flow<number>("parent").spawn("start", middle).build();
  expect(withChildFlows([parent, child])).toEqual([parent, child, middle]);
});
