import type { InstanceOutline } from "../snapshot/snapshot.ts";
import type { InstanceFilter } from "../store/instance-store.ts";

/** Whether an instance is one of those that are meant. */
export function fits(record: InstanceOutline, filter: InstanceFilter): boolean {
  return (
    (filter.flow === undefined || record.flow === filter.flow) &&
    (filter.status === undefined || filter.status.includes(record.status)) &&
    (filter.idPrefix === undefined || record.instanceId.startsWith(filter.idPrefix)) &&
    (filter.parent === undefined || record.parent?.instanceId === filter.parent) &&
    (filter.tags ?? []).every((tag) => record.tags.includes(tag)) &&
    Object.entries(filter.labels ?? {}).every(
      ([label, value]) => Object.hasOwn(record.labels, label) && record.labels[label] === value,
    )
  );
}
