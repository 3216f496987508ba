import type { InstanceFilter } from "../store/instance-store.ts";
import type { ListParams } from "./queries/find-instances.ts";

const DEFAULT_PAGE = 100;

/** A filter as statements take it. */
export function listParams(filter: InstanceFilter): ListParams {
  return {
    flow: filter.flow ?? null,
    statuses: filter.status ?? null,
    idPrefix: filter.idPrefix ?? null,
    tags: filter.tags ?? [],
    labels: JSON.stringify(filter.labels ?? {}),
    parent: filter.parent ?? null,
    after: filter.after ?? null,
    limit: filter.limit ?? DEFAULT_PAGE,
  };
}
