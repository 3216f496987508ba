import type { WorkerInfo } from "../../client/overview.ts";
import type { Worker } from "../api-types.ts";
import { timeOf } from "../instance-views.ts";
import { get, pageOf, paging, type Route } from "../route.ts";

const MOST = 200;
const USUAL = 50;

export const workerRoutes: readonly Route[] = [
  get("/workers", "Lists the workers", pageOf("Worker"), paging(MOST, USUAL), async ({ server, query }) => {
    const after = query.text("after");
    const limit = query.whole("limit", USUAL);
    const { workers, next } = await server.client.workers({ ...(after === undefined ? {} : { after }), limit });
    return { items: workers.map(workerView), next };
  }),
];

function workerView({
  workerId,
  tags,
  registeredAt,
  seenAt,
  isAlive,
  lanes,
  running,
  nextLeaseEnd,
}: WorkerInfo): Worker {
  return {
    ...{
      workerId,
      tags,
      running,
      alive: isAlive,
      registeredAt: registeredAt.toISOString(),
      seenAt: seenAt.toISOString(),
    },
    nextLeaseEnd: timeOf(nextLeaseEnd),
    lanes: lanes.map((lane) => {
      const { flow, definitionHash, codec, gate } = lane;
      return { flow, definitionHash, codec, tags: lane.tags, limit: gate?.limit ?? null };
    }),
  };
}
