import { branch, type Flow, flow, limit, merged, state, type Task, task } from "../../src/index.ts";
import type { Gate } from "./gate.ts";

/** A limit that holds tasks back while tests look. */
export const modelApi: ReturnType<typeof limit> = limit("model-api", {
  concurrency: 3,
  rate: { count: 600, per: "1m" },
  perKey: { concurrency: 2 },
});

const board = state({ status: "new", notes: merged<readonly string[]>([], (all, more) => [...all, ...more]) });

export interface Order {
  readonly sku: string;
  readonly cents: number;
}

const reserve = task("reserve", ({ sku }: Order) => `reserved ${sku}`, {
  undo: task("release", () => undefined),
});

const charge: Task<"charge", Order, { cents: number; at: Date; reference: bigint }> = task(
  "charge",
  ({ cents }: Order, { attempt }) => {
    if (cents % 100 === 13 && attempt === 1) throw new Error("the bank does not answer");
    if (cents < 0) throw new Error("a card can't be charged with less than nothing");
    return { cents, at: new Date("2026-03-01T12:00:00Z"), reference: 9_007_199_254_740_993n };
  },
  { retry: { attempts: 3, initialDelay: "10ms" }, description: "Takes the money." },
);

export const shipment: Flow<string> = flow<string>("shipment")
  .then("pack", (what) => `parcel with ${what}`)
  .waitForEvent<string, "collected">("collected", "collected")
  .build();

/** A bit of everything: a fork, a route, a wait, a child. */
export const order: Flow<Order> = flow<Order>("order", { state: board })
  .then("check", (given, { state: shared }) => {
    shared.update(board, { status: "checked", notes: [`checked ${given.sku}`] });
    return given;
  })
  .fork([branch("stock", (b) => b.then(reserve)), branch("payment", (b) => b.then(charge))])
  .join("confirm", ({ stock, payment }) => ({ stock, ...payment }))
  .route("speed", ({ cents }) => (cents < 5_000 ? "letter" : "parcel"), ["letter", "parcel"])
  .branch("letter", (b) => b.then("stamp", () => "a stamp"))
  .branch("parcel", (b) => b.then("weigh", () => "2 kg"))
  .done()
  .waitForEvent<{ by: string }, "picked">("picked", "picked")
  .spawn("ship", shipment, { input: ({ by }) => `what ${by} has picked` })
  .delay("returns", "14d")
  .then("close", () => "closed")
  .build();

/** Fails at once, for good. */
export const broken: Flow<string> = flow<string>("broken")
  .then("read", (message): string => {
    throw new Error(message);
  })
  .build();

/** Ends at once with what it got. */
export const quick: Flow = flow("quick")
  .then("echo", (value) => value)
  .build();

/** Many things side by side, one of which may fail. */
export const album: Flow<readonly string[]> = flow<readonly string[]>("album")
  .map(
    "images",
    task("resize", (url: string) => {
      if (url.endsWith(".txt")) throw new Error(`${url} is no image`);
      return { url, bytes: new Uint8Array(200).fill(7) };
    }),
    { concurrency: 4, onFailure: "collect" },
  )
  .then("sum-up", (images) => images.length)
  .build();

/** Waits for one thing only. */
export const approval: Flow<string> = flow<string>("approval")
  .then("ask", (what) => `asked for ${what}`)
  .waitForEvent<{ by: string }, "answer">("answer", "answered", { timeout: "7d" })
  .then("record", ({ by }) => `approved by ${by}`)
  .build();

/** Runs until its gate is opened, and is held back by a limit. */
export function askFlow(gate: Gate): Flow<{ readonly tenant: string }> {
  return flow<{ readonly tenant: string }>("ask")
    .then(
      "ask",
      async ({ tenant }: { readonly tenant: string }, { progress }) => {
        void progress({ asked: tenant });
        await gate.passed;
        return "an answer";
      },
      { limit: modelApi, limitKey: ({ tenant }: { readonly tenant: string }) => tenant, retries: 2 },
    )
    .build();
}
