import type { ShownValue } from "../../client/inspection.ts";
import { InvalidArgumentError } from "../../errors/argument-errors.ts";
import type { ShownContext } from "../payload-view.ts";
import { RequestRefused } from "../problems.ts";
import { Reply } from "../responses.ts";
import { type Call, get, type Route } from "../route.ts";
import { flowOf } from "./instance-parameters.ts";

/** A value that is to be downloaded. */
interface Found {
  readonly value: unknown;
  readonly kind: ShownContext["kind"];
}

export const payloadRoutes: readonly Route[] = [
  {
    ...get(
      "/instances/{instanceId}/payloads/{kind}",
      "Downloads a whole value: input, output, entry, event, progress, state or past",
      {},
      {
        sequence: { type: "sequence", description: "Of the entry or event" },
        name: { type: "string", description: "The event's name" },
        at: { type: "sequence", description: "Of state and past: after which entry" },
        task: { type: "string", description: "Of past and progress: whose" },
      },
      download,
    ),
  },
];

async function download(call: Call): Promise<Reply> {
  const instanceId = call.params["instanceId"] ?? "";
  const { value, kind } = await find(call, instanceId);
  return Reply.download(call.server.view.whole(value, { instanceId, kind }), `${instanceId}-${kind}`);
}

async function find(call: Call, instanceId: string): Promise<Found> {
  const { client } = call.server;
  const kind = call.params["kind"] ?? "";
  switch (kind) {
    case "input":
    case "output": {
      const value = (await client.inspect(instanceId))[kind];
      return value === null ? missing("The instance has no output.") : { kind, value: readable(value) };
    }
    case "entry":
      return await findEntry(call, instanceId);
    case "event": {
      const sequence = required(call, "sequence");
      const [event] = await client.bufferedEvents(instanceId, { after: sequence - 1n, limit: 1 });
      const name = call.query.text("name");
      if (event?.sequence !== sequence || (name !== undefined && event.name !== name))
        return missing("There is no such event any more.");
      return { kind, value: event.problem === null ? event.payload : unreadable(event.problem) };
    }
    case "progress": {
      const report = await client.status(instanceId);
      const task = call.query.text("task");
      const found = "tasks" in report ? report.tasks.find(({ taskId }) => taskId === task) : undefined;
      return found?.progress === undefined
        ? missing("The task says nothing any more.")
        : { kind, value: found.progress.value };
    }
    case "state":
    case "past":
      return await findPast(call, instanceId, kind);
    default:
      return missing("There are input, output, entry, event, progress, state and past.");
  }
}

async function findEntry({ server, query }: Call, instanceId: string): Promise<Found> {
  const sequence = required({ query }, "sequence");
  const [entry] = await server.client.history(instanceId, { after: sequence - 1n, limit: 1 });
  if (entry?.sequence !== sequence) return missing("There is no such entry.");
  if (entry.problem !== null) return unreadable(entry.problem);
  const kind = entry.kind === "state" ? "state" : entry.kind === "wait" ? "event" : "output";
  return { kind, value: entry.output };
}

async function findPast(call: Call, instanceId: string, kind: "state" | "past"): Promise<Found> {
  const flow = await flowOf(call, instanceId);
  const past = await call.server.client.stateAt(flow, instanceId, required(call, "at"));
  if (kind === "state") return past.state === null ? missing("It has no state.") : { kind, value: past.state };
  const task = call.query.text("task") ?? "";
  return past.outputs.has(task)
    ? { kind: "output", value: past.outputs.get(task) }
    : missing("There is no such output.");
}

function required({ query }: Pick<Call, "query">, name: string): bigint {
  const sequence = query.sequence(name);
  if (sequence === undefined) throw new InvalidArgumentError(name, "is missing.");
  return sequence;
}

function readable(value: ShownValue): unknown {
  return value.problem === null ? value.value : unreadable(value.problem);
}

function unreadable(problem: string): never {
  throw new InvalidArgumentError("payload", `can't be shown. ${problem}`);
}

function missing(detail: string): never {
  throw new RequestRefused("NOT_FOUND", detail);
}
