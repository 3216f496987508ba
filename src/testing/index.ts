export { FAULT_KINDS, type FaultKind } from "./simulation/faults.ts";
export { type SeedsOptions, type SeedsReport, simulateSeeds } from "./simulation/simulate-seeds.ts";
export {
  type SettledWorld,
  type SimulatedWorld,
  type SimulationOptions,
  type SimulationReport,
  simulate,
} from "./simulation/simulation.ts";
export { SimulationFailedError } from "./simulation/simulation-failed-error.ts";
export { TestClock } from "./test-clock.ts";
