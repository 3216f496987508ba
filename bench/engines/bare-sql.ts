// Each is sent with arrays for as many instances as there are at the moment.

export const SCHEMA = `
  CREATE SEQUENCE tokens;
  CREATE TABLE instances (
    instance_id text COLLATE "C" PRIMARY KEY, flow text NOT NULL, hash bytea NOT NULL, status text NOT NULL,
    input bytea, output bytea, created_at timestamptz NOT NULL DEFAULT now(), completed_at timestamptz);
  CREATE TABLE positions (
    instance_id text COLLATE "C" NOT NULL, path text COLLATE "C" NOT NULL DEFAULT '', task_id text NOT NULL,
    available_at timestamptz NOT NULL, order_key bigint, attempt int NOT NULL DEFAULT 0,
    worker_id text, token bigint NOT NULL DEFAULT 0, priority smallint NOT NULL DEFAULT 3, input_task text,
    hash bytea NOT NULL, PRIMARY KEY (instance_id, path)) WITH (fillfactor = 70);
  CREATE INDEX ready ON positions (order_key) WHERE order_key IS NOT NULL;
  CREATE INDEX due ON positions (available_at) WHERE order_key IS NULL;
  CREATE TABLE checkpoints (
    instance_id text COLLATE "C" NOT NULL, task_id text COLLATE "C" NOT NULL, attempt int NOT NULL,
    outcome text NOT NULL, output bytea, worker_id text, at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (instance_id, task_id, attempt))`;

/** $1 ids, $2 flow, $3 hash, $4 input */
export const SUBMIT = `
  WITH started AS (
    INSERT INTO instances (instance_id, flow, hash, status, input)
    SELECT id, $2, $3, 'in_progress', $4 FROM unnest($1::text[]) AS id
    ON CONFLICT DO NOTHING RETURNING instance_id)
  INSERT INTO positions (instance_id, task_id, available_at, order_key, hash)
  SELECT instance_id, 's0', now(), 3 * 300000000::bigint + (extract(epoch FROM now()) * 1e6)::bigint, $3 FROM started`;

/** $1 ids, $2 hash */
export const PARK = `
  WITH started AS (
    INSERT INTO instances (instance_id, flow, hash, status)
    SELECT id, 'parked', $2, 'in_progress' FROM unnest($1::text[]) AS id RETURNING instance_id)
  INSERT INTO positions (instance_id, task_id, available_at, hash)
  SELECT instance_id, 'delay', now() + interval '1 day', $2 FROM started`;

/** Timers and leases that have come due go (back) into the ready index. */
export const PROMOTE = `
  WITH due AS MATERIALIZED (
    SELECT instance_id, path FROM positions
    WHERE order_key IS NULL AND available_at <= (SELECT clock_timestamp())
    ORDER BY available_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
  UPDATE positions AS p SET worker_id = NULL,
      order_key = p.priority * 300000000::bigint + (extract(epoch FROM p.available_at) * 1e6)::bigint
  FROM due WHERE p.instance_id = due.instance_id AND p.path = due.path`;

/** $1 how many, $2 hashes */
export const CLAIM = `
  WITH candidate AS MATERIALIZED (
    SELECT instance_id, path FROM positions
    WHERE order_key IS NOT NULL AND hash = ANY ($2::bytea[])
    ORDER BY order_key LIMIT $1 FOR UPDATE SKIP LOCKED)
  UPDATE positions AS p
  SET worker_id = 'w1', token = nextval('tokens'), attempt = p.attempt + 1, order_key = NULL,
      available_at = clock_timestamp() + interval '30 s'
  FROM candidate AS c WHERE p.instance_id = c.instance_id AND p.path = c.path
  RETURNING p.instance_id, p.token, p.task_id,
            (SELECT i.input FROM instances AS i WHERE i.instance_id = p.instance_id) AS input`;

export const ADVANCE = `
  WITH done AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[], $5::text[])
      AS d (instance_id, token, task_id, output, next_task)),
  moved AS (
    UPDATE positions AS p SET task_id = d.next_task, attempt = 1, input_task = d.task_id
    FROM done AS d WHERE p.instance_id = d.instance_id AND p.path = '' AND p.token = d.token
    RETURNING p.instance_id)
  INSERT INTO checkpoints (instance_id, task_id, attempt, outcome, output, worker_id)
  SELECT d.instance_id, d.task_id, 1, 'completed', d.output, 'w1' FROM done AS d JOIN moved USING (instance_id)
  RETURNING instance_id`;

export const FINISH = `
  WITH done AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[])
      AS d (instance_id, token, task_id, output)),
  gone AS (
    DELETE FROM positions AS p USING done AS d
    WHERE p.instance_id = d.instance_id AND p.path = '' AND p.token = d.token
    RETURNING p.instance_id),
  ended AS (
    UPDATE instances AS i SET status = 'completed', output = d.output, completed_at = clock_timestamp()
    FROM done AS d JOIN gone USING (instance_id) WHERE i.instance_id = d.instance_id)
  INSERT INTO checkpoints (instance_id, task_id, attempt, outcome, output, worker_id)
  SELECT d.instance_id, d.task_id, 1, 'completed', d.output, 'w1' FROM done AS d JOIN gone USING (instance_id)
  RETURNING instance_id`;
