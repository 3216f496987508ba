import { WaymarkError } from "../../errors/waymark-error.ts";
import type { StateQuery, StateUpdate } from "../../flow/state-handlers.ts";
import type { HandlerRequest, ReplyResult } from "../api-types.ts";
import { RequestRefused } from "../problems.ts";
import { type Call, type Route, typed } from "../route.ts";

const ANSWER: Route["answer"] = { status: 200, schema: typed("ReplyResult") };
const LONGEST_MESSAGE = 1_000;

export const handlerRoutes: readonly Route[] = [
  {
    ...{ method: "POST", path: "/instances/{instanceId}/queries/{name}", role: "viewer", action: null, query: {} },
    ...{ summary: "Asks a question about the state of an instance", body: "HandlerRequest", answer: ANSWER },
    handle: async (call) => {
      const query = await handlerOf(call, call.server.options.queries);
      return await answered(call, (id, input) =>
        call.server.client.query(id, query, ...([input] as unknown as [never])),
      );
    },
  },
  {
    ...{
      method: "POST",
      path: "/instances/{instanceId}/updates/{name}",
      role: "operator",
      action: "update",
      query: {},
    },
    ...{
      summary: "Changes the state of an instance by a request that is answered",
      body: "HandlerRequest",
      answer: ANSWER,
    },
    detail: ({ params }) => `update: ${params["name"] ?? ""}`,
    handle: async (call) => {
      const update = await handlerOf(call, call.server.options.updates);
      const { updateId } = call.body as HandlerRequest;
      const options = updateId === undefined ? {} : { updateId };
      return await answered(call, (id, input) =>
        call.server.client.update(id, update, ...([input, options] as unknown as [never])),
      );
    },
  },
];

/** The handler of this name for the state of the instance's flow. @throws {RequestRefused} there is none */
async function handlerOf<Handler extends StateQuery<never> | StateUpdate<never>>(
  { server, params }: Call,
  handlers: readonly Handler[],
): Promise<Handler> {
  const { summary } = await server.client.inspect(params["instanceId"] ?? "");
  const found = handlers.find(({ name, state }) => name === params["name"] && state.belongsTo(summary.flow));
  if (found !== undefined) return found;
  throw new RequestRefused("NOT_FOUND", `The server was given nothing of this name for flow "${summary.flow}".`);
}

async function answered(
  { server, params, body }: Call,
  ask: (instanceId: string, input: unknown) => Promise<unknown>,
): Promise<ReplyResult> {
  const instanceId = params["instanceId"] ?? "";
  const input = server.view.parse((body as HandlerRequest).input, "input");
  try {
    return { reply: server.view.showAll(await ask(instanceId, input), { instanceId, kind: "reply" }) };
  } catch (error) {
    if (WaymarkError.is(error)) throw error;
    // What a handler throws is meant for who asks.
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new RequestRefused("HANDLER_FAILED", message.slice(0, LONGEST_MESSAGE));
  }
}
