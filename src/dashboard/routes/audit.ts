import type { AuditEntry } from "../api-types.ts";
import { get, pageOf, paging, type Route } from "../route.ts";

const MOST = 200;
const USUAL = 50;

export const auditRoutes: readonly Route[] = [
  {
    ...get(
      "/audit",
      "Lists what was done through the API within ninety days, the last first",
      pageOf("AuditEntry"),
      {
        target: { type: "string", description: "Only what was done to this instance or limit" },
        ...paging(MOST, USUAL, "sequence"),
      },
      async ({ server, query }) => {
        const [target, before] = [query.text("target"), query.sequence("after")];
        const limit = query.whole("limit", USUAL);
        const actions = await server.client.actions({
          ...(target === undefined ? {} : { target }),
          ...(before === undefined ? {} : { before }),
          limit,
        });
        const items = actions.map(
          ({ sequence, at, ...action }): AuditEntry => ({
            ...action,
            sequence: String(sequence),
            at: new Date(at).toISOString(),
          }),
        );
        return { items, next: items.length === limit ? (items.at(-1)?.sequence ?? null) : null };
      },
    ),
    role: "admin",
  },
];
