import type { Pool } from "pg";

/**
 * Everything that a schema consists of, as text, the same on every PostgreSQL version: to be compared
 * with what is committed, so that no migration changes it unnoticed.
 */
export async function dumpSchema(pool: Pool, schema: string): Promise<string> {
  const lines: string[] = [];
  const add = async (heading: string, query: string): Promise<void> => {
    const { rows } = await pool.query<{ line: string }>(query, [schema]);
    lines.push(
      `-- ${heading}`,
      ...rows.map((row) => row.line.replaceAll(/\s+/g, " ").replaceAll(`${schema}.`, "")),
      "",
    );
  };
  await add(
    "tables and views",
    `SELECT format('%s %s: %s%s', CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END, c.relname,
              string_agg(format('%s %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
                CASE WHEN d.adbin IS NULL THEN '' ELSE ' default ' || pg_get_expr(d.adbin, d.adrelid) END), ', ' ORDER BY a.attnum),
              CASE WHEN c.reloptions IS NULL THEN '' ELSE ' with ' || c.reloptions::text END) AS line
     FROM pg_class AS c
     JOIN pg_namespace AS n ON n.oid = c.relnamespace
     JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE n.nspname = $1 AND c.relkind IN ('r', 'v', 'p')
     GROUP BY c.relname, c.relkind, c.reloptions ORDER BY c.relname`,
  );
  await add(
    "constraints",
    `SELECT format('%s.%s: %s', c.relname, o.conname, pg_get_constraintdef(o.oid)) AS line
     FROM pg_constraint AS o JOIN pg_class AS c ON c.oid = o.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND o.contype <> 'n' ORDER BY c.relname, o.conname`,
  );
  await add("indexes", "SELECT indexdef AS line FROM pg_indexes WHERE schemaname = $1 ORDER BY indexname");
  await add(
    "sequences",
    "SELECT format('%s %s', sequencename, data_type) AS line FROM pg_sequences WHERE schemaname = $1 ORDER BY sequencename",
  );
  await add(
    "functions",
    `SELECT format('%s(%s) returns %s, %s', p.proname, pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid),
              md5(replace(p.prosrc, format('"%s"', $1::text), 'schema'))) AS line
     FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = $1
     ORDER BY p.proname, pg_get_function_identity_arguments(p.oid) COLLATE "C"`,
  );
  await add(
    "triggers",
    `SELECT pg_get_triggerdef(t.oid, true) AS line
     FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND NOT t.tgisinternal ORDER BY t.tgname`,
  );
  return `${lines.join("\n").trimEnd()}\n`;
}
