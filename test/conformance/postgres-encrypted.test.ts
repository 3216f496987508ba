import { describeBackend } from "../../src/testing/index.ts";
import { encryptedCodec } from "../support/codecs.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { postgresSubject } from "../support/postgres-subject.ts";

const database = await createTestDatabase();
// What SQL can read least of. JSON has a file of its own, which servers of other versions run, too; in memory, all are tried.
describeBackend({
  name: `postgres with ${encryptedCodec.id}`,
  create: () => postgresSubject(database, encryptedCodec),
});
