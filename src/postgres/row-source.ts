import { Identifier, type Query, sql } from "./sql.ts";

type SqlType = "text" | "int" | "smallint" | "bigint" | "boolean" | "bytea";

const TYPES: Readonly<Record<SqlType, { readonly one: Query<never>; readonly many: Query<never> }>> = {
  text: { one: sql<never>`text`, many: sql<never>`text[]` },
  int: { one: sql<never>`int`, many: sql<never>`int[]` },
  smallint: { one: sql<never>`smallint`, many: sql<never>`smallint[]` },
  bigint: { one: sql<never>`bigint`, many: sql<never>`bigint[]` },
  boolean: { one: sql<never>`boolean`, many: sql<never>`boolean[]` },
  bytea: { one: sql<never>`bytea`, many: sql<never>`bytea[]` },
};

export interface Column {
  readonly name: string;
  readonly type: SqlType;
  /** One a row. */
  readonly values: readonly unknown[];
}

const names = new Map<string, Identifier>();

/**
 * Rows as something to select from, with an ordinal from 1. At least one column.
 *
 * A column that is the same in all rows goes as a single value. So a lone row has no arrays at all: the planner knows
 * its number without looking at the values, and the server can keep the plan.
 *
 * @param alias - of the row source
 * @param ordinal - name of the column of ordinals
 */
export function rowSource(alias: string, columns: readonly Column[], ordinal: string): Query<never> {
  const count = columns[0]?.values.length ?? 0;
  if (count === 1) {
    const values = columns.map(
      ({ name, type, values: [value] }) => sql<never>`${value}::${TYPES[type].one} AS ${id(name)}`,
    );
    return sql`(SELECT ${list(values)}, 1::bigint AS ${id(ordinal)}) AS ${id(alias)}`;
  }
  const varying = columns.filter(({ values }) => count === 0 || !isUniform(values));
  // The first one carries the number of rows.
  const [first] = columns;
  if (varying.length === 0 && first !== undefined) varying.push(first);
  const selected = columns.map((column) =>
    varying.includes(column)
      ? sql<never>`u.${id(column.name)}`
      : sql<never>`${column.values[0]}::${TYPES[column.type].one} AS ${id(column.name)}`,
  );
  const arrays = varying.map(({ type, values }) => sql<never>`${values}::${TYPES[type].many}`);
  const varyingNames = varying.map(({ name }) => sql<never>`${id(name)}`);
  return sql`(
        SELECT ${list(selected)}, u.${id(ordinal)}
        FROM unnest(${list(arrays)}) WITH ORDINALITY AS u (${list(varyingNames)}, ${id(ordinal)})
      ) AS ${id(alias)}`;
}

function isUniform(values: readonly unknown[]): boolean {
  const [first] = values;
  for (const value of values) if (value !== first) return false;
  return true;
}

function list(parts: readonly Query<never>[]): Query<never> {
  const [first, ...rest] = parts;
  let all = first ?? sql<never>``;
  for (const part of rest) all = sql`${all}, ${part}`;
  return all;
}

function id(name: string): Identifier {
  const known = names.get(name);
  if (known !== undefined) return known;
  const made = new Identifier(name);
  names.set(name, made);
  return made;
}
