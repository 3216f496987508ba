import * as fc from "fast-check";
import { LAST_ITERATION, type NamedSteps, type RandomFlowOptions, type StepDescription } from "./flow-description.ts";

/** Descriptions before their steps have names. */
type Shape =
  | { readonly kind: "task"; readonly failures: number }
  | { readonly kind: "fork"; readonly branches: readonly (readonly Shape[])[] }
  | {
      readonly kind: "route";
      readonly branches: readonly (readonly Shape[])[];
      readonly otherwise: readonly Shape[] | null;
    }
  | { readonly kind: "loop"; readonly maxIterations: number; readonly onMax: "fail" | "exitWithLast" }
  | { readonly kind: "rounds"; readonly maxIterations: number; readonly steps: readonly Shape[] }
  | {
      readonly kind: "map";
      readonly count: number;
      readonly concurrency: number | null;
      readonly bearsFailures: boolean;
      readonly steps: readonly Shape[];
    }
  | {
      readonly kind: "first";
      readonly mode: "any" | "race";
      readonly winner: readonly Shape[];
      readonly losers: number;
    }
  | { readonly kind: "settled"; readonly branches: readonly (readonly Shape[])[] }
  | { readonly kind: "hopeless"; readonly failures: number; readonly handling: "skip" | "goto" | "fallback" }
  | { readonly kind: "delay"; readonly durationMs: number }
  | { readonly kind: "until" }
  | { readonly kind: "wait"; readonly timeoutMs: number | null; readonly late: readonly Shape[] | null }
  | {
      readonly kind: "several";
      readonly count: number;
      readonly counted: boolean;
      readonly timeoutMs: number | null;
      readonly late: readonly Shape[] | null;
    }
  | { readonly kind: "child"; readonly fails: boolean; readonly onClose: "cancel" | "wait" }
  | { readonly kind: "subflow"; readonly steps: readonly Shape[] };

export function shapes(options: RandomFlowOptions): fc.Arbitrary<readonly Shape[]> {
  const { maxDepth = 4 } = options;
  const simple = simpleShape(options);
  let inside = simple;
  for (let depth = maxDepth; depth > 0; depth--) {
    const some = fc.array(inside, { minLength: 1, maxLength: 3 });
    const any = fc.array(inside, { maxLength: 2 });
    const fork = fc.array(some, { minLength: 1, maxLength: 3 }).map((branches): Shape => ({ kind: "fork", branches }));
    const route = fc
      .tuple(fc.array(any, { minLength: 1, maxLength: 3 }), fc.option(any))
      .map(([branches, otherwise]): Shape => ({ kind: "route", branches, otherwise }));
    const subflow = some.map((steps): Shape => ({ kind: "subflow", steps }));
    const more = [...scopedShapes(some), ...lateShapes(options, some)];
    inside = fc.oneof(
      { arbitrary: simple, weight: 5 },
      { arbitrary: fork, weight: 1 },
      { arbitrary: route, weight: 1 },
      { arbitrary: subflow, weight: 1 },
      { arbitrary: fc.oneof(...more), weight: 2 },
    );
  }
  return fc.array(inside, { minLength: 1, maxLength: 6 });
}

/** Shapes whose inside is a scope that can be repeated or abandoned. */
function scopedShapes(some: fc.Arbitrary<readonly Shape[]>): fc.Arbitrary<Shape>[] {
  const branches = fc.array(some, { minLength: 1, maxLength: 3 });
  const rounds = fc
    .record({ maxIterations: fc.integer({ min: 1, max: 3 }), steps: some })
    .map((parts): Shape => ({ kind: "rounds", ...parts }));
  const map = fc
    .record({
      count: fc.integer({ min: 0, max: 4 }),
      concurrency: fc.option(fc.integer({ min: 1, max: 3 })),
      bearsFailures: fc.boolean(),
      steps: some,
    })
    .map((parts): Shape => ({ kind: "map", ...parts }));
  const first = fc
    .record({ mode: fc.constantFrom("any" as const, "race" as const), winner: some, losers: fc.nat(2) })
    .map((parts): Shape => ({ kind: "first", ...parts }));
  const settled = branches.map((all): Shape => ({ kind: "settled", branches: all }));
  return [rounds, map, first, settled];
}

const counts = fc.record({ count: fc.integer({ min: 1, max: 3 }), counted: fc.boolean() });

/** Waits whose time limit leads into a branch. */
function lateShapes(
  { waits = true, timeoutsMs = [] }: RandomFlowOptions,
  some: fc.Arbitrary<readonly Shape[]>,
): fc.Arbitrary<Shape>[] {
  const limits = timeoutsMs.filter((limit) => limit !== null);
  if (!waits || limits.length === 0) return [];
  return [
    fc.tuple(fc.constantFrom(...limits), some).map(([timeoutMs, late]): Shape => ({ kind: "wait", timeoutMs, late })),
    fc
      .tuple(fc.constantFrom(...limits), some, counts)
      .map(([timeoutMs, late, parts]): Shape => ({ kind: "several", timeoutMs, late, ...parts })),
  ];
}

