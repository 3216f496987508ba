import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { merged, type SharedState, type StateOf, state } from "../../src/flow/shared-state.ts";
import { query, type StateQuery, type StateUpdate, update } from "../../src/flow/state-handlers.ts";

interface Board {
  status: "new" | "done";
  notes: readonly string[];
  total: number;
}

const board = state({
  // oxlint-disable-next-line no-unnecessary-type-assertion -- without it, the type would be string
  status: "new" as Board["status"],
  notes: merged<readonly string[]>([], (current, change) => [...current, ...change]),
  total: merged(0, (current, change) => current + change),
});
declare const client: Client;

test("a state has the types of its values", () => {
  expectTypeOf(board).toEqualTypeOf<SharedState<Board>>();
  expectTypeOf<StateOf<typeof board>>().toEqualTypeOf<Board>();
  expectTypeOf(state({ open: true, text: "a" })).toEqualTypeOf<SharedState<{ open: boolean; text: string }>>();
});

test("a task reads and changes it by its types", () => {
  const built = flow<number>("f", { state: board })
    .then("a", async (_, { state: shared }) => {
      shared.update(board, { status: "done", total: 1 });
      shared.update(board, { notes: undefined });
      // @ts-expect-error: the total is a number
      shared.update(board, { total: "1" });
      // @ts-expect-error: there is no such key
      shared.update(board, { other: 1 });
      const values = await shared.read(board);
      // @ts-expect-error: what is read is a copy
      values.total = 1;
      return values;
    })
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<number, Readonly<Board>>>();
});

test("queries and updates have the types of their input and answer", () => {
  const count = query("count", board, ({ notes }) => notes.length);
  const has = query("has", board, async ({ notes }, note: string) => notes.includes(note));
  const at = query("at", board, ({ notes }, index) => notes[index], { input: z.coerce.number() });
  expectTypeOf(count).toEqualTypeOf<StateQuery<void, number>>();
  expectTypeOf(has).toEqualTypeOf<StateQuery<string, boolean>>();
  expectTypeOf(client.query("id", count)).resolves.toEqualTypeOf<number>();
  expectTypeOf(client.query("id", has, "note")).resolves.toEqualTypeOf<boolean>();
  expectTypeOf(client.query("id", at, 1)).resolves.toEqualTypeOf<string | undefined>();
  // @ts-expect-error: it needs an input
  void client.query("id", has);
  // @ts-expect-error: it takes none
  void client.query("id", count, 1);

  const note = update("note", board, ({ total }, text: string) => ({ change: { notes: [text] }, reply: total }));
  const clear = update("clear", board, () => ({ change: { status: "done" as const }, reply: "cleared" }));
  const later = update("later", board, async ({ total }) => ({ change: { total }, reply: total }));
  expectTypeOf(client.update("id", later)).resolves.toEqualTypeOf<number>();
  expectTypeOf(note).toEqualTypeOf<StateUpdate<string, number>>();
  expectTypeOf(client.update("id", note, "text", { updateId: "u" })).resolves.toEqualTypeOf<number>();
  expectTypeOf(client.update("id", clear)).resolves.toEqualTypeOf<string>();
  expectTypeOf(client.handle("id").update(clear, undefined, { updateId: "u" })).resolves.toEqualTypeOf<string>();
  // @ts-expect-error: the text is a string
  void client.update("id", note, 1);
  // @ts-expect-error: there is no such key
  update("wrong", board, () => ({ change: { other: 1 } }));
});
