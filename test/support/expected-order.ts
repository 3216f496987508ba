import type { FlowDescription, StepDescription } from "./flow-description.ts";

/** Two task ids, the second of which depends on the first. */
export type Dependency = readonly [earlier: string, later: string];

interface Walk {
  readonly prefix: string;
  readonly outputs: ReadonlyMap<string, unknown>;
  readonly found: Dependency[];
}

/**
 * Which recorded outcomes must stand in the history before which others.
 *
 * @param outputs - what the interpreter says that the instance records: routes' keys, iterations of loops
 */
export function dependenciesOf(description: FlowDescription, outputs: ReadonlyMap<string, unknown>): Dependency[] {
  const found: Dependency[] = [];
  const restarts = description.restarts !== undefined;
  const last = walk(description.steps, restarts ? ["begin"] : [], { prefix: "", outputs, found });
  return restarts ? [...found, ...last.map((id): Dependency => [id, "more"])] : found;
}

/** @returns on whose outcomes the next step depends */
function walk(steps: readonly StepDescription[], before: readonly string[], at: Walk): readonly string[] {
  return steps.reduce((last, step) => walkStep(step, last, at), before);
}

function walkStep(step: StepDescription, before: readonly string[], at: Walk): readonly string[] {
  const id = at.prefix + step.id;
  const follow = (last: readonly string[], taskId: string): readonly string[] => {
    for (const earlier of last) at.found.push([earlier, taskId]);
    return [taskId];
  };
  switch (step.kind) {
    case "task":
    case "delay":
      return follow(before, id);
    case "until":
      return follow(follow(before, `${id}~until`), id);
    case "child":
      return follow(follow(before, `${id}~start`), id);
    case "hopeless":
      return walkHopeless(step.handling, follow(before, id), id, follow);
    case "wait": {
      const last = follow(before, id);
      return step.late !== null && at.outputs.get(id) === undefined ? walk(step.late, last, at) : last;
    }
    case "several": {
      let last = step.counted ? follow(before, `${id}~count`) : before;
      for (let index = 0; at.outputs.has(`${id}[${index}]`); index++) last = follow(last, `${id}[${index}]`);
      last = follow(last, id);
      const isLate = step.late !== null && (at.outputs.get(id) as readonly unknown[]).length === 0;
      return isLate ? walk(step.late ?? [], last, at) : last;
    }
    case "fork":
      return follow(
        step.branches.flatMap((it) => walk(it.steps, before, at)),
        id,
      );
    case "route": {
      const taken = step.branches.find((it) => it.name === at.outputs.get(id))?.steps ?? step.otherwise ?? [];
      return walk(taken, follow(before, id), at);
    }
    case "loop": {
      let last = before;
      for (let iteration = 0; at.outputs.has(`${id}[${iteration}]`); iteration++) {
        last = follow(last, `${id}[${iteration}]`);
      }
      return last;
    }
    case "rounds": {
      let last = before;
      for (let iteration = 0; hasWithin(at.outputs, `${id}[${iteration}]/`); iteration++) {
        last = follow(walk(step.flow.steps, last, { ...at, prefix: `${id}[${iteration}]/` }), `${id}[${iteration}]`);
      }
      return last;
    }
    case "map":
      return walkMap(step, follow(before, `${id}~list`), at);
    case "first": {
      const [winner] = step.branches;
      return follow(walk(winner?.steps ?? [], before, { ...at, prefix: `${id}/${winner?.name ?? ""}/` }), id);
    }
    case "settled":
      return follow(
        step.branches.flatMap(({ name, steps }) => walk(steps, before, { ...at, prefix: `${id}/${name}/` })),
        id,
      );
    case "subflow":
      return walk(step.flow.steps, before, { ...at, prefix: `${id}/` });
  }
}

type Follow = (last: readonly string[], taskId: string) => readonly string[];

function walkHopeless(handling: string, last: readonly string[], id: string, follow: Follow): readonly string[] {
  if (handling === "skip") return last;
  return follow(last, handling === "fallback" ? `${id}~fallback` : `${id}-target`);
}

function walkMap(
  step: Extract<StepDescription, { kind: "map" }>,
  before: readonly string[],
  at: Walk,
): readonly string[] {
  const id = at.prefix + step.id;
  const ends = Array.from({ length: step.count }, (_, index) => {
    const prefix = `${id}[${index}]/`;
    const last = walk(step.flow.steps, before, { ...at, prefix });
    for (const earlier of last) at.found.push([earlier, `${prefix}check`]);
    return `${prefix}check`;
  });
  for (const earlier of [...before, ...ends]) if (step.count > 0) at.found.push([earlier, id]);
  if (!step.bearsFailures) return [id];
  at.found.push([id, `${id}-all`]);
  return [`${id}-all`];
}

function hasWithin(outputs: ReadonlyMap<string, unknown>, prefix: string): boolean {
  for (const taskId of outputs.keys()) if (taskId.startsWith(prefix)) return true;
  return false;
}

/** Of tasks that are undone, what follows is undone before what it follows on, however far behind. */
export function undoneBefore(done: readonly string[], dependencies: readonly Dependency[]): Dependency[] {
  const next = new Map<string, string[]>();
  for (const [earlier, later] of dependencies) next.set(earlier, [...(next.get(earlier) ?? []), later]);
  const undone = new Set(done);
  return done.flatMap((earlier) => {
    const seen = new Set<string>();
    for (let rest = [earlier]; rest.length > 0; ) {
      const found = rest.flatMap((taskId) => next.get(taskId) ?? []).filter((taskId) => !seen.has(taskId));
      for (const taskId of found) seen.add(taskId);
      rest = found;
    }
    return [...seen]
      .filter((later) => undone.has(later))
      .map((later): Dependency => [`${later}~undo`, `${earlier}~undo`]);
  });
}
