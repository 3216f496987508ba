import * as api from "@opentelemetry/api";
import { flow, task } from "../../src/index.ts";

export const tracedParcel = flow<string>("traced-parcel")
  .then(task("wrap", (text: string) => `wrapped ${text}`, { tags: ["b"] }))
  .build();

/** Runs in two processes, by tags; sleeps, waits, fails once, starts a child, and traces something of its own. */
export const tracedOrder = flow<string>("traced-order")
  .then(
    task(
      "charge",
      (text: string, { attempt }) => {
        if (attempt === 1) throw new RangeError("canary: no answer");
        api.trace.getTracer("own").startSpan("ask the bank").end();
        return text;
      },
      { tags: ["a"], retry: { attempts: 2, initialDelay: 1 } },
    ),
  )
  .delay("rest", 30)
  .waitForEvent("news", "news")
  .then(task("ship", () => "shipped", { tags: ["b"] }))
  .spawn("parcel", tracedParcel)
  .build();
