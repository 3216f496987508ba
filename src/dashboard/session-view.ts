import { actionsOf, type Caller } from "./access.ts";
import type { ActionName, Role, Session } from "./api-types.ts";
import type { ResolvedOptions } from "./dashboard-options.ts";

/** Who may do what. */
export const ACTION_ROLES: Readonly<Record<ActionName, Role>> = {
  submit: "operator",
  cancel: "operator",
  terminate: "operator",
  pause: "operator",
  unpause: "operator",
  retry: "operator",
  fork: "operator",
  sendEvent: "operator",
  completeTask: "operator",
  extendDeadline: "operator",
  update: "operator",
  delete: "admin",
  bulk: "admin",
  changeLimits: "admin",
  pauseFlow: "admin",
  runSchedules: "operator",
  changeSchedules: "admin",
  changeRetention: "admin",
  prune: "admin",
};

export function sessionView(options: ResolvedOptions, caller: Caller | null): Session {
  return {
    authenticated: caller !== null,
    tokenRequired: options.tokens.length > 0,
    role: caller?.role ?? null,
    actor: caller?.actor ?? null,
    readOnly: options.readOnly,
    actions: actionsOf(caller, options.readOnly, ACTION_ROLES),
  };
}
