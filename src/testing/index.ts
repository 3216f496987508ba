export * from "./builders.ts";
export { type BackendDescription, describeBackend } from "./conformance/describe-backend.ts";
export type { ConformanceSkip } from "./conformance/skip-list.ts";
export type { ConformanceSubject, OpenedTransaction, SubjectClock } from "./conformance/suite.ts";
export { TestClock } from "./test-clock.ts";
