import type { IconName } from "../parts/icon.tsx";

/** A page that the navigation leads to. */
export interface Section {
  readonly path: string;
  readonly title: string;
  readonly icon: IconName;
  /** Pressed after `g`. */
  readonly key: string;
}

export const SECTIONS: readonly Section[] = [
  { path: "instances", title: "Instances", icon: "instances", key: "i" },
  { path: "failures", title: "Failures", icon: "failures", key: "e" },
  { path: "flows", title: "Flows", icon: "flows", key: "f" },
  { path: "schedules", title: "Schedules", icon: "schedules", key: "s" },
  { path: "workers", title: "Workers", icon: "workers", key: "w" },
  { path: "limits", title: "Limits", icon: "limits", key: "l" },
];
