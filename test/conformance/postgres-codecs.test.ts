import { describeBackend } from "../../src/testing/index.ts";
import { everyCodec } from "../support/codecs.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { postgresSubject } from "../support/postgres-subject.ts";

const database = await createTestDatabase();
// JSON has a file of its own, which servers of other versions run, too.
for (const codec of everyCodec.filter(({ id }) => id !== "json")) {
  describeBackend({ name: `postgres with ${codec.id}`, create: () => postgresSubject(database, codec) });
}