function simpleShape(options: RandomFlowOptions): fc.Arbitrary<Shape> {
  const { maxFailures = 0, delaysMs = [0, 1, 50], waits = true, timeoutsMs = [null] } = options;
  const task = fc.integer({ min: 0, max: maxFailures }).map((failures): Shape => ({ kind: "task", failures }));
  const loop = fc
    .tuple(fc.integer({ min: 1, max: LAST_ITERATION + 3 }), fc.boolean())
    // One that may fail is allowed enough iterations to end by itself.
    .map(([maxIterations, mayFail]): Shape => {
      const onMax = mayFail && maxIterations > LAST_ITERATION ? "fail" : "exitWithLast";
      return { kind: "loop", maxIterations, onMax };
    });
  const delay = fc.nat().map((n): Shape => ({ kind: "delay", durationMs: delaysMs[n % delaysMs.length] ?? 0 }));
  const wait = fc
    .nat()
    .map((n): Shape => ({ kind: "wait", timeoutMs: timeoutsMs[n % timeoutsMs.length] ?? null, late: null }));
  const several = fc.tuple(fc.nat(), counts).map(([n, parts]): Shape => {
    return { kind: "several", timeoutMs: timeoutsMs[n % timeoutsMs.length] ?? null, late: null, ...parts };
  });
  const hopeless = fc
    .record({
      failures: fc.integer({ min: 1, max: maxFailures + 1 }),
      handling: fc.constantFrom("skip" as const, "goto" as const, "fallback" as const),
    })
    .map((parts): Shape => ({ kind: "hopeless", ...parts }));
  const child = fc
    .record({ fails: fc.boolean(), onClose: fc.constantFrom("cancel" as const, "wait" as const) })
    .map((parts): Shape => ({ kind: "child", ...parts }));
  return fc.oneof(
    { arbitrary: task, weight: 4 },
    { arbitrary: loop, weight: 1 },
    { arbitrary: hopeless, weight: 1 },
    { arbitrary: child, weight: 1 },
    { arbitrary: fc.constant<Shape>({ kind: "until" }), weight: delaysMs.length === 0 ? 0 : 1 },
    { arbitrary: delay, weight: delaysMs.length === 0 ? 0 : 1 },
    { arbitrary: wait, weight: waits ? 1 : 0 },
    { arbitrary: several, weight: waits ? 1 : 0 },
  );
}

/** Ids count within their scope, so that scopes have ids in common. */
export function named(steps: readonly Shape[], prefix: string, scope: { count: number }): StepDescription[] {
  const inside = (list: readonly Shape[]): StepDescription[] => named(list, prefix, scope);
  const list = (branches: readonly (readonly Shape[])[]): NamedSteps[] =>
    branches.map((inner, index) => ({ name: `b${index + 1}`, steps: inside(inner) }));
  return steps.map((shape): StepDescription => {
    scope.count++;
    const id = `${shape.kind}-${scope.count}`;
    switch (shape.kind) {
      case "task":
      case "loop":
      case "delay":
      case "hopeless":
      case "until":
      case "child":
        return { ...shape, id };
      case "wait":
      case "several": {
        const late = shape.late === null ? null : inside(shape.late);
        return { ...shape, id, event: `go ${prefix}${id}`, late };
      }
      case "fork":
        return { kind: "fork", id, branches: list(shape.branches) };
      case "route": {
        const branches = list(shape.branches);
        const keys = branches.map((it) => it.name);
        if (shape.otherwise === null) return { kind: "route", id, keys, branches, otherwise: null };
        return { kind: "route", id, keys: [...keys, "other"], branches, otherwise: inside(shape.otherwise) };
      }
      case "subflow":
      case "rounds":
      case "map": {
        const { steps: within, ...parts } = shape;
        const flow = { name: `flow-${scope.count}`, steps: named(within, `${prefix}${id}/`, { count: 0 }) };
        return { ...parts, id, flow };
      }
      case "settled": {
        const branches = shape.branches.map((inner, index) => scoped(`b${index + 1}`, inner, `${prefix}${id}/`));
        return { kind: "settled", id, branches };
      }
      case "first": {
        const losers = Array.from({ length: shape.losers }, (_, index) => loser(shape.mode, `l${index + 1}`, index));
        return {
          kind: "first",
          id,
          mode: shape.mode,
          branches: [scoped("w", shape.winner, `${prefix}${id}/`), ...losers],
        };
      }
    }
  });
}

/** A branch that is a scope of its own. */
function scoped(name: string, steps: readonly Shape[], prefix: string): NamedSteps {
  return { name, steps: named(steps, `${prefix}${name}/`, { count: 0 }) };
}

/** A branch that never comes to its end. */
function loser(mode: "any" | "race", name: string, index: number): NamedSteps {
  const never = { kind: "wait", id: "never", event: `never ${name}`, timeoutMs: null, late: null } as const;
  const fails = { kind: "task", id: "fails", failures: Number.POSITIVE_INFINITY } as const;
  return { name, steps: [mode === "any" && index % 2 === 1 ? fails : never] };
}
