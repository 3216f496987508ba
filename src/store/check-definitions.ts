import {
  refuse,
  requireArray,
  requireBoolean,
  requireDistinct,
  requireName,
  requireObject,
} from "./argument-shapes.ts";
import { parsePath } from "./arguments.ts";
import { checkStanding, checkWait } from "./check-standing.ts";
import type { PublishedDefinition } from "./definition-store.ts";

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkDefinitions(definitions: readonly PublishedDefinition[], asNewest: boolean): void {
  requireArray(definitions, "definitions");
  for (const [index, definition] of definitions.entries()) checkDefinition(definition, `definitions[${index}]`);
  requireDistinct(
    definitions.map(({ flow, definitionHash }) => `${flow}" with hash "${definitionHash}`),
    "definitions",
    "flow",
  );
  requireBoolean(asNewest, "asNewest");
}

const MAX_GRAPH_LENGTH = 1_048_576;

function checkGraph(graph: unknown, field: string): void {
  if (graph === null) return;
  if (typeof graph !== "string" || graph.length > MAX_GRAPH_LENGTH || !isJson(graph))
    refuse(field, `must be JSON of at most ${MAX_GRAPH_LENGTH} characters`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return text.isWellFormed();
  } catch {
    return false;
  }
}

function checkDefinition(definition: PublishedDefinition, field: string): void {
  requireObject(definition, field);
  requireName(definition.flow, `${field}.flow`);
  requireName(definition.definitionHash, `${field}.definitionHash`);
  requireBoolean(definition.awaitsEvents, `${field}.awaitsEvents`);
  if (definition.startPolicy !== undefined) requireName(definition.startPolicy, `${field}.startPolicy`);
  checkGraph(definition.graph ?? null, `${field}.graph`);
  requireArray(definition.positions, `${field}.positions`);
  if (definition.positions.length === 0) refuse(`${field}.positions`, "must not be empty");
  for (const [index, position] of definition.positions.entries()) {
    const one = `${field}.positions[${index}]`;
    requireObject(position, one);
    parsePath(position.path, `${one}.path`);
    checkStanding(position.standing, `${one}.standing`);
    requireBoolean(position.hasOwnPriority, `${one}.hasOwnPriority`);
    checkWait(position.wakeAfterMs, `${one}.wakeAfterMs`);
    if (position.asksKey !== undefined) requireBoolean(position.asksKey, `${one}.asksKey`);
    const { definitionHash, codec } = position.standing.lane;
    if (definitionHash !== definition.definitionHash || codec !== "json")
      refuse(`${one}.standing.lane`, 'must have the definition\'s hash, and codec "json"');
  }
  const paths = definition.positions.map(({ path }) => path);
  requireDistinct(paths, `${field}.positions`, "path");
}
