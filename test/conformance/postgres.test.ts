import { JsonCodec } from "../../src/codec/json-codec.ts";
import { describeBackend } from "../../src/testing/conformance/index.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { postgresSubject } from "../support/postgres-subject.ts";

const database = await createTestDatabase();
// What a codec makes of values is the same wherever they are stored: in memory, all are tried.
describeBackend({ name: "postgres with json", create: () => postgresSubject(database, new JsonCodec()) });
