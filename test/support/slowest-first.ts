import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Test files that take long by themselves: what keeps a processor busy beside what mostly waits. */
const SLOWEST = [
  "runner/node-guarantees",
  "worker/listening",
  "worker/lost-leases",
  "property/crashes-at-each-call",
  "conformance/postgres.test",
  "worker/process-guard",
  "conformance/postgres-encrypted",
  "property/crashes.test",
  "chaos/storm",
  "chaos/exactly-once",
  "chaos/order-fulfilment",
  "integration/local-postgres",
  "scale",
];

/** Begins with what takes longest: it would otherwise run alone at the end, on one of the cores. */
export default class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = SLOWEST.findIndex((part) => moduleId.includes(part));
      return index === -1 ? SLOWEST.length : index;
    };
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}
