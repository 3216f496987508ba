import { summaryView } from "../instance-views.ts";
import { get, type Parameter, pageOf, paging, type Route, typed } from "../route.ts";

const MOST = 200;
const USUAL = 50;
const FLOW: Parameter = { type: "string", description: "Only of this flow" };

export const failureRoutes: readonly Route[] = [
  get(
    "/failures",
    "Lists instances that have failed, those first that failed last",
    pageOf("FailedInstance"),
    { flow: FLOW, ...paging(MOST, USUAL) },
    async ({ server, query }) => {
      const [flow, before] = [query.text("flow"), query.text("after")];
      const { items, next } = await server.client.failures({
        ...(flow === undefined ? {} : { flow }),
        ...(before === undefined ? {} : { before }),
        limit: query.whole("limit", USUAL),
      });
      const shown = items.map((item) => ({
        ...summaryView(item),
        failure: server.view.failure(item.failure, item.instanceId),
      }));
      return { items: shown, next };
    },
  ),
  get(
    "/failures/groups",
    "Shows what failed lately, by flow, task and error",
    typed("FailureGroups"),
    { flow: FLOW },
    async ({ server, query }) => {
      const flow = query.text("flow");
      const { groups, lookedAt, isCapped } = await server.client.failureGroups(flow === undefined ? {} : { flow });
      const shown = groups.map(({ name, message, firstAt, lastAt, ...group }) => {
        const failure = { name, message, retryable: false };
        const seen = server.view.failure(failure, group.instanceIds[0] ?? "") ?? failure;
        const times = { firstAt: firstAt.toISOString(), lastAt: lastAt.toISOString() };
        return { ...group, name: seen.name, message: seen.message, ...times };
      });
      return { groups: shown, lookedAt, capped: isCapped };
    },
  ),
];
