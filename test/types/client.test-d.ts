import { expectTypeOf, test } from "vitest";
import type { Client } from "../../src/client/client.ts";
import type { InstanceHandle } from "../../src/client/instance-handle.ts";
import { flow } from "../../src/flow/flow.ts";

const order = flow<number>("order")
  .then("a", (n) => String(n))
  .build();
declare const client: Client;

test("a handle has the flow's output, whatever its input", () => {
  expectTypeOf(client.handle("order-1", order)).toEqualTypeOf<InstanceHandle<string>>();
  expectTypeOf(client.handle("order-1")).toEqualTypeOf<InstanceHandle>();
});

test("a fork takes the flow's input, and has its output", () => {
  expectTypeOf(client.fork(order, "order-1", "order-2", { at: 0n, input: 1 })).resolves.toEqualTypeOf<
    InstanceHandle<string>
  >();
  // @ts-expect-error: the input is a number
  void client.fork(order, "order-1", "order-2", { at: 0n, input: "1" });
});

test("looking back and migrating take flows of any input", () => {
  void client.stateAt(order, "order-1", 0n);
  void client.migrateMany(order, order, {});
});
