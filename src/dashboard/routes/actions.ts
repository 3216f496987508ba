import type { InstanceForkOptions } from "../../client/forks.ts";
import type { Flow } from "../../flow/flow-definition.ts";
import type {
  ActionName,
  ActionResult,
  CancelRequest,
  CompleteTaskRequest,
  DeadlineRequest,
  EventRequest,
  ForkRequest,
  ReasonRequest,
  RetryRequest,
  SubmitRequest,
} from "../api-types.ts";
import { RequestRefused } from "../problems.ts";
import { Reply } from "../responses.ts";
import { type Call, parseSequence, type Route, typed } from "../route.ts";
import { flowOf, parseTimeOrSpan } from "./instance-parameters.ts";

type Acting = Pick<Route, "summary" | "body" | "handle"> & Partial<Pick<Route, "answer" | "detail">>;

const DONE: Route["answer"] = { status: 200, schema: typed("ActionResult") };
const CREATED: Route["answer"] = { status: 201, schema: typed("InstanceCreated") };

/** A route that changes an instance. */
function act(path: string, action: ActionName, rest: Acting): Route {
  return {
    ...{ method: "POST", path: `/instances/{instanceId}/${path}`, role: "operator", action, query: {}, answer: DONE },
    detail: reasonOf,
    ...rest,
  };
}

export const actionRoutes: readonly Route[] = [
  {
    ...{ method: "POST", path: "/instances", role: "operator", action: "submit", query: {}, body: "SubmitRequest" },
    ...{ summary: "Starts an instance", answer: CREATED },
    target: ({ body }) => (body as SubmitRequest).instanceId ?? null,
    detail: ({ body }) => `flow: ${(body as SubmitRequest).flow}`,
    handle: submit,
  },
  act("cancel", "cancel", {
    ...{ summary: "Cancels an instance, at once or when whoever runs it comes to a stop", body: "CancelRequest" },
    handle: async (call) => ({
      outcome: await call.server.client.cancel(idOf(call), asked(call.body as CancelRequest, call)),
    }),
  }),
  act("terminate", "terminate", {
    ...{ summary: "Cancels an instance at once, whoever runs it", body: "ReasonRequest" },
    handle: async (call) => ({
      outcome: await call.server.client.terminate(idOf(call), asked(call.body as ReasonRequest, call)),
    }),
  }),
  act("pause", "pause", {
    ...{ summary: "Pauses an instance", body: "ReasonRequest" },
    handle: async (call) => ({
      outcome: await call.server.client.pause(idOf(call), asked(call.body as ReasonRequest, call)),
    }),
  }),
  act("unpause", "unpause", {
    ...{ summary: "Lets a paused instance go on", body: "ReasonRequest" },
    handle: async (call) => await applied(call.server.client.unpause(idOf(call))),
  }),
  act("retry", "retry", {
    ...{ summary: "Takes back an instance that has failed", body: "RetryRequest" },
    handle: async (call) => await applied(retry(call)),
  }),
  act("deadline", "extendDeadline", {
    ...{ summary: "Gives an instance another deadline, or none", body: "DeadlineRequest" },
    handle: async (call) => await applied(extendDeadline(call)),
  }),
  act("fork", "fork", {
    ...{ summary: "Starts a new instance where this one has been", body: "ForkRequest", answer: CREATED },
    detail: ({ body }) => `as: ${(body as ForkRequest).newId}`,
    handle: fork,
  }),
  act("events", "sendEvent", {
    ...{
      summary: "Sends an event to an instance",
      body: "EventRequest",
      answer: { status: 200, schema: typed("EventResult") },
    },
    detail: ({ body }) => `event: ${(body as EventRequest).name}`,
    handle: sendEvent,
  }),
  act("complete-task", "completeTask", {
    ...{ summary: "Records the outcome of a task in place of what its body would return", body: "CompleteTaskRequest" },
    detail: ({ body }) => `task: ${(body as CompleteTaskRequest).taskId}`,
    handle: async (call) => await applied(completeTask(call)),
  }),
  {
    ...{ method: "DELETE", path: "/instances/{instanceId}", role: "admin", action: "delete", query: {}, body: null },
    ...{ summary: "Removes an instance and everything that belongs to it", answer: { status: 204, schema: null } },
    handle: async (call) => {
      await call.server.client.delete(idOf(call));
      return Reply.empty();
    },
  },
];

