export * from "../builders.ts";
export { type BackendDescription, describeBackend } from "./describe-backend.ts";
export type { ConformanceSkip } from "./skip-list.ts";
export type { ConformanceSubject, OpenedTransaction, SubjectClock } from "./suite.ts";
