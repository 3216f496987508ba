import type { FlowDescription, StepDescription } from "./random-flow.ts";

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
  walk(description.steps, [], { prefix: "", outputs, found });
  return found;
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
    case "wait":
      return follow(before, id);
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
    case "subflow":
      return walk(step.flow.steps, before, { ...at, prefix: `${id}/` });
  }
}
