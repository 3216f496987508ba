import { InvalidArgumentError } from "../../errors/argument-errors.ts";
import type { Flow } from "../../flow/flow-definition.ts";
import type { Duration } from "../../time/duration.ts";
import { RequestRefused } from "../problems.ts";
import type { Call } from "../route.ts";

const ISO_DATE = /^\d{4}-\d\d-\d\d/;

/** Labels as a query says them: `name=value`, any number of times. `null` for none. */
export function parseLabelParameters(given: readonly string[]): Readonly<Record<string, string>> | null {
  if (given.length === 0) return null;
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new InvalidArgumentError("label", 'must be "name=value".');
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** A time, or a span from now on, as a body says it. @throws {InvalidArgumentError} naming `field` */
export function parseTimeOrSpan(text: string, field: string): Date | Duration {
  if (!ISO_DATE.test(text)) return text;
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    throw new InvalidArgumentError(field, 'must be a time in ISO 8601, or a span such as "2h".');
  return date;
}

/** Where the whole of a value is, from the root of the server. */
export function payloadHref(
  { root }: Call["server"],
  instanceId: string,
  kind: string,
  query: Readonly<Record<string, string>> = {},
): string {
  const search = new URLSearchParams(query).toString();
  return `${root}/instances/${encodeURIComponent(instanceId)}/payloads/${kind}${search === "" ? "" : `?${search}`}`;
}

/** The flow of an instance, if the server was given it. @throws {RequestRefused} it was not */
export async function flowOf({ server }: Call, instanceId: string): Promise<Flow> {
  const { summary } = await server.client.inspect(instanceId);
  const flow = server.flows.byHash(summary.definitionHash);
  if (flow !== null) return flow;
  const detail = `The definition of instance "${instanceId}", of flow "${summary.flow}", is not among the flows that this server was given.`;
  throw new RequestRefused("FLOW_UNKNOWN", detail);
}
