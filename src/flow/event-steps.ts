import type { Duration } from "../time/duration.ts";
import type {
  AnyEvent,
  AnyEventInTime,
  AnyEventOptions,
  BranchingCollectOptions,
  BranchingWaitOptions,
  CollectOptions,
  ContinuingCollectOptions,
  ContinuingWaitOptions,
  EventNames,
  PayloadsOf,
  TimedAnyEventOptions,
  WaitOptions,
} from "./builder-options.ts";
import type { Recorded } from "./chain.ts";
import type { EventResult, EventsResult } from "./definition.ts";
import type { FlowBuilder } from "./flow-builder.ts";
import type { StandardSchema } from "./schema.ts";

/** What a flow waits for from outside: the methods of `FlowBuilder` for events. */
export interface EventSteps<Input, Current, Outputs extends object> {
  /**
   * Waits for an event from outside, without holding a worker; its payload is handed on. An event
   * that was sent before the flow came here is not lost.
   *
   * @typeParam Payload - type of the payload; follows from the schema where there is one. To have
   *   `context.output(id)` typed without a schema, give the id too: `waitForEvent<Payload, "approval">(…)`. Where it is given,
   *   a branch for the time limit hands on a `Payload`, too; if something else, name both: `waitForEvent<Answer | Reminder>(…)`
   * @param id - of this wait
   * @param name - of the event
   */
  waitForEvent<Payload = unknown, const Id extends string = string>(
    id: Id,
    name: string,
    options: ContinuingWaitOptions<Payload>,
  ): FlowBuilder<Input, EventResult<Payload>, Outputs & Recorded<Id, EventResult<Payload>>>;
  waitForEvent<Payload = unknown, const Id extends string = string, Late = Payload>(
    id: Id,
    name: string,
    options: BranchingWaitOptions<Payload, Current, Outputs, Late, Input>,
  ): FlowBuilder<Input, Payload | Late, Outputs & Recorded<Id, Payload | undefined>>;
  waitForEvent<Payload = unknown, const Id extends string = string>(
    id: Id,
    name: string,
    options?: WaitOptions<Payload>,
  ): FlowBuilder<Input, Payload, Outputs & Recorded<Id, Payload>>;
  // Once more, because the compiler's message is about the last one: what comes of the time limit is where mistakes are made.
  waitForEvent<Payload = unknown, const Id extends string = string, Late = Payload>(
    id: Id,
    name: string,
    options: BranchingWaitOptions<Payload, Current, Outputs, Late, Input>,
  ): FlowBuilder<Input, Payload | Late, Outputs & Recorded<Id, Payload | undefined>>;

  /**
   * Waits for several events of one name, without holding a worker; hands on the list of their payloads, in the order in which
   * they were sent. The first is recorded under `id[0]`, and so on.
   *
   * @typeParam Payload - as for `waitForEvent`
   * @param id - of this wait
   * @param name - of the events
   *
   * @example
   * ```ts
   * import { flow } from "waymark";
   *
   * export const election = flow<{ voters: readonly string[] }>("election")
   *   .waitForEvents<{ yes: boolean }>("votes", "voted", {
   *     count: ({ voters }) => voters.length,
   *     timeout: "7d",
   *     onTimeout: "continue",
   *   })
   *   .then("count", ({ payloads, timedOut }) => ({ yes: payloads.filter(({ yes }) => yes).length, complete: !timedOut }))
   *   .build();
   * ```
   */
  waitForEvents<Payload = unknown, const Id extends string = string>(
    id: Id,
    name: string,
    options: ContinuingCollectOptions<Payload, Current, Outputs>,
  ): FlowBuilder<Input, EventsResult<Payload>, Outputs & Recorded<Id, EventsResult<Payload>>>;
  waitForEvents<Payload = unknown, const Id extends string = string, Late = readonly Payload[]>(
    id: Id,
    name: string,
    options: BranchingCollectOptions<Payload, Current, Outputs, Late, Input>,
  ): FlowBuilder<Input, readonly Payload[] | Late, Outputs & Recorded<Id, readonly Payload[]>>;
  waitForEvents<Payload = unknown, const Id extends string = string>(
    id: Id,
    name: string,
    options: CollectOptions<Payload, Current, Outputs>,
  ): FlowBuilder<Input, readonly Payload[], Outputs & Recorded<Id, readonly Payload[]>>;

  /**
   * Waits for the first of several events, each with a name of its own; hands on which it was, and its payload. With a time
   * limit, what is handed on says whether that has passed. A race of waits: what is sent for the others later stays in the buffer.
   *
   * @typeParam Payloads - types of the payloads by key; they follow from `schemas` where there are some. To have
   *   `context.output(id)` typed as well, give the id too: `waitForAny<{ … }, "decision">(…)`
   * @param id - of this wait. That for the key `approved` has the task id `id/approved/event`
   * @param events - names of events: by key, or in a list, where each is its own key
   *
   * @example
   * ```ts
   * import { flow } from "waymark";
   *
   * export const order = flow<string>("order")
   *   .waitForAny<{ approved: { by: string }; rejected: { why: string } }>(
   *     "decision",
   *     { approved: "order.approved", rejected: "order.rejected" },
   *     { timeout: "2d" },
   *   )
   *   .then("act", (first) => {
   *     if (first.timedOut) return "nobody decided";
   *     return first.event === "approved" ? `thanks to ${first.payload.by}` : first.payload.why;
   *   })
   *   .build();
   * ```
   */
  waitForAny<
    const Id extends string,
    const Key extends string,
    const Schemas extends { readonly [K in Key]?: StandardSchema } = object,
  >(
    id: Id,
    events: Readonly<Record<Key, string>> | readonly Key[],
    options: { readonly timeout: Duration; readonly schemas?: Schemas },
  ): FlowBuilder<
    Input,
    AnyEventInTime<PayloadsOf<Key, Schemas>>,
    Outputs & Recorded<Id, AnyEventInTime<PayloadsOf<Key, Schemas>>>
  >;
  waitForAny<
    const Id extends string,
    const Key extends string,
    const Schemas extends { readonly [K in Key]?: StandardSchema } = object,
  >(
    id: Id,
    events: Readonly<Record<Key, string>> | readonly Key[],
    options?: { readonly timeout?: undefined; readonly schemas?: Schemas },
  ): FlowBuilder<Input, AnyEvent<PayloadsOf<Key, Schemas>>, Outputs & Recorded<Id, AnyEvent<PayloadsOf<Key, Schemas>>>>;
  waitForAny<Payloads extends object, const Id extends string = string>(
    id: Id,
    events: EventNames<Payloads>,
    options: TimedAnyEventOptions<Payloads>,
  ): FlowBuilder<Input, AnyEventInTime<Payloads>, Outputs & Recorded<Id, AnyEventInTime<Payloads>>>;
  waitForAny<Payloads extends object, const Id extends string = string>(
    id: Id,
    events: EventNames<Payloads>,
    options?: AnyEventOptions<Payloads>,
  ): FlowBuilder<Input, AnyEvent<Payloads>, Outputs & Recorded<Id, AnyEvent<Payloads>>>;
}