/** What is said of why. */
export function reasonOf({ body }: Call): string | null {
  const reason = typeof body === "object" && body !== null && "reason" in body ? body.reason : null;
  return typeof reason === "string" && reason !== "" ? `reason: ${reason}` : null;
}

function idOf({ params }: Call): string {
  return params["instanceId"] ?? "";
}

/** What is asked for, and by whom. */
function asked<Body extends object>(body: Body, { caller }: Call): Body & { readonly requestedBy: string } {
  return { ...body, requestedBy: caller?.actor ?? "" };
}

async function applied(done: Promise<unknown>): Promise<ActionResult> {
  await done;
  return { outcome: "applied" };
}

async function retry(call: Call): Promise<void> {
  const { deadline, ...request } = asked(call.body as RetryRequest, call);
  const until = deadline === undefined ? {} : { deadline: parseTimeOrSpan(deadline, "deadline") };
  await call.server.client.retry(idOf(call), { ...request, ...until });
}

async function extendDeadline(call: Call): Promise<void> {
  const { deadline } = call.body as DeadlineRequest;
  const until = deadline === null ? null : parseTimeOrSpan(deadline, "deadline");
  await call.server.client.extendDeadline(idOf(call), until);
}

async function sendEvent(call: Call): Promise<unknown> {
  const { name, payload, dedupKey } = call.body as EventRequest;
  const { client, view } = call.server;
  const options = dedupKey === undefined ? {} : { dedupKey };
  return { outcome: await client.sendEvent(idOf(call), name, view.parse(payload, "payload"), options) };
}

async function completeTask(call: Call): Promise<void> {
  const { taskId, output } = call.body as CompleteTaskRequest;
  await call.server.client.completeTask(idOf(call), taskId, call.server.view.parse(output, "output"));
}

async function fork(call: Call): Promise<Reply> {
  const { newId, at, input, outputs, deadline, ...rest } = call.body as ForkRequest;
  const { client, view } = call.server;
  const flow = await flowOf(call, idOf(call));
  const options: InstanceForkOptions = {
    ...rest,
    at: typeof at === "string" ? parseSequence(at, "at") : at.task,
    ...(input === undefined ? {} : { input: view.parse(input, "input") }),
    ...(outputs === undefined ? {} : { outputs: parsedOutputs(call, outputs) }),
    ...(deadline === undefined ? {} : { deadline: parseTimeOrSpan(deadline, "deadline") }),
  };
  const { instanceId } = await client.fork(flow, idOf(call), newId, options);
  return Reply.json(201, { instanceId });
}

function parsedOutputs(
  { server }: Call,
  outputs: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(outputs).map(([taskId, value]) => [taskId, server.view.parse(value, `outputs.${taskId}`)]),
  );
}

async function submit(call: Call): Promise<Reply> {
  const { flow: name, definitionHash, instanceId, input, onConflict, deadline, ...rest } = call.body as SubmitRequest;
  const { client, view, options: given } = call.server;
  const flow = requireFlow(call, name, definitionHash);
  const options = {
    ...rest,
    ...(deadline === undefined ? {} : { deadline: parseTimeOrSpan(deadline, "deadline") }),
    ...(onConflict === undefined ? {} : { onConflict }),
  };
  const id = instanceId ?? `${name}-${given.ports.random.uuid()}`;
  const handle = await client.submit(flow, id, view.parse(input, "input"), options);
  return Reply.json(201, { instanceId: handle.instanceId });
}

function requireFlow({ server }: Call, name: string, definitionHash: string | undefined): Flow {
  const flow = definitionHash === undefined ? server.flows.byName(name) : server.flows.byHash(definitionHash);
  if (flow?.name === name) return flow;
  const which = definitionHash === undefined ? "" : ", in that definition,";
  throw new RequestRefused(
    "FLOW_UNKNOWN",
    `Flow "${name}"${which} is not among the flows that this server was given.`,
    {
      field: "flow",
    },
  );
}
