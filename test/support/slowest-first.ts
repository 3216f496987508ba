import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Test files that take long by themselves, the longest first. */
const SLOWEST = [
  "conformance/postgres-codecs",
  "runner/node-guarantees",
  "property/crashes-at-each-call",
  "worker/lost-leases",
  "worker/listening",
  "property/crashes",
  "chaos/",
  "conformance/postgres",
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
