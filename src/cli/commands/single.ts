import type { Command } from "commander";
import { withDatabase } from "../database.ts";
import { CommandError, EXIT } from "../failure.ts";
import { jsonArgument, wholeNumber } from "../filter-options.ts";
import { databaseUrlOf, outputOf, schemaOf, withSession } from "../session.ts";

/** `waymark event`, `complete-task` and `submit` */
export function addSingle(program: Command): void {
  program
    .command("event")
    .argument("<id>", "of the instance; it need not exist yet")
    .argument("<name>", "of the event")
    .argument("[payload]", "JSON", jsonArgument)
    .description("send an event; it is kept until the instance waits for it")
    .option("--dedup-key <key>", "a repeated request with this key does nothing")
    .action(async (id: string, name: string, payload: unknown, options: { dedupKey?: string }, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const outcome = await client.sendEvent(id, name, payload, options);
        output.say({ instanceId: id, name, outcome }, () => [`${id}  ${outcome}`]);
      });
    });
  program
    .command("complete-task")
    .argument("<id>", "of the instance")
    .argument("<task>", "where it stands, as show says it")
    .argument("<output>", "JSON; what the next step gets", jsonArgument)
    .description("record an output by hand in place of what a stuck task would return")
    .action(async (id: string, task: string, value: unknown, _: object, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        await client.completeTask(id, task, value);
        output.say({ instanceId: id, taskId: task }, () => [`${id}  ${task} is completed`]);
      });
    });
  program
    .command("submit")
    .argument("<flow>", "its name; a worker must have run with it, or client.publish() have named it")
    .argument("<id>", "of the new instance")
    .argument("[input]", "JSON; it is not checked by the flow's schema here", jsonArgument)
    .description("start an instance, in JSON")
    .option("--priority <n>", "1 (first) to 5 (last)", wholeNumber(1, 5), 3)
    .option("--limit-key <key>", "whose share of the flow's limit it takes, where that has keys")
    .action(
      async (
        flow: string,
        id: string,
        input: unknown,
        options: { priority: number; limitKey?: string },
        command: Command,
      ) => {
        const isNew = await submit(command, { flow, id, input, ...options });
        outputOf(command).say({ instanceId: id, created: isNew }, () => [`${id}  started`]);
      },
    );
}

/** By the function that SQL has for it: the flow's code is not here. */
async function submit(
  command: Command,
  start: {
    readonly flow: string;
    readonly id: string;
    readonly input: unknown;
    readonly priority: number;
    readonly limitKey?: string;
  },
): Promise<boolean> {
  const schema = schemaOf(command);
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(schema))
    throw new CommandError('--schema must be 1 to 40 lower-case letters, digits and "_".', EXIT.usage);
  return await withDatabase(databaseUrlOf(command), async (db) => {
    try {
      const text = `SELECT "${schema}".submit($1, $2, $3::jsonb, p_priority => $4, p_limit_key => $5) AS created`;
      const values = [
        start.flow,
        start.id,
        JSON.stringify(start.input ?? null),
        start.priority,
        start.limitKey ?? null,
      ];
      return (await db.query<{ created: boolean }>(text, values)).rows[0]?.created === true;
    } catch (error) {
      const { code = "", message, hint } = error as { code?: string; message: string; hint?: string };
      throw new CommandError(`${message}.${hint === undefined ? "" : ` ${hint}`}`, BY_SQLSTATE[code] ?? EXIT.failed);
    }
  });
}

const BY_SQLSTATE: Readonly<Record<string, number>> = {
  "23505": EXIT.refused,
  "42704": EXIT.notFound,
  "22023": EXIT.usage,
};
