import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Test files that take long by themselves: what keeps a processor busy beside what mostly waits, and what starts a fleet of processes beside none that does. */
const SLOWEST = [
  "conformance/postgres.test",
  "worker/lost-leases",
  "worker/listening",
  "property/crashes-at-each-call",
  "chaos/storm",
  "property/crashes.test",
  "chaos/order-fulfilment",
  "runner/node-guarantees",
  "chaos/exactly-once",
  "worker/process-guard",
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
