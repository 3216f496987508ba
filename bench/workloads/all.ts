import type { Workload } from "../workload.ts";
import { beside } from "./beside.ts";
import { event } from "./event.ts";
import { fanOut } from "./fan-out.ts";
import { idle } from "./idle.ts";
import { jobs } from "./jobs.ts";
import { latency } from "./latency.ts";
import { maps } from "./maps.ts";
import { memory } from "./memory.ts";
import { pinned } from "./pinned.ts";
import { scaling } from "./scaling.ts";
import { submit } from "./submit.ts";
import { throughput } from "./throughput.ts";
import { transactional } from "./transactional.ts";

/** In the order in which they run and are reported. */
export const WORKLOADS: readonly Workload[] = [
  throughput,
  jobs,
  latency,
  fanOut,
  maps,
  transactional,
  event,
  submit,
  beside,
  scaling,
  pinned,
  idle,
  memory,
];
