import { withChildFlows } from "../flow/child-flows.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { Backend } from "../store/backend.ts";

const declaredIn = new WeakMap<object, WeakSet<Flow>>();

/** Stores what the limits of a flow, and of those that it starts, allow: once for each backend, before anything of it waits for them. */
export async function declareLimits(backend: Pick<Backend, "declareLimits">, flow: Flow): Promise<void> {
  const declared = declaredIn.get(backend) ?? new WeakSet();
  declaredIn.set(backend, declared);
  if (declared.has(flow)) return;
  const limits = new Set(withChildFlows([flow]).flatMap((one) => one.limits()));
  if (limits.size > 0) await backend.declareLimits([...limits]);
  declared.add(flow);
}
