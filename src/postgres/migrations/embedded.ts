// Generated from the .sql files in this folder by `npm run generate`. Do not edit.

/** One step of the schema. The text is SQL with `:schema` where the quoted schema name belongs. */
export interface EmbeddedMigration {
  readonly version: number;
  readonly name: string;
  /** Whether it runs in a transaction of its own. */
  readonly transactional: boolean;
  /** Why workers of an older release must stop; `null` if they need not. */
  readonly breaking: string | null;
  /** SHA-256 of `sql`, in lower-case hex. */
  readonly sha256: string;
  readonly sql: string;
}

export const embeddedMigrations: readonly EmbeddedMigration[] = [
  {
    version: 1,
    name: "initial",
    transactional: true,
    breaking: null,
    sha256: "fd0694147c4a2bbcd8b87b9c9b1d3b98ed400e36b0958535140266c097ee0598",
    sql: `-- Everything that flows are stored in. See docs/schema.md for what each table and index is for.
--
-- Lock: none that anybody could be waiting for; the tables are new. Takes milliseconds.
-- There are no foreign keys: each would cost a row lock on \`instances\` for every checkpoint. What
-- they would guard is guarded by fencing tokens, and \`stuck\` rows are found by the views.
-- ids are compared by code point ("C"), so that an order doesn't depend on the server's locale.

-- Drawn from at each claim, and never again: an old claim can't be mistaken for a new one (INV-5).
CREATE SEQUENCE :schema.fencing_tokens AS bigint;

-- CACHE 1, so that what depends on an entry has a higher number than the entry (INV-4).
CREATE SEQUENCE :schema.checkpoint_sequence AS bigint CACHE 1;

-- What decides who can run a position, numbered, because the number stands in the hot index.
CREATE TABLE :schema.lanes (
  lane            integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  flow            text        COLLATE "C" NOT NULL,
  definition_hash text        COLLATE "C" NOT NULL,
  codec           text        COLLATE "C" NOT NULL,
  tags            text[]      COLLATE "C" NOT NULL,
  -- The limit that has to allow what stands there; '' for none. Then workers claim it by claim_limited alone.
  limit_name      text        COLLATE "C" NOT NULL DEFAULT '',
  limit_scope     text        COLLATE "C" NOT NULL DEFAULT ''
                  CONSTRAINT lanes_scope_known CHECK (limit_scope IN ('', 'task', 'flow')),
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT lanes_key UNIQUE (definition_hash, codec, tags, limit_name, limit_scope),
  CONSTRAINT lanes_scope_fits_limit CHECK ((limit_name = '') = (limit_scope = ''))
);

-- Serves claim-limited: who shares a limit.
CREATE INDEX lanes_limit ON :schema.lanes (limit_name) WHERE limit_name <> '';

-- What is allowed, by name; NULL for any number. A place is taken by a claimed position before a gate of scope 'task', and by the trunk
-- of an instance that came through one of scope 'flow': nothing is counted that could be wrong.
CREATE TABLE :schema.limits (
  name            text        COLLATE "C" PRIMARY KEY,
  concurrency     integer,
  rate_count      integer,
  rate_per_ms     bigint,
  rate_burst      integer,
  key_concurrency integer,
  key_rate_count  integer,
  key_rate_per_ms bigint,
  key_rate_burst  integer,
  -- Somebody has changed it by hand: what code says of it does not count any more.
  changed         boolean     NOT NULL DEFAULT false,
  paused          boolean     NOT NULL DEFAULT false,
  -- When as many could begin at once as ever: each that begins puts it off by its share of the time.
  full_at         timestamptz,
  -- Whose turn was last, and how many turns there have been.
  last_key        text        COLLATE "C",
  turn            bigint      NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Keys of which there is something to know: how much they have begun lately, and what somebody has said of them.
CREATE TABLE :schema.limit_keys (
  limit_name text        COLLATE "C" NOT NULL,
  key        text        COLLATE "C" NOT NULL,
  weight     integer     NOT NULL DEFAULT 1
             CONSTRAINT limit_keys_weight_in_range CHECK (weight BETWEEN 1 AND 1000),
  paused     boolean     NOT NULL DEFAULT false,
  full_at    timestamptz,
  PRIMARY KEY (limit_name, key)
) WITH (fillfactor = 70);

-- Flows of which workers take nothing.
CREATE TABLE :schema.paused_flows (
  flow         text        COLLATE "C" PRIMARY KEY,
  reason       text,
  requested_by text,
  paused_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What was started last under a key of a flow that starts one instance for several submissions: a singleton, a debounced one, a batch …
CREATE TABLE :schema.start_keys (
  flow        text        COLLATE "C" NOT NULL,
  key         text        COLLATE "C" NOT NULL,
  -- NULL while the first one is just being started. It may have ended, or be gone.
  instance_id text        COLLATE "C",
  -- When it begins: until then, it takes more.
  starts_at   timestamptz,
  -- What the next submission is decided by: when another one may begin, by when this one must, when a rate allows all again.
  mark_at     timestamptz,
  touched_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (flow, key)
) WITH (fillfactor = 70);

-- Serves forget-start-keys: those that nobody has started anything under for long.
CREATE INDEX start_keys_touched ON :schema.start_keys (touched_at);

-- What \`submit\` has to know of flows to start them from SQL. Written by workers and clients that have them.
CREATE TABLE :schema.definitions (
  flow            text        COLLATE "C" NOT NULL,
  definition_hash text        COLLATE "C" NOT NULL,
  awaits_events   boolean     NOT NULL,
  spawns          boolean     NOT NULL,
  positions       jsonb       NOT NULL,
  -- How long an instance may take, and who can act on it when it takes longer.
  deadline_ms     bigint,
  deadline_lane   integer     NOT NULL,
  -- By what one instance is started for several submissions; NULL for by nothing. Clients can do that, \`submit\` can't.
  start_policy    text        COLLATE "C",
  -- What it looks like, for who draws it without its code; NULL if it is too large, or nobody has said.
  graph           json,
  published_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (flow, definition_hash)
);

CREATE TABLE :schema.workers (
  worker_id     text        COLLATE "C" PRIMARY KEY,
  tags          text[]      NOT NULL DEFAULT '{}',
  lanes         integer[]   NOT NULL DEFAULT '{}',
  registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row an instance. Written at the start, at the end, and when the status changes.
CREATE TABLE :schema.instances (
  instance_id     text        COLLATE "C" PRIMARY KEY,
  flow            text        COLLATE "C" NOT NULL,
  definition_hash text        COLLATE "C" NOT NULL,
  codec           text        COLLATE "C" NOT NULL,
  status          text        COLLATE "C" NOT NULL DEFAULT 'in_progress'
                  CONSTRAINT instances_status_known
                  CHECK (status IN ('in_progress', 'paused', 'completed', 'failed', 'cancelled')),
  input           bytea       NOT NULL,
  output          bytea,
  failure         bytea,
  reason          text,
  -- Where it stood when it failed, or what it is undone for, for a retry: one object a position, in the words of the table of
  -- positions.
  stood_at        jsonb,
  priority        smallint    NOT NULL DEFAULT 3
                  CONSTRAINT instances_priority_in_range CHECK (priority BETWEEN 1 AND 5),
  tags            text[]      NOT NULL DEFAULT '{}',
  labels          jsonb       NOT NULL DEFAULT '{}',
  -- Of a child: which instance's task has started it, under which claim; where that waits for its end, if it does; and what becomes
  -- of it when the parent ends before it ("closed": that has happened, or the parent was deleted).
  parent_id       text        COLLATE "C",
  parent_task_id  text        COLLATE "C",
  parent_token    bigint,
  parent_run      integer,
  awaited_at      text        COLLATE "C",
  on_parent_close text        COLLATE "C"
                  CONSTRAINT instances_closing_known CHECK (on_parent_close IN ('cancel', 'abandon', 'wait', 'closed')),
  -- Whether its flow starts children; NULL for no, which takes no room.
  spawns          boolean,
  trace_context   text,
  -- Under which key of its flow it lives alone; NULL for none.
  singleton_key   text        COLLATE "C",
  -- Of which instance it is a fork, and after which entry of its history it was forked off.
  forked_from     text        COLLATE "C",
  forked_at       bigint,
  -- One more each time that it continues as new.
  run             integer     NOT NULL DEFAULT 1
                  CONSTRAINT instances_run_positive CHECK (run >= 1),
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- By when it has to have ended. While it is live, it has a position '$deadline' that comes due then.
  deadline_at     timestamptz,
  ended_at        timestamptz,
  CONSTRAINT instances_fork_has_a_point CHECK ((forked_from IS NULL) = (forked_at IS NULL)),
  CONSTRAINT instances_child_has_a_parent CHECK (
    (parent_id IS NULL) = (parent_task_id IS NULL) AND (parent_id IS NULL) = (parent_token IS NULL)
    AND (parent_id IS NULL) = (parent_run IS NULL)
    AND (parent_id IS NULL) = (on_parent_close IS NULL) AND (parent_id IS NOT NULL OR awaited_at IS NULL)
  ),
  CONSTRAINT instances_outcome_fits_status CHECK (
    (status = 'completed') = (output IS NOT NULL)
    AND (status = 'failed') = (failure IS NOT NULL)
    AND (status IN ('completed', 'failed', 'cancelled')) = (ended_at IS NOT NULL)
    AND (status NOT IN ('completed', 'cancelled') OR stood_at IS NULL)
  )
);

-- Serves list-instances by parent, and whatever closes children.
CREATE INDEX instances_parent ON :schema.instances (parent_id, instance_id) WHERE parent_id IS NOT NULL;

-- What people look at: what was made, has ended or has failed last.
CREATE INDEX instances_created ON :schema.instances (created_at, instance_id);
-- Of an expression, so that whoever looks for what one flow has ended is not led here, past what all others have.
CREATE INDEX instances_ended ON :schema.instances (timezone('UTC', ended_at)) WHERE ended_at IS NOT NULL;
CREATE INDEX instances_failed ON :schema.instances (ended_at, instance_id) WHERE failure IS NOT NULL;

-- What people did by hand, for ninety days. Written before it is done, and when that has ended.
CREATE TABLE :schema.audit (
  sequence bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor    text        NOT NULL,
  action   text        NOT NULL,
  target   text        COLLATE "C",
  detail   text,
  outcome  text        COLLATE "C" NOT NULL DEFAULT 'begun'
           CONSTRAINT audit_outcome_known CHECK (outcome IN ('begun', 'done', 'refused', 'failed')),
  code     text
);

-- Serves list-actions of one target.
CREATE INDEX audit_target ON :schema.audit (target, sequence) WHERE target IS NOT NULL;

-- Ends of children that their parents have yet to be told of: written with the end, by a trigger, gone when it is told.
CREATE TABLE :schema.endings (
  instance_id    text    COLLATE "C" NOT NULL,
  sequence       bigint  NOT NULL DEFAULT nextval(':schema.checkpoint_sequence'),
  parent_id      text    COLLATE "C" NOT NULL,
  parent_task_id text    COLLATE "C" NOT NULL,
  awaited_at     text    COLLATE "C",
  waited_for     boolean NOT NULL,
  PRIMARY KEY (instance_id, sequence)
);

-- Instances that have ended, or were deleted, whose children have yet to be closed. The token parts their children from those of one
-- that has the same id later. Whoever works on one puts it off meanwhile.
CREATE TABLE :schema.closings (
  instance_id  text        COLLATE "C" NOT NULL,
  token        bigint      NOT NULL DEFAULT nextval(':schema.fencing_tokens'),
  is_deleted   boolean     NOT NULL,
  available_at timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (instance_id, token)
);

-- One row for each point at which a live instance stands: the only hot table. A row goes when its
-- path ends. fillfactor leaves room on the page, so that an advance, which changes no indexed column,
-- stays on it (HOT).
CREATE TABLE :schema.positions (
  instance_id  text        COLLATE "C" NOT NULL,
  path         text        COLLATE "C" NOT NULL DEFAULT '',
  task_id      text        COLLATE "C" NOT NULL,
  kind         text        COLLATE "C" NOT NULL
               CONSTRAINT positions_kind_known CHECK (kind IN ('task', 'delay', 'wait', 'join')),
  lane         integer     NOT NULL,
  priority     smallint    NOT NULL
               CONSTRAINT positions_priority_in_range CHECK (priority BETWEEN 1 AND 5),
  attempt      integer     NOT NULL DEFAULT 1
               CONSTRAINT positions_attempt_positive CHECK (attempt >= 1),
  lost         smallint    NOT NULL DEFAULT 0,
  pending      integer     NOT NULL DEFAULT 0
               CONSTRAINT positions_pending_not_negative CHECK (pending >= 0),
  item_total   integer,
  item_started integer,
  item_failed  integer,
  input_ref    text        COLLATE "C",
  event        text        COLLATE "C",
  interrupt    text        COLLATE "C"
               CONSTRAINT positions_interrupt_known CHECK (interrupt IN ('pause', 'cancel', 'undo', 'paused')),
  worker_id    text        COLLATE "C",
  failed_by    text        COLLATE "C",
  token        bigint      NOT NULL DEFAULT 0,
  since        timestamptz NOT NULL,
  available_at timestamptz NOT NULL,
  wake_at      timestamptz,
  order_key    bigint,
  -- How far a long task says it is, and which one; nothing once the position stands elsewhere.
  progress     bytea,
  progress_of  text        COLLATE "C",
  progress_at  timestamptz,
  -- Whose share of a limit it takes; only looked at in a lane with a limit.
  limit_key    text        COLLATE "C",
  -- Of a trunk whose instance has a place of a limit until it ends: which limit's, and of whose share.
  slot_of      text        COLLATE "C",
  slot_key     text        COLLATE "C",
  PRIMARY KEY (instance_id, path),
  CONSTRAINT positions_ready_is_unclaimed CHECK (order_key IS NULL OR worker_id IS NULL)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Serves claim-positions: of each lane just the rows that are returned.
CREATE INDEX positions_ready ON :schema.positions (lane, order_key) WHERE order_key IS NOT NULL;

-- Serves promote-due: timers and leases in the order in which they come due.
CREATE INDEX positions_due ON :schema.positions (available_at)
  WHERE order_key IS NULL AND available_at < 'infinity';

-- Serves claim-limited: of each key just the rows that are claimed. Rows that were never before a gate are in none of these.
CREATE INDEX positions_gated ON :schema.positions (lane, limit_key, order_key) WHERE order_key IS NOT NULL AND limit_key IS NOT NULL;
CREATE INDEX positions_admitted ON :schema.positions (lane, limit_key) WHERE worker_id IS NOT NULL AND limit_key IS NOT NULL;
CREATE INDEX positions_slots ON :schema.positions (slot_of, slot_key) WHERE slot_of IS NOT NULL;

-- The history of an instance's run: append-only, one row a checkpoint. Outputs live here.
CREATE TABLE :schema.checkpoints (
  instance_id text        COLLATE "C" NOT NULL,
  task_id     text        COLLATE "C" NOT NULL,
  attempt     integer     NOT NULL,
  sequence    bigint      NOT NULL DEFAULT nextval(':schema.checkpoint_sequence'),
  path        text        COLLATE "C" NOT NULL DEFAULT '',
  kind        text        COLLATE "C" NOT NULL,
  outcome     text        COLLATE "C" NOT NULL
              CONSTRAINT checkpoints_outcome_known
              CHECK (outcome IN ('completed', 'failed', 'timed_out', 'tolerated', 'noted')),
  output      bytea,
  output_ref  text        COLLATE "C",
  failure     bytea,
  worker_id   text        COLLATE "C",
  duration_ms integer,
  decision    text        COLLATE "C",
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (instance_id, task_id, attempt)
);

-- One row for each instance that can be sent events. Whatever must not be missed by a checkpoint that
-- parks changes this row, and the checkpoint locks it (docs/protocols/events.md).
CREATE TABLE :schema.mailboxes (
  instance_id text   COLLATE "C" PRIMARY KEY,
  version     bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

-- Events that nobody has consumed yet, in the order of their mailbox's version.
CREATE TABLE :schema.events (
  instance_id text        COLLATE "C" NOT NULL,
  name        text        COLLATE "C" NOT NULL,
  sequence    bigint      NOT NULL,
  payload     bytea       NOT NULL,
  codec       text        COLLATE "C" NOT NULL,
  sent_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (instance_id, name, sequence)
);

-- Dedup keys of accepted events. They live until the instance is deleted.
CREATE TABLE :schema.event_keys (
  instance_id text        COLLATE "C" NOT NULL,
  dedup_key   text        COLLATE "C" NOT NULL,
  sent_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (instance_id, dedup_key)
);

-- Pending control requests.
CREATE TABLE :schema.signals (
  instance_id  text        COLLATE "C" NOT NULL,
  kind         text        COLLATE "C" NOT NULL
               CONSTRAINT signals_kind_known CHECK (kind IN ('cancel', 'pause')),
  reason       text,
  requested_by text,
  undo         boolean     NOT NULL DEFAULT false,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (instance_id, kind)
);

-- When flows are started by themselves. What a slot's start writes here and the instance that it makes are one transaction.
CREATE TABLE :schema.schedules (
  schedule_id     text        COLLATE "C" PRIMARY KEY,
  flow            text        COLLATE "C" NOT NULL,
  definition_hash text        COLLATE "C" NOT NULL,
  codec           text        COLLATE "C" NOT NULL,
  input           bytea       NOT NULL,
  priority        smallint    NOT NULL
                  CONSTRAINT schedules_priority_in_range CHECK (priority BETWEEN 1 AND 5),
  tags            text[]      NOT NULL,
  labels          jsonb       NOT NULL,
  cron            text,
  every_ms        bigint,
  timezone        text        NOT NULL,
  overlap         text        COLLATE "C" NOT NULL
                  CONSTRAINT schedules_overlap_known
                  CHECK (overlap IN ('allow', 'skip', 'queue', 'cancelPrevious', 'terminatePrevious')),
  catch_up_ms     bigint      NOT NULL,
  catch_up_limit  integer     NOT NULL,
  jitter_ms       bigint      NOT NULL,
  -- Somebody has changed it by hand: what code says of it does not count any more.
  changed         boolean     NOT NULL,
  paused          boolean     NOT NULL DEFAULT false,
  pause_reason    text,
  -- Slots up to this time, and up to the last one that was started or skipped, are behind, whatever becomes of their instances.
  since           timestamptz NOT NULL,
  last_slot       timestamptz,
  next_slot       timestamptz,
  -- When a worker is to look at it.
  due_at          timestamptz NOT NULL,
  -- Which of its last instances had not ended when it was last looked at.
  live            text[]      NOT NULL DEFAULT '{}',
  skipped_slot    timestamptz,
  skipped_for     text        COLLATE "C"
                  CONSTRAINT schedules_reason_known CHECK (skipped_for IN ('missed', 'overlap')),
  problem         text,
  -- Grows with each change: who has looked at another one writes nothing.
  version         bigint      NOT NULL DEFAULT 1,
  created_at      timestamptz NOT NULL,
  CONSTRAINT schedules_timing_given CHECK ((cron IS NULL) <> (every_ms IS NULL)),
  CONSTRAINT schedules_skipped_has_reason CHECK ((skipped_slot IS NULL) = (skipped_for IS NULL))
);

-- Serves find-due-schedules.
CREATE INDEX schedules_due ON :schema.schedules (flow, due_at) WHERE due_at < 'infinity';

-- Slots that somebody has asked for, to be started besides those that come due.
CREATE TABLE :schema.schedule_requests (
  schedule_id  text        COLLATE "C" NOT NULL,
  instance_id  text        COLLATE "C" NOT NULL,
  slot         timestamptz NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (schedule_id, instance_id)
);

-- How long ended instances are kept, by flow; NULL for ever.
CREATE TABLE :schema.retention (
  flow         text        COLLATE "C" PRIMARY KEY,
  completed_ms bigint,
  failed_ms    bigint,
  cancelled_ms bigint,
  -- They are archived before they are removed: who does not do that leaves them alone.
  archives     boolean     NOT NULL DEFAULT false,
  -- Somebody has changed it by hand: what code says of it does not count any more.
  changed      boolean     NOT NULL DEFAULT false,
  -- When somebody is to look for what can be removed.
  due_at       timestamptz NOT NULL
);

-- Serves find-prunable: of a flow and status just the rows that are removed, in the order in which they ended.
CREATE INDEX instances_prunable ON :schema.instances (flow, status, ended_at, instance_id) WHERE ended_at IS NOT NULL;

-- A position's place in the ready index: priority with aging, exact. A priority is worth five minutes
-- of waiting; that is a constant of the schema, because the keys of waiting rows are made with it.
CREATE FUNCTION :schema.order_key(priority smallint, ready_since timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT priority * 300000000::bigint + (extract(epoch FROM ready_since) * 1000000)::bigint $$;

-- How many a limit allows to begin now by its rate, of \`burst\` at most: a token bucket, kept as the time when it is full.
CREATE FUNCTION :schema.rate_room(
  p_full_at timestamptz, p_count integer, p_per_ms bigint, p_burst integer, p_now timestamptz
) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT CASE WHEN p_count IS NULL THEN 2147483647
         ELSE floor(p_burst - greatest(extract(epoch FROM p_full_at - p_now)::float8, 0) * 1000 * p_count / p_per_ms + 1e-4)::integer END
$$;

-- After how many milliseconds it allows one more.
CREATE FUNCTION :schema.rate_wait(
  p_full_at timestamptz, p_count integer, p_per_ms bigint, p_burst integer, p_now timestamptz
) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT greatest(extract(epoch FROM p_full_at - p_now)::float8 * 1000 - (p_burst - 1) * p_per_ms::float8 / p_count, 0)
$$;

-- What a limit allows one key now, apart from what it allows all; how many it gets at a turn; and after how long a rate allows more.
CREATE FUNCTION :schema.key_room(p_limit :schema.limits, p_key text, p_tasks integer[], p_now timestamptz)
RETURNS TABLE (room integer, weight integer, wait_ms float8)
LANGUAGE sql STABLE
AS $$
  SELECT CASE WHEN coalesce(k.paused, false) THEN 0 ELSE least(f.places, f.begin) END,
         coalesce(k.weight, 1),
         -- Where a place is waited for, too, nobody knows how long.
         CASE WHEN NOT coalesce(k.paused, false) AND coalesce(f.places, 1) > 0 AND f.begin <= 0
              THEN :schema.rate_wait(k.full_at, p_limit.key_rate_count, p_limit.key_rate_per_ms, p_limit.key_rate_burst, p_now) END
  FROM (SELECT) AS one
  LEFT JOIN :schema.limit_keys AS k ON k.limit_name = p_limit.name AND k.key = p_key
  CROSS JOIN LATERAL (
    SELECT :schema.rate_room(coalesce(k.full_at, p_now), p_limit.key_rate_count, p_limit.key_rate_per_ms, p_limit.key_rate_burst,
                             p_now) AS begin,
           CASE WHEN p_limit.key_concurrency IS NOT NULL THEN p_limit.key_concurrency
             - (SELECT count(*) FROM unnest(p_tasks) AS l (lane)
                CROSS JOIN LATERAL (SELECT FROM :schema.positions AS q
                                    WHERE q.lane = l.lane AND q.limit_key = p_key AND q.worker_id IS NOT NULL) AS r)::integer
             - (SELECT count(*) FROM :schema.positions AS q WHERE q.slot_of = p_limit.name AND q.slot_key = p_key)::integer
           END AS places
  ) AS f
$$;

-- Claims ready positions before gates, as far as their limits allow (docs/protocols/limits.md).
--
-- A function, because each statement in it sees what has committed by then: a limit's lock first, then what is taken of it. Of one
-- limit, those who claim take turns; others are not concerned. Nobody takes a position before a gate in another way.
-- Half of what is free goes to what is urgent (priority 1 or 2) in its order, the rest to the keys by turns, so that none is starved.
-- Of keys that can have nothing, at most 1,000 are passed over in a call; the next one goes on there.
-- Locks: limits by name, waiting; positions, skipping locked ones; limit_keys. Index: positions_ready, positions_gated,
-- positions_admitted, positions_slots.
-- Returns what was claimed, and one row without an instance: after how long a rate allows more, if that is what is waited for.
CREATE FUNCTION :schema.claim_limited(
  p_worker_id   text,
  p_lease_ms    bigint,
  p_limit       integer,
  p_lanes       integer[],
  p_instance_id text,
  p_now         timestamptz
) RETURNS TABLE (instance_id text, path text, token bigint, scope text, next_ms float8)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
-- To plan its statements for each call would take three times as long as to run them.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  v_now    timestamptz;
  v_left   integer := p_limit;
  v_name   text;
  v_gates  integer[];
  v_opens  integer[];
  v_scopes text[];
  v_tasks  integer[];
  v_limit  :schema.limits;
  v_room   integer;
  v_taken  integer;
  v_share  integer;
  v_low    text;
  v_high   text;
  v_start  text;
  v_last   text;
  v_pick   text;
  v_before integer;
  v_seen   integer;
  v_passed integer;
  v_ids    text[];
  v_paths  text[];
  v_lanes  integer[];
  v_keys   text[];
  v_wait   float8;
  v_next   float8;
BEGIN
  FOR v_name, v_gates, v_opens, v_scopes IN
    SELECT g.limit_name, array_agg(g.lane), array_agg(b.lane), array_agg(g.limit_scope)
    FROM :schema.lanes AS g
    JOIN :schema.lanes AS b ON b.definition_hash = g.definition_hash AND b.codec = g.codec AND b.tags = g.tags AND b.limit_name = ''
    WHERE g.limit_name <> ''
      AND (p_instance_id IS NOT NULL OR NOT EXISTS (SELECT FROM :schema.paused_flows AS f WHERE f.flow = g.flow))
      AND (b.lane = ANY (p_lanes)
           OR g.lane IN (SELECT q.lane FROM :schema.positions AS q WHERE q.instance_id = p_instance_id AND q.order_key IS NOT NULL))
    GROUP BY g.limit_name
    ORDER BY g.limit_name
  LOOP
    EXIT WHEN v_left <= 0;
    -- Nobody waits: nothing is locked.
    CONTINUE WHEN NOT EXISTS (
      SELECT FROM unnest(v_gates) AS l (lane)
      CROSS JOIN LATERAL (SELECT FROM :schema.positions AS q WHERE q.lane = l.lane AND q.order_key IS NOT NULL LIMIT 1) AS w);
    SELECT n.* INTO v_limit FROM :schema.limits AS n WHERE n.name = v_name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      -- One that nobody has declared allows everything.
      INSERT INTO :schema.limits (name) VALUES (v_name) ON CONFLICT DO NOTHING;
      SELECT n.* INTO v_limit FROM :schema.limits AS n WHERE n.name = v_name FOR NO KEY UPDATE;
    END IF;
    CONTINUE WHEN v_limit.paused;
    v_now := coalesce(p_now, clock_timestamp());
    SELECT coalesce(array_agg(l.lane), '{}') INTO v_tasks
    FROM :schema.lanes AS l WHERE l.limit_name = v_name AND l.limit_scope = 'task';

    v_room := v_left;
    IF v_limit.concurrency IS NOT NULL THEN
      v_room := least(v_room, v_limit.concurrency
        - (SELECT count(*) FROM unnest(v_tasks) AS l (lane)
           CROSS JOIN LATERAL (SELECT FROM :schema.positions AS q
                               WHERE q.lane = l.lane AND q.worker_id IS NOT NULL AND q.limit_key IS NOT NULL) AS r)::integer
        - (SELECT count(*) FROM :schema.positions AS q WHERE q.slot_of = v_name)::integer);
    END IF;
    CONTINUE WHEN v_room <= 0;
    v_room := least(v_room, :schema.rate_room(coalesce(v_limit.full_at, v_now), v_limit.rate_count, v_limit.rate_per_ms,
                                              v_limit.rate_burst, v_now));
    IF v_room <= 0 THEN
      v_next := least(v_next, :schema.rate_wait(v_limit.full_at, v_limit.rate_count, v_limit.rate_per_ms, v_limit.rate_burst, v_now));
      CONTINUE;
    END IF;

    v_taken := 0;
    v_before := 0;
    v_passed := 0;
    v_share := 1;
    v_start := coalesce(v_limit.last_key, '');
    v_last := v_start;
    v_pick := CASE WHEN p_instance_id IS NULL THEN 'urgent' ELSE 'own' END;
    LOOP
      v_seen := 0;
      IF v_pick = 'own' THEN
        SELECT array_agg(f.instance_id) FILTER (WHERE f.chosen), array_agg(f.path) FILTER (WHERE f.chosen),
               array_agg(f.lane) FILTER (WHERE f.chosen), array_agg(f.limit_key) FILTER (WHERE f.chosen),
               min(f.wait_ms) FILTER (WHERE f.room <= 0)
        INTO v_ids, v_paths, v_lanes, v_keys, v_wait
        FROM (
          SELECT g.*, g.nth <= g.room
                      AND count(*) FILTER (WHERE g.nth <= g.room) OVER (ORDER BY g.order_key, g.path) <= v_room AS chosen
          FROM (
            SELECT q.*, k.room, k.wait_ms, row_number() OVER (PARTITION BY q.limit_key ORDER BY q.order_key, q.path) AS nth
            FROM (
              SELECT o.instance_id, o.path, o.lane, o.limit_key, o.order_key
              FROM :schema.positions AS o
              WHERE o.instance_id = p_instance_id AND o.order_key IS NOT NULL AND o.limit_key IS NOT NULL AND o.lane = ANY (v_gates)
              FOR NO KEY UPDATE SKIP LOCKED
            ) AS q
            CROSS JOIN LATERAL :schema.key_room(v_limit, q.limit_key, v_tasks, v_now) AS k
          ) AS g
        ) AS f;
      ELSIF v_pick = 'urgent' THEN
        -- Locked once they are chosen: the others are only looked at.
        SELECT array_agg(f.instance_id), array_agg(f.path), array_agg(f.lane), array_agg(f.limit_key)
        INTO v_ids, v_paths, v_lanes, v_keys
        FROM (
          SELECT u.instance_id, u.path, u.lane, u.limit_key
          FROM (
            SELECT h.*, row_number() OVER (PARTITION BY h.limit_key ORDER BY h.order_key, h.instance_id, h.path) AS nth
            FROM unnest(v_gates) AS l (lane)
            CROSS JOIN LATERAL (
              SELECT q.instance_id, q.path, q.lane, q.limit_key, q.order_key, q.priority
              FROM :schema.positions AS q
              WHERE q.lane = l.lane AND q.order_key IS NOT NULL
              ORDER BY q.order_key
              LIMIT 100
            ) AS h
            WHERE h.priority < 3 AND h.limit_key IS NOT NULL
          ) AS u
          CROSS JOIN LATERAL :schema.key_room(v_limit, u.limit_key, v_tasks, v_now) AS k
          WHERE u.nth <= k.room
          ORDER BY u.order_key, u.instance_id, u.path
          LIMIT (v_room + v_limit.turn % 2) / 2
        ) AS f
        CROSS JOIN LATERAL (
          SELECT FROM :schema.positions AS q
          WHERE q.instance_id = f.instance_id AND q.path = f.path AND q.lane = f.lane AND q.order_key IS NOT NULL
          FOR NO KEY UPDATE SKIP LOCKED
        ) AS locked;
      ELSE
        v_low := CASE WHEN v_pick = 'rest' THEN v_start ELSE '' END;
        v_high := CASE WHEN v_pick = 'rest' THEN NULL ELSE v_start END;
        WITH RECURSIVE turn (key, nth) AS (
          SELECT min(s.key), 1
          FROM unnest(v_gates) AS l (lane)
          CROSS JOIN LATERAL (
            SELECT q.limit_key AS key FROM :schema.positions AS q
            WHERE q.lane = l.lane AND q.order_key IS NOT NULL AND q.limit_key > v_low
            ORDER BY q.limit_key
            LIMIT 1
          ) AS s
          UNION ALL
          SELECT (SELECT min(s.key)
                  FROM unnest(v_gates) AS l (lane)
                  CROSS JOIN LATERAL (
                    SELECT q.limit_key AS key FROM :schema.positions AS q
                    WHERE q.lane = l.lane AND q.order_key IS NOT NULL AND q.limit_key > t.key
                    ORDER BY q.limit_key
                    LIMIT 1
                  ) AS s),
                 t.nth + 1
          FROM turn AS t
          WHERE t.key IS NOT NULL AND (v_high IS NULL OR t.key <= v_high) AND t.nth < 1000 - v_passed + v_room - v_taken
        ),
        picked AS MATERIALIZED (
          SELECT r.instance_id, r.path, r.lane, t.key, t.nth
          FROM turn AS t
          CROSS JOIN LATERAL :schema.key_room(v_limit, t.key, v_tasks, v_now) AS k
          CROSS JOIN LATERAL (
            SELECT c.instance_id, c.path, c.lane
            FROM (
              SELECT h.*
              FROM unnest(v_gates) AS l (lane)
              CROSS JOIN LATERAL (
                SELECT q.instance_id, q.path, q.lane, q.order_key
                FROM :schema.positions AS q
                WHERE q.lane = l.lane AND q.limit_key = t.key AND q.order_key IS NOT NULL
                ORDER BY q.order_key
                LIMIT least(k.room, v_share * k.weight)
                FOR NO KEY UPDATE SKIP LOCKED
              ) AS h
            ) AS c
            ORDER BY c.order_key, c.instance_id, c.path
            LIMIT least(k.room, v_share * k.weight)
          ) AS r
          WHERE t.key IS NOT NULL AND (v_high IS NULL OR t.key <= v_high) AND k.room > 0
          LIMIT v_room - v_taken
        ),
        found AS MATERIALIZED (
          SELECT array_agg(p.instance_id) AS ids, array_agg(p.path) AS paths, array_agg(p.lane) AS lanes, array_agg(p.key) AS keys,
                 (array_agg(p.key ORDER BY p.nth DESC))[1] AS last, count(*) < v_room - v_taken AS seen_all
          FROM picked AS p
        )
        -- What is passed over is looked at only where all of them were looked at anyway.
        SELECT f.ids, f.paths, f.lanes, f.keys,
               CASE WHEN f.seen_all THEN (SELECT count(*) FROM turn AS t WHERE t.key <> ALL (coalesce(f.keys, '{}'))) ELSE 0 END,
               CASE WHEN f.seen_all
                    THEN (SELECT max(t.key) FROM turn AS t WHERE v_high IS NULL OR t.key <= v_high) ELSE f.last END,
               CASE WHEN f.seen_all AND v_limit.key_rate_count IS NOT NULL
                    THEN (SELECT min(k.wait_ms) FROM turn AS t CROSS JOIN LATERAL :schema.key_room(v_limit, t.key, v_tasks, v_now) AS k
                          WHERE k.room <= 0 AND t.key IS NOT NULL) END
        INTO v_ids, v_paths, v_lanes, v_keys, v_seen, v_low, v_wait
        FROM found AS f;
        v_last := coalesce(v_low, v_last);
      END IF;

      v_next := least(v_next, v_wait);
      IF v_ids IS NOT NULL THEN
        RETURN QUERY
        UPDATE :schema.positions AS p
        SET lost = least(p.lost + CASE WHEN p.worker_id IS NULL THEN 0 ELSE 1 END, 32767),
            worker_id = p_worker_id,
            token = nextval(':schema.fencing_tokens'),
            since = v_now,
            available_at = v_now + p_lease_ms * interval '1 millisecond',
            order_key = NULL,
            -- Who has come through a flow's gate stands before none any more, until the instance ends.
            lane = CASE WHEN g.scope = 'flow' THEN g.open ELSE p.lane END,
            slot_of = CASE WHEN g.scope = 'flow' THEN v_name ELSE p.slot_of END,
            slot_key = CASE WHEN g.scope = 'flow' THEN p.limit_key ELSE p.slot_key END
        FROM unnest(v_ids, v_paths, v_lanes) AS c (instance_id, path, lane)
        JOIN unnest(v_gates, v_opens, v_scopes) AS g (lane, open, scope) ON g.lane = c.lane
        WHERE p.instance_id = c.instance_id AND p.path = c.path
        RETURNING p.instance_id, p.path, p.token, g.scope, NULL::float8;
        v_taken := v_taken + cardinality(v_ids);
        IF v_limit.key_rate_count IS NOT NULL THEN
          INSERT INTO :schema.limit_keys AS k (limit_name, key, full_at)
          SELECT v_name, n.key, v_now + n.many * v_limit.key_rate_per_ms / v_limit.key_rate_count::float8 * interval '1 millisecond'
          FROM (SELECT u.key, count(*) AS many FROM unnest(v_keys) AS u (key) GROUP BY u.key) AS n
          ON CONFLICT (limit_name, key) DO UPDATE
          SET full_at = greatest(k.full_at, v_now) + (excluded.full_at - v_now);
        END IF;
      END IF;
      v_passed := v_passed + v_seen;
      EXIT WHEN v_taken >= v_room OR v_pick = 'own' OR v_passed >= 1000;
      -- First those behind whose turn was last, then those before; and again, by larger shares, while there is something to take.
      IF v_pick = 'again' THEN
        EXIT WHEN v_taken = v_before;
        v_share := v_share * 2;
      END IF;
      IF v_pick <> 'rest' THEN
        v_before := v_taken;
      END IF;
      v_pick := CASE WHEN v_pick = 'rest' THEN 'again' ELSE 'rest' END;
    END LOOP;

    IF v_taken > 0 OR v_last <> v_start THEN
      UPDATE :schema.limits AS n
      SET last_key = v_last,
          turn = n.turn + v_taken,
          full_at = CASE WHEN n.rate_count IS NOT NULL
                         THEN greatest(n.full_at, v_now) + v_taken * n.rate_per_ms / n.rate_count::float8 * interval '1 millisecond' END
      WHERE n.name = v_name;
      v_left := v_left - v_taken;
    END IF;
  END LOOP;
  IF v_next IS NOT NULL THEN
    instance_id := NULL;
    next_ms := v_next;
    RETURN NEXT;
  END IF;
END
$$;

-- The value recorded under a task id. What is completed without one of its own (a delay, the end of a branch)
-- passes on another's, or the instance's input.
CREATE FUNCTION :schema.recorded_output(p_instance_id text, p_task_id text) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH RECURSIVE chain AS (
    SELECT c.output, c.output_ref, c.output IS NULL AND c.outcome = 'completed' AS passes_on, 1 AS depth
    FROM :schema.checkpoints AS c
    WHERE c.instance_id = p_instance_id AND c.task_id = p_task_id AND c.outcome IN ('completed', 'timed_out', 'tolerated')
    UNION ALL
    SELECT c.output, c.output_ref, c.output IS NULL AND c.outcome = 'completed', h.depth + 1
    FROM chain AS h
    JOIN :schema.checkpoints AS c
      ON c.instance_id = p_instance_id AND c.task_id = h.output_ref AND c.outcome IN ('completed', 'timed_out', 'tolerated')
    WHERE h.passes_on AND h.depth < 1000
  )
  SELECT CASE
           WHEN h.passes_on AND h.output_ref IS NULL
           THEN (SELECT i.input FROM :schema.instances AS i WHERE i.instance_id = p_instance_id)
           ELSE h.output
         END
  FROM chain AS h
  ORDER BY h.depth DESC
  LIMIT 1
$$;

-- Accepts an event: delivers it to a position that waits for it, or keeps it (INV-1, INV-8).
--
-- A function, because each statement in it sees what has committed by then: the mailbox's lock first,
-- then a fresh look at who waits. One round trip, and callable from SQL and triggers.
-- Locks: the instance's mailbox; then at most one position, never waiting for it. A position that is
-- locked is in the hands of somebody who will look at the buffer, or at the mailbox's version.
-- Returns 'delivered', 'buffered', 'duplicate', 'refused:<status>' or 'codec:<codec of the instance>'.
CREATE FUNCTION :schema.send_event(
  p_instance_id text,
  p_name        text,
  p_payload     bytea,
  p_codec       text DEFAULT 'json',
  p_dedup_key   text DEFAULT NULL,
  p_now         timestamptz DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_version bigint;
  v_status  text;
  v_codec   text;
  v_now     timestamptz;
  v_path    text;
  v_task_id text;
  v_attempt integer;
BEGIN
  INSERT INTO :schema.mailboxes AS m (instance_id, version) VALUES (p_instance_id, 1)
  ON CONFLICT (instance_id) DO UPDATE SET version = m.version + 1
  RETURNING m.version INTO v_version;

  v_now := coalesce(p_now, clock_timestamp());

  SELECT i.status, i.codec INTO v_status, v_codec
  FROM :schema.instances AS i WHERE i.instance_id = p_instance_id;
  IF v_status IN ('completed', 'failed', 'cancelled') THEN
    RETURN 'refused:' || v_status;
  END IF;
  IF v_codec <> p_codec THEN
    RETURN 'codec:' || v_codec;
  END IF;

  IF p_dedup_key IS NOT NULL THEN
    INSERT INTO :schema.event_keys (instance_id, dedup_key, sent_at)
    VALUES (p_instance_id, p_dedup_key, v_now)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      RETURN 'duplicate';
    END IF;
  END IF;

  IF v_status = 'in_progress'
     AND NOT EXISTS (SELECT FROM :schema.events AS e WHERE e.instance_id = p_instance_id AND e.name = p_name) THEN
    SELECT p.path, p.task_id, p.attempt INTO v_path, v_task_id, v_attempt
    FROM :schema.positions AS p
    WHERE p.instance_id = p_instance_id AND p.kind = 'wait' AND p.event = p_name
      AND p.worker_id IS NULL AND p.order_key IS NULL AND p.interrupt IS NULL
    ORDER BY p.since, p.path
    LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
      INSERT INTO :schema.checkpoints (instance_id, task_id, attempt, path, kind, outcome, output, at)
      VALUES (p_instance_id, v_task_id, v_attempt, v_path, 'wait', 'completed', p_payload, v_now)
      ON CONFLICT DO NOTHING;
      IF FOUND THEN
        UPDATE :schema.positions AS p
        SET since = v_now, available_at = v_now, order_key = :schema.order_key(p.priority, v_now)
        WHERE p.instance_id = p_instance_id AND p.path = v_path;
        RETURN 'delivered';
      END IF;
    END IF;
  END IF;

  INSERT INTO :schema.events (instance_id, name, sequence, payload, codec, sent_at)
  VALUES (p_instance_id, p_name, v_version, p_payload, p_codec, v_now);
  RETURN 'buffered';
END
$$;

-- What the end of an instance means for others: written down here, in whatever write ends it, and done later by tell_parents and
-- close-children. It only inserts rows, so that it waits for nobody.
CREATE FUNCTION :schema.note_end() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF OLD.ended_at IS NULL AND OLD.parent_id IS NOT NULL AND (OLD.awaited_at IS NOT NULL OR OLD.on_parent_close = 'wait') THEN
    INSERT INTO :schema.endings (instance_id, parent_id, parent_task_id, awaited_at, waited_for)
    VALUES (OLD.instance_id, OLD.parent_id, OLD.parent_task_id, OLD.awaited_at, OLD.on_parent_close = 'wait');
  END IF;
  IF OLD.spawns THEN
    INSERT INTO :schema.closings (instance_id, is_deleted) VALUES (OLD.instance_id, TG_OP = 'DELETE');
  END IF;
  RETURN NULL;
END
$$;

-- The conditions are looked at without a call: who has neither parent nor children pays nothing.
CREATE TRIGGER instances_ended AFTER UPDATE OF status ON :schema.instances
FOR EACH ROW
WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL AND (OLD.parent_id IS NOT NULL OR OLD.spawns))
EXECUTE FUNCTION :schema.note_end();

CREATE TRIGGER instances_deleted AFTER DELETE ON :schema.instances
FOR EACH ROW
WHEN (OLD.parent_id IS NOT NULL OR OLD.spawns)
EXECUTE FUNCTION :schema.note_end();

-- Puts an event of a child's end into its parent's mailbox, and wakes the position at p_path if it waits for it. Does nothing where
-- the parent does not stand at p_task_id any more, nor where that child's start was worked out: its row may follow later.
-- The caller has the mailbox's lock. Locks: at most one position, never waiting for it, as send_event.
CREATE FUNCTION :schema.tell_end(
  p_parent_id text,
  p_path      text,
  p_task_id   text,
  p_event     text,
  p_sequence  bigint,
  p_child_id  text,
  p_now       timestamptz
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM FROM :schema.positions AS p
  WHERE p.instance_id = p_parent_id AND p.path = p_path AND p.task_id IN (p_task_id, p_task_id || '~start');
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO :schema.events (instance_id, name, sequence, payload, codec, sent_at)
  VALUES (p_parent_id, p_event, p_sequence, convert_to(to_json(p_child_id)::text, 'UTF8'), 'json', p_now)
  ON CONFLICT DO NOTHING;
  PERFORM FROM :schema.positions AS p
  WHERE p.instance_id = p_parent_id AND p.path = p_path AND p.kind = 'wait' AND p.event = p_event
    AND p.worker_id IS NULL AND p.order_key IS NULL AND p.interrupt IS NULL
  FOR NO KEY UPDATE SKIP LOCKED;
  IF FOUND THEN
    UPDATE :schema.positions AS p
    SET since = p_now, available_at = p_now, order_key = :schema.order_key(p.priority, p_now)
    WHERE p.instance_id = p_parent_id AND p.path = p_path;
  END IF;
  RETURN true;
END
$$;

-- Tells parents of the ends of their children (INV-13): at most p_limit ends at a time.
--
-- A function, because each statement in it sees what has committed by then: the mailboxes' locks first, then a fresh look at who
-- waits, as in send_event. An end whose parent's mailbox is locked is left for later.
-- Locks: mailboxes by key, skipping locked ones; then positions, never waiting for them. Index: mailboxes_pkey, positions_pkey.
-- Returns how many ends were told, or were of no interest to anybody.
CREATE FUNCTION :schema.tell_parents(p_limit integer, p_now timestamptz DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now      timestamptz := coalesce(p_now, clock_timestamp());
  v_parents  text[];
  v_last     text[] := '{}';
  v_sequence bigint := 0;
  v_done     integer := 0;
  v_ending   :schema.endings;
  v_parent   text;
BEGIN
  DELETE FROM :schema.endings AS e
  WHERE NOT EXISTS (SELECT FROM :schema.instances AS i WHERE i.instance_id = e.parent_id);
  GET DIAGNOSTICS v_done = ROW_COUNT;

  INSERT INTO :schema.mailboxes (instance_id)
  SELECT DISTINCT e.parent_id
  FROM :schema.endings AS e
  WHERE NOT EXISTS (SELECT FROM :schema.mailboxes AS m WHERE m.instance_id = e.parent_id)
    AND EXISTS (SELECT FROM :schema.instances AS i WHERE i.instance_id = e.parent_id)
  ORDER BY e.parent_id
  ON CONFLICT DO NOTHING;

  SELECT array_agg(locked.instance_id) INTO v_parents
  FROM (
    SELECT m.instance_id
    FROM :schema.mailboxes AS m
    WHERE m.instance_id IN (SELECT e.parent_id FROM :schema.endings AS e ORDER BY e.sequence LIMIT p_limit)
    ORDER BY m.instance_id
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS locked;
  IF v_parents IS NULL THEN
    RETURN v_done;
  END IF;
  UPDATE :schema.mailboxes AS m SET version = m.version + 1 WHERE m.instance_id = ANY (v_parents);

  FOR v_ending IN
    DELETE FROM :schema.endings AS e
    USING (
      SELECT q.instance_id, q.sequence FROM :schema.endings AS q
      WHERE q.parent_id = ANY (v_parents)
      ORDER BY q.sequence
      LIMIT p_limit
    ) AS oldest
    WHERE e.instance_id = oldest.instance_id AND e.sequence = oldest.sequence
    RETURNING e.*
  LOOP
    v_done := v_done + 1;
    v_sequence := greatest(v_sequence, v_ending.sequence);
    IF v_ending.awaited_at IS NOT NULL THEN
      PERFORM :schema.tell_end(v_ending.parent_id, v_ending.awaited_at, v_ending.parent_task_id,
                               '$child:' || v_ending.parent_task_id, v_ending.sequence, v_ending.instance_id, v_now);
    END IF;
    IF v_ending.waited_for AND NOT v_ending.parent_id = ANY (v_last) THEN
      v_last := v_last || v_ending.parent_id;
    END IF;
  END LOOP;

  FOREACH v_parent IN ARRAY v_last LOOP
    IF NOT EXISTS (SELECT FROM :schema.instances AS c
                   WHERE c.parent_id = v_parent AND c.on_parent_close = 'wait' AND c.ended_at IS NULL) THEN
      PERFORM :schema.tell_end(v_parent, '', '$children', '$children', v_sequence, v_parent, v_now);
    END IF;
  END LOOP;
  RETURN v_done;
END
$$;

-- What is wrong with an id, an event's name, a dedup key or a limit's key, as the end of a sentence; NULL if nothing is. The same rule
-- as that of clients (idIssue in src/ids.ts): what they would refuse could not be reached by them. It counts UTF-16 code units, as
-- they do, and knows the white space that they know. PostgreSQL's own classes of characters depend on the locale.
CREATE FUNCTION :schema.id_problem(p_id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE
    WHEN p_id IS NULL THEN 'must not be null'
    WHEN p_id = '' THEN 'must not be empty'
    WHEN u.units > 255 THEN 'has ' || u.units || ' characters; the limit is 255'
    WHEN p_id COLLATE "C" ~ E'[\\\\u0001-\\\\u001F\\\\u007F-\\\\u009F\\\\u2028\\\\u2029]' THEN 'must not contain control characters'
    WHEN p_id COLLATE "C" ~ E'^[ \\\\u00A0\\\\u1680\\\\u2000-\\\\u200A\\\\u202F\\\\u205F\\\\u3000\\\\uFEFF]|[ \\\\u00A0\\\\u1680\\\\u2000-\\\\u200A\\\\u202F\\\\u205F\\\\u3000\\\\uFEFF]$'
      THEN 'must not start or end with white space'
  END
  -- Each character beyond U+FFFF, which takes four bytes, is two units.
  FROM (VALUES (char_length(p_id) + char_length(regexp_replace(p_id COLLATE "C", E'[\\\\u0001-\\\\uFFFF]', '', 'g')))) AS u (units)
$$;

-- Refuses what id_problem finds something wrong with.
CREATE FUNCTION :schema.require_id(p_id text, p_parameter text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_problem text := :schema.id_problem(p_id);
BEGIN
  IF v_problem IS NOT NULL THEN
    RAISE EXCEPTION '% %', p_parameter, v_problem USING ERRCODE = '22023';
  END IF;
END
$$;

-- Sends an event whose payload is plain JSON, for SQL and triggers. Workers hear of it with the commit.
-- Returns 'delivered', 'buffered' or 'duplicate'; raises an error for an instance that has ended or has another codec.
CREATE FUNCTION :schema.send_event(
  p_instance_id text,
  p_name        text,
  p_payload     jsonb,
  p_dedup_key   text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_outcome text;
BEGIN
  PERFORM :schema.require_id(p_instance_id, 'p_instance_id');
  PERFORM :schema.require_id(p_name, 'p_name');
  IF starts_with(p_name, '$child') THEN
    RAISE EXCEPTION 'p_name must not start with "$child": such names tell of the ends of children' USING ERRCODE = '22023';
  ELSIF p_dedup_key IS NOT NULL THEN
    PERFORM :schema.require_id(p_dedup_key, 'p_dedup_key');
  END IF;
  v_outcome := :schema.send_event(
    p_instance_id, p_name, convert_to(coalesce(p_payload, 'null')::text, 'UTF8'), 'json', p_dedup_key, NULL);
  IF v_outcome LIKE 'refused:%' THEN
    RAISE EXCEPTION 'instance "%" has ended: it is %', p_instance_id, substr(v_outcome, 9) USING ERRCODE = '55000';
  ELSIF v_outcome LIKE 'codec:%' THEN
    RAISE EXCEPTION 'instance "%" uses codec "%", in which SQL can''t write', p_instance_id, substr(v_outcome, 7)
      USING ERRCODE = '55000';
  ELSIF v_outcome = 'delivered' THEN
    PERFORM pg_notify('waymark_' || trim(BOTH '"' FROM ':schema'), '0:r');
  END IF;
  RETURN v_outcome;
END
$$;

-- Changes the state that an instance's tasks share, from outside: an entry that says so, the state's next version, and an event,
-- all of it or nothing. p_version is the version that the caller has made; null for none.
--
-- A function, because each statement in it sees what has committed by then, and because it commits as soon as the version is
-- written: a checkpoint that writes the same one waits for that. What may take longer comes before.
-- Locks: the instance, shared, so that it doesn't end meanwhile (a checkpoint that would end it is busy); then as send_event.
-- Returns 'applied', or what send_event returned if there is an event; 'duplicate', 'conflict', 'missing',
-- 'refused:<status>' or 'codec:<codec of the instance>'.
CREATE FUNCTION :schema.apply_update(
  p_instance_id text,
  p_task_id     text,
  p_name        text,
  p_reply       bytea,
  p_state_id    text,
  p_version     integer,
  p_state       bytea,
  p_event       text,
  p_payload     bytea,
  p_codec       text,
  p_now         timestamptz DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_status  text;
  v_codec   text;
  v_now     timestamptz;
  v_outcome text := 'applied';
BEGIN
  SELECT i.status, i.codec INTO v_status, v_codec
  FROM :schema.instances AS i WHERE i.instance_id = p_instance_id FOR SHARE OF i;
  IF NOT FOUND THEN
    RETURN 'missing';
  ELSIF EXISTS (SELECT FROM :schema.checkpoints AS c
                WHERE c.instance_id = p_instance_id AND c.task_id = p_task_id AND c.attempt = 1) THEN
    RETURN 'duplicate';
  ELSIF v_status IN ('completed', 'failed', 'cancelled') THEN
    RETURN 'refused:' || v_status;
  ELSIF v_codec <> p_codec THEN
    RETURN 'codec:' || v_codec;
  END IF;
  -- A version need not be there to be taken: an instance that has continued as new keeps the last one alone.
  IF EXISTS (SELECT FROM :schema.checkpoints AS c
             WHERE c.instance_id = p_instance_id AND c.task_id = p_state_id AND c.attempt >= p_version) THEN
    RETURN 'conflict';
  END IF;
  v_now := coalesce(p_now, clock_timestamp());

  INSERT INTO :schema.checkpoints (instance_id, task_id, attempt, path, kind, outcome, output, decision, at)
  VALUES (p_instance_id, p_task_id, 1, '', 'update', 'noted', p_reply, p_name, v_now)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'duplicate';
  END IF;

  IF p_event IS NOT NULL THEN
    v_outcome := :schema.send_event(p_instance_id, p_event, p_payload, p_codec, NULL, p_now);
  END IF;

  IF p_version IS NOT NULL THEN
    INSERT INTO :schema.checkpoints (instance_id, task_id, attempt, path, kind, outcome, output, output_ref, at)
    VALUES (p_instance_id, p_state_id, p_version, '', 'state', 'noted', p_state, p_task_id, v_now);
  END IF;
  RETURN v_outcome;
EXCEPTION WHEN unique_violation THEN
  -- Somebody else has written this version: what was written above is undone.
  RETURN 'conflict';
END
$$;

-- Starts an instance, for SQL and triggers: the same rows that a client makes. Workers hear of it with the commit.
--
-- Of the definitions with this flow's name the one that was published last is taken, unless its hash is given. The input is
-- stored as it is: the flow's input schema is not applied. p_deadline counts from when it starts, and replaces the flow's.
-- p_limit_key says whose share of the flow's limit it takes, where that has keys: here is nobody who could make it of the input.
-- Returns whether it was made; \`false\` with p_on_conflict = 'useExisting' if the id was taken.
-- Locks: the new rows.
CREATE FUNCTION :schema.submit(
  p_flow            text,
  p_instance_id     text,
  p_input           jsonb DEFAULT 'null',
  p_priority        integer DEFAULT 3,
  p_tags            text[] DEFAULT '{}',
  p_labels          jsonb DEFAULT '{}',
  p_start_after     interval DEFAULT '0',
  p_on_conflict     text DEFAULT 'fail',
  p_definition_hash text DEFAULT NULL,
  p_deadline        interval DEFAULT NULL,
  p_limit_key       text DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_definition :schema.definitions;
  v_after      bigint := extract(epoch FROM p_start_after) * 1000;
  v_span       bigint := ceil(extract(epoch FROM p_deadline) * 1000);
  v_now        timestamptz := clock_timestamp();
  v_deadline   timestamptz;
BEGIN
  PERFORM :schema.require_id(p_instance_id, 'p_instance_id');
  IF p_priority IS NULL OR p_priority NOT BETWEEN 1 AND 5 THEN
    RAISE EXCEPTION 'p_priority must be from 1 to 5' USING ERRCODE = '22023';
  ELSIF p_tags IS NULL OR cardinality(p_tags) > 32
        OR EXISTS (SELECT FROM unnest(p_tags) AS t (tag) WHERE (t.tag ~ '^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}$') IS NOT TRUE) THEN
    RAISE EXCEPTION 'p_tags must be at most 32 names' USING ERRCODE = '22023';
  ELSIF jsonb_typeof(p_labels) IS DISTINCT FROM 'object'
        OR EXISTS (SELECT FROM jsonb_each(p_labels) AS l WHERE jsonb_typeof(l.value) <> 'string') THEN
    RAISE EXCEPTION 'p_labels must be an object of strings' USING ERRCODE = '22023';
  ELSIF v_after IS NULL OR v_after < 0 THEN
    RAISE EXCEPTION 'p_start_after must not be negative' USING ERRCODE = '22023';
  ELSIF v_span < 1 THEN
    RAISE EXCEPTION 'p_deadline must be at least 1 ms' USING ERRCODE = '22023';
  ELSIF p_on_conflict IS NULL OR p_on_conflict NOT IN ('fail', 'useExisting') THEN
    RAISE EXCEPTION 'p_on_conflict must be fail or useExisting' USING ERRCODE = '22023';
  END IF;

  SELECT d.* INTO v_definition
  FROM :schema.definitions AS d
  WHERE d.flow = p_flow AND (p_definition_hash IS NULL OR d.definition_hash = p_definition_hash)
  ORDER BY d.published_at DESC, d.definition_hash
  LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'flow "%" is not known here', p_flow
      USING ERRCODE = '42704', HINT = 'Start a worker that runs it, or call client.publish([flow]), with a backend that has JsonCodec.';
  END IF;

  IF v_definition.start_policy IS NOT NULL THEN
    RAISE EXCEPTION 'flow "%" starts one instance for several submissions (%), which only a client can do', p_flow, v_definition.start_policy
      USING ERRCODE = '0A000', HINT = 'Submit it with client.submit(flow, id, input, { tx }), or leave that option out of the flow.';
  END IF;

  IF EXISTS (SELECT FROM jsonb_array_elements(v_definition.positions) AS e (position) WHERE (e.position ->> 'asks_key')::boolean) THEN
    IF p_limit_key IS NULL THEN
      RAISE EXCEPTION 'flow "%" is limited by key: p_limit_key must say whose share the instance takes', p_flow USING ERRCODE = '22023';
    END IF;
    PERFORM :schema.require_id(p_limit_key, 'p_limit_key');
  ELSIF p_limit_key IS NOT NULL THEN
    RAISE EXCEPTION 'flow "%" is not limited by key: p_limit_key must be left out', p_flow USING ERRCODE = '22023';
  END IF;

  v_deadline := v_now + (v_after + coalesce(v_span, v_definition.deadline_ms)) * interval '1 millisecond';

  INSERT INTO :schema.instances (instance_id, flow, definition_hash, codec, input, priority, tags, labels, spawns, created_at,
                                 deadline_at)
  VALUES (p_instance_id, p_flow, v_definition.definition_hash, 'json',
          convert_to(coalesce(p_input, 'null')::text, 'UTF8'), p_priority,
          ARRAY(SELECT DISTINCT t.tag COLLATE "C" AS tag FROM unnest(p_tags) AS t (tag) ORDER BY 1), p_labels,
          NULLIF(v_definition.spawns, false), v_now,
          v_deadline)
  ON CONFLICT (instance_id) DO NOTHING;
  IF NOT FOUND THEN
    IF p_on_conflict = 'useExisting' THEN
      RETURN false;
    END IF;
    RAISE EXCEPTION 'instance "%" exists', p_instance_id
      USING ERRCODE = '23505', HINT = 'Pass p_on_conflict => ''useExisting'' where a repeated request is to do nothing.';
  END IF;

  IF v_definition.awaits_events THEN
    INSERT INTO :schema.mailboxes (instance_id) VALUES (p_instance_id) ON CONFLICT DO NOTHING;
  END IF;

  INSERT INTO :schema.positions (instance_id, path, task_id, kind, lane, priority, attempt, pending, input_ref, event,
                                 token, since, limit_key, wake_at, available_at, order_key)
  SELECT p_instance_id, f.path, f.task_id,
         CASE WHEN v_after > 0 AND f.wake_after IS NOT NULL THEN 'delay' ELSE f.kind END,
         f.lane, coalesce(f.priority, p_priority), 1, f.pending, f.input_ref,
         CASE WHEN v_after > 0 AND f.wake_after IS NOT NULL THEN NULL ELSE f.event END,
         0, v_now, CASE WHEN f.asks_key THEN p_limit_key ELSE f.limit_key END,
         CASE WHEN f.wake_after + v_after > 0 THEN v_now + (f.wake_after + v_after) * interval '1 millisecond' END,
         CASE WHEN f.wake_after IS NULL THEN 'infinity'
              ELSE v_now + (f.wake_after + v_after) * interval '1 millisecond' END,
         CASE WHEN f.wake_after + v_after = 0
              THEN :schema.order_key(coalesce(f.priority, p_priority)::smallint, v_now) + f.ordinal END
  FROM ROWS FROM (
    jsonb_to_recordset(v_definition.positions)
    AS (path text, task_id text, kind text, lane integer, priority integer, pending integer, input_ref text, event text,
        wake_after bigint, limit_key text, asks_key boolean)
  ) WITH ORDINALITY AS f (path, task_id, kind, lane, priority, pending, input_ref, event, wake_after, limit_key, asks_key, ordinal);

  IF v_deadline IS NOT NULL THEN
    INSERT INTO :schema.positions (instance_id, path, task_id, kind, lane, priority, since, wake_at, available_at)
    VALUES (p_instance_id, '$deadline', '$deadline', 'delay', v_definition.deadline_lane, 1, v_now, v_deadline, v_deadline);
  END IF;

  PERFORM pg_notify('waymark_' || trim(BOTH '"' FROM ':schema'), '0:r');
  RETURN true;
END
$$;

-- A payload as jsonb, for people. What is not valid jsonb (NUL, lone surrogates, another codec) is
-- shown as text instead of breaking the view.
CREATE FUNCTION :schema.payload_json(codec text, payload bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF payload IS NULL THEN
    RETURN NULL;
  END IF;
  IF codec = 'json' THEN
    BEGIN
      RETURN convert_from(payload, 'UTF8')::jsonb;
    EXCEPTION WHEN OTHERS THEN
      BEGIN
        RETURN to_jsonb(convert_from(payload, 'UTF8'));
      EXCEPTION WHEN OTHERS THEN
        RETURN jsonb_build_object('hex', encode(payload, 'hex'));
      END;
    END;
  END IF;
  RETURN jsonb_build_object('codec', codec, 'hex', encode(payload, 'hex'));
END
$$;

CREATE VIEW :schema.instances_json AS
SELECT i.instance_id, i.flow, i.status,
       :schema.payload_json(i.codec, i.input) AS input,
       :schema.payload_json(i.codec, i.output) AS output,
       :schema.payload_json(i.codec, i.failure) AS failure,
       i.stood_at, i.reason, i.priority, i.tags, i.labels, i.codec, i.definition_hash, i.forked_from,
       i.forked_at, i.parent_id, i.parent_task_id, i.on_parent_close, i.run, i.created_at, i.deadline_at, i.ended_at
FROM :schema.instances AS i;

CREATE VIEW :schema.checkpoints_json AS
SELECT c.instance_id, c.sequence, c.task_id, c.attempt, c.path, c.kind, c.outcome,
       :schema.payload_json(i.codec, c.output) AS output,
       c.output_ref,
       :schema.payload_json(i.codec, c.failure) AS failure,
       c.decision, c.worker_id, c.duration_ms, c.at
FROM :schema.checkpoints AS c
JOIN :schema.instances AS i ON i.instance_id = c.instance_id;

-- The outputs that stood after an entry of the history. What passes on another's (a delay) has none of its own. Those of
-- the JSON codec are shown as what they are.
CREATE FUNCTION :schema.outputs_at(p_instance_id text, p_sequence bigint)
RETURNS TABLE (task_id text, kind text, output jsonb)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT c.task_id, c.kind, :schema.payload_json(i.codec, c.output)
  FROM :schema.checkpoints AS c
  JOIN :schema.instances AS i ON i.instance_id = c.instance_id
  WHERE c.instance_id = p_instance_id AND c.sequence <= p_sequence
    AND c.outcome = 'completed' AND c.output IS NOT NULL
  ORDER BY c.sequence
$$;

-- What was recorded after one entry of the history, up to and with another.
CREATE FUNCTION :schema.history_diff(p_instance_id text, p_from bigint, p_to bigint)
RETURNS SETOF :schema.checkpoints_json
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT c.*
  FROM :schema.checkpoints_json AS c
  WHERE c.instance_id = p_instance_id AND c.sequence > p_from AND c.sequence <= p_to
  ORDER BY c.sequence
$$;

-- Where live instances stand and what they wait for.
CREATE VIEW :schema.positions_now AS
SELECT p.instance_id, i.flow, p.path, p.task_id, p.kind, p.attempt, p.priority, l.tags,
       CASE
         WHEN p.interrupt = 'paused' THEN 'paused'
         WHEN p.worker_id IS NOT NULL AND p.available_at > clock_timestamp() THEN 'running'
         WHEN p.worker_id IS NOT NULL THEN 'lease expired'
         WHEN p.order_key IS NOT NULL AND EXISTS (SELECT FROM :schema.paused_flows AS f WHERE f.flow = l.flow) THEN 'flow paused'
         WHEN p.order_key IS NOT NULL AND l.limit_name <> '' THEN 'waiting for limit ' || l.limit_name
         WHEN p.order_key IS NOT NULL THEN 'ready'
         WHEN p.kind = 'join' AND p.pending > 0 THEN 'joining ' || p.pending
         WHEN p.kind = 'wait' THEN 'awaiting ' || p.event
         WHEN p.path = '$deadline' THEN 'deadline'
         WHEN p.kind = 'delay' THEN 'delayed'
         WHEN p.attempt > 1 THEN 'retrying'
         ELSE 'sleeping'
       END AS state,
       p.worker_id, p.lost, NULLIF(p.available_at, 'infinity') AS available_at, p.wake_at,
       CASE WHEN p.progress_of = p.task_id THEN :schema.payload_json(i.codec, p.progress) END AS progress,
       CASE WHEN p.progress_of = p.task_id THEN p.progress_at END AS progress_at
FROM :schema.positions AS p
JOIN :schema.instances AS i ON i.instance_id = p.instance_id
LEFT JOIN :schema.lanes AS l ON l.lane = p.lane;

-- What should go on, and what nothing moves: empty when all is well. What is paused, waits for a limit, an event or its time, or stands in a
-- queue that somebody works on, is not stuck. A minute is more than any poll takes.
CREATE VIEW :schema.stuck_instances AS
SELECT stuck.instance_id, i.flow, stuck.path, stuck.task_id, stuck.since, stuck.reason, stuck.remedy
FROM (
  SELECT p.instance_id, p.path, p.task_id, p.available_at AS since,
         'the lease of ' || p.worker_id || ' has run out, and nobody takes over' AS reason,
         'no worker polls this schema: start one, or look at its log' AS remedy
  FROM :schema.positions AS p
  WHERE p.order_key IS NULL AND p.available_at < clock_timestamp() - interval '1 minute' AND p.worker_id IS NOT NULL
  UNION ALL
  SELECT p.instance_id, p.path, p.task_id, p.available_at,
         'its time has come, and nobody takes it',
         'no worker polls this schema: start one, or look at its log'
  FROM :schema.positions AS p
  WHERE p.order_key IS NULL AND p.available_at < clock_timestamp() - interval '1 minute' AND p.worker_id IS NULL
  UNION ALL
  SELECT p.instance_id, p.path, p.task_id, p.available_at,
         'it is ready, and no worker that is alive knows version ' || left(l.definition_hash, 12) || ' of ' || l.flow
           || CASE WHEN l.tags = '{}' THEN '' ELSE ' with the tags ' || array_to_string(l.tags, ', ') END,
         'start a worker with that version and these tags, or migrate the instance to a version that runs'
  FROM :schema.lanes AS l
  JOIN :schema.positions AS p ON p.lane = l.lane AND p.order_key IS NOT NULL
  WHERE p.available_at < clock_timestamp() - interval '1 minute'
    AND NOT EXISTS (SELECT FROM :schema.paused_flows AS f WHERE f.flow = l.flow)
    AND NOT EXISTS (SELECT FROM :schema.workers AS w
                    JOIN :schema.lanes AS s ON s.lane = ANY (w.lanes)
                    WHERE w.seen_at > clock_timestamp() - interval '1 minute' AND s.definition_hash = l.definition_hash
                      AND s.codec = l.codec AND s.tags = l.tags)
  UNION ALL
  SELECT p.instance_id, p.path, p.task_id, p.since,
         'it waits for ' || p.pending || ' branches, and there are none',
         'this must not happen: keep what the instance has recorded, and fork it before this task'
  FROM :schema.positions AS p
  WHERE p.kind = 'join' AND p.pending > 0
    AND NOT EXISTS (SELECT FROM :schema.positions AS o
                    WHERE o.instance_id = p.instance_id AND o.path <> p.path AND o.path <> '$deadline')
  UNION ALL
  SELECT e.instance_id, '', e.parent_task_id, i.ended_at,
         'it has ended, and its parent ' || e.parent_id || ' has not been told',
         'workers do that when they look for what has come due: start one, or look at its log'
  FROM :schema.endings AS e
  JOIN :schema.instances AS i ON i.instance_id = e.instance_id
  WHERE i.ended_at < clock_timestamp() - interval '1 minute'
) AS stuck
JOIN :schema.instances AS i ON i.instance_id = stuck.instance_id;
`,
  },
];
