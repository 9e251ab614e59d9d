-- The state of pivotal-sync, made to be read. Times are ISO 8601 UTC text, JSON columns hold JSON text, ids are opaque.
-- Start at the views: v_customers, v_pending, v_held, v_quarantined, v_runs, v_history.

-- One row per run: one pass through pull, bind, desire, plan, apply.
CREATE TABLE run (
    id          INTEGER PRIMARY KEY,           -- counted from 1
    kind        TEXT NOT NULL,                 -- plan, sync, backfill, audit, undo
    asked_by    TEXT NOT NULL,                 -- command, schedule, webhook, signal
    status      TEXT NOT NULL,                 -- running, complete, partial, failed, interrupted
    started_at  TEXT NOT NULL,
    finished_at TEXT,                          -- empty while it runs
    report      TEXT,                          -- the JSON object that `--json` prints; of a run under way, how far it is
    forgotten   INTEGER NOT NULL DEFAULT 0     -- 1 once what it did was removed after store.retention, as a whole or in part
) STRICT;
CREATE INDEX run_by_end ON run (finished_at);

-- How far each stream has been pulled. The cursor is opaque text owned by the source adapter.
CREATE TABLE cursor (
    stream       TEXT PRIMARY KEY,             -- hubspot.companies, stripe.customers, ...
    position     TEXT NOT NULL,                -- opaque
    keeps        TEXT NOT NULL,                -- how records are read, and the properties kept, a line each; when a rule needs more the stream is read anew
    listing      INTEGER,                      -- number of the complete listing under way; empty when none is
    listings     INTEGER NOT NULL DEFAULT 0,   -- complete listings begun so far
    complete_at  TEXT,                         -- when a complete listing last came to its end
    pulled_at    TEXT NOT NULL                 -- when the last page was stored
) STRICT;

-- One row per source record, as the source last showed it.
CREATE TABLE record (
    stream      TEXT NOT NULL,
    external_id TEXT NOT NULL,
    entity_id   INTEGER REFERENCES entity (id),-- the entity it speaks of; empty until bound
    state       TEXT NOT NULL,                 -- live, archived, deleted, merged, malformed
    merged_into TEXT,                          -- the surviving external id, when state is merged
    facts       TEXT NOT NULL,                 -- JSON: identity facts, typed
    properties  TEXT NOT NULL,                 -- JSON: the properties that some rule reads
    problem     TEXT,                          -- why it could not be bound, in words: an ambiguity that a person decides
    rift        TEXT,                          -- while it looks like one account with records of other customers and stays where it is: why, in words
    rivals      TEXT,                          -- JSON: those records, or those it is ambiguous between, a list of [stream, external id]
    unreadable  TEXT,                          -- why the source's last showing of it could not be read; older facts stay valid
    changed_at  TEXT,                          -- when the source last changed it, if it says
    seen_at     TEXT NOT NULL,                 -- when it was last stored here because it differed
    gone_at     TEXT,                          -- when it was first seen gone
    listing     INTEGER NOT NULL DEFAULT 0,    -- the complete listing that last showed it
    touched     INTEGER NOT NULL DEFAULT 1,    -- 1 until binding has looked at it
    PRIMARY KEY (stream, external_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_by_entity ON record (entity_id);
CREATE INDEX record_by_state ON record (stream, state);
CREATE INDEX record_outdated ON record (stream, facts ->> '$.changes_at') WHERE facts ->> '$.changes_at' IS NOT NULL;
CREATE INDEX record_survivor ON record (stream, external_id) WHERE facts ->> '$.merged[0]' IS NOT NULL;
CREATE INDEX record_torn ON record (stream, external_id) WHERE rift IS NOT NULL;
CREATE INDEX record_doubted ON record (stream, external_id) WHERE problem IS NOT NULL;
CREATE INDEX record_touched ON record (stream, external_id) WHERE touched = 1;

-- Identity evidence: which records share a domain, an explicit id, an account. Tokens are made by the reconciler.
CREATE TABLE evidence (
    token       TEXT NOT NULL,                 -- e.g. domain:acme.com, is:hubspot:company:123, of:stripe:customer:cus_1
    stream      TEXT NOT NULL,
    external_id TEXT NOT NULL,
    PRIMARY KEY (token, stream, external_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_by_record ON evidence (stream, external_id);

-- What a person decided about a record: the newest decision stands, above all evidence. A record need not be known yet, so
-- that decisions outlive a lost store (`export decisions`, `import`).
CREATE TABLE decision (
    stream      TEXT NOT NULL,
    external_id TEXT NOT NULL,
    choice      TEXT NOT NULL,                 -- link, unlink, ignore
    pivotal_id  TEXT,                          -- link: the object it is; unlink: the object it is not
    said        TEXT,                          -- why the record was held when it was decided, in words
    was_entity  INTEGER,                       -- the entity it spoke of before anything was decided: where it goes when that is taken back
    decided_at  TEXT NOT NULL,
    PRIMARY KEY (stream, external_id)
) STRICT, WITHOUT ROWID;

-- Records that a person or a webhook says have changed: the next run reads them by id and writes what follows from them first.
CREATE TABLE nudge (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- a newer one about the same record has a higher number
    stream      TEXT NOT NULL,
    external_id TEXT NOT NULL,
    asked_by    TEXT NOT NULL,                 -- webhook, command, person
    at          TEXT NOT NULL,
    known       INTEGER NOT NULL DEFAULT 0,    -- 1 when it need not be read at its source (any more)
    UNIQUE (stream, external_id)
) STRICT;

-- The one real thing behind one Pivotal object, and our mirror of that object.
CREATE TABLE entity (
    id            INTEGER PRIMARY KEY,
    object        TEXT NOT NULL,               -- customer, contact, onboarding
    parent_id     INTEGER REFERENCES entity (id), -- the customer's entity, for contacts and onboardings
    name          TEXT NOT NULL DEFAULT '',    -- what people call it
    dirty         INTEGER NOT NULL DEFAULT 1,  -- 1 when a record or a rule changed since it was last planned
    settled       INTEGER NOT NULL DEFAULT 0,  -- 1 when nothing was owed at the last look
    urgent        INTEGER NOT NULL DEFAULT 0,  -- 1 while what is owed goes before all else: a person or a webhook touched it
    look_at       TEXT,                        -- look again then: when the grace of what left is over
    leaving       TEXT,                        -- what is done then: delete, archive
    wanted        TEXT,                        -- yes, or why it is not wanted in Pivotal; empty until first looked at
    notes         TEXT,                        -- JSON: what a person should know of it, though nothing waits for it: a list of texts
    gone_since    TEXT,                        -- when its last record was first seen gone; empty while one is there
    unselected_since    TEXT,                        -- when it was first seen outside the selection though a record is there: its grace counts from then
    left_stream   TEXT,                        -- the record that went to another entity last and left its object behind: its stream
    left_id       TEXT,                        -- and its external id
    pivotal_id    TEXT UNIQUE,                 -- the cuid; empty until the object exists
    display_id    INTEGER,                     -- the number in Pivotal's pages
    pivotal_parent TEXT,                       -- cuid of the customer the object lives under; without a pivotal_id, of the customer it vanished with
    origin        TEXT,                        -- created, adopted, linked
    state         TEXT,                        -- live, deleted, lost
    written       TEXT,                        -- JSON: the fields as last written (or found, when adopted): our mirror of Pivotal
    written_at    TEXT,
    found         TEXT,                        -- JSON: what of it was there when it was taken over; what still says so was not set here
    kept          TEXT,                        -- JSON: field -> [value]: what Pivotal answered of it when that was not what was written, or was not written at all
    refused       TEXT,                        -- JSON: fingerprint and reason, while the last operation stands refused; who has what it asked for; when, and how often in a row
    approved      TEXT,                        -- JSON: fingerprints of the held operations a person let through, until they are done
    shelved       TEXT,                        -- the status Pivotal said before the customer was archived from here: given back when it comes back
    undone        TEXT,                        -- JSON: what a person had taken back, not to be done again unasked
    slug          TEXT AS (written ->> '$.slug') VIRTUAL, -- the slug as last written
    email         TEXT AS (lower(written ->> '$.email')) VIRTUAL -- the address as last written, lower case
) STRICT;
CREATE INDEX entity_by_slug ON entity (slug) WHERE slug IS NOT NULL;
CREATE INDEX entity_by_email ON entity (email) WHERE email IS NOT NULL;
CREATE INDEX entity_by_holder ON entity (refused ->> '$.holder.entity') WHERE refused ->> '$.holder.entity' IS NOT NULL;
CREATE INDEX entity_by_display_id ON entity (object, display_id) WHERE display_id IS NOT NULL;
CREATE INDEX entity_live ON entity (object) WHERE state = 'live';
CREATE INDEX entity_by_parent ON entity (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX entity_by_customer ON entity (pivotal_parent) WHERE pivotal_parent IS NOT NULL;
CREATE INDEX entity_to_look_at ON entity (object, id) WHERE dirty = 1 OR settled = 0;
CREATE INDEX entity_noted ON entity (id) WHERE notes IS NOT NULL;
CREATE INDEX entity_urgent ON entity (id) WHERE urgent = 1;
CREATE INDEX entity_later ON entity (look_at) WHERE look_at IS NOT NULL;

-- Which Pivotal object each source record became. One row per record that speaks of an existing object.
CREATE TABLE mapping (
    stream      TEXT NOT NULL,                 -- hubspot.companies, ...
    external_id TEXT NOT NULL,
    object      TEXT NOT NULL,                 -- customer, contact, onboarding
    entity_id   INTEGER NOT NULL REFERENCES entity (id),
    pivotal_id  TEXT NOT NULL,
    display_id  INTEGER,
    origin      TEXT NOT NULL,                 -- created, adopted, linked
    state       TEXT NOT NULL,                 -- live, deleted, lost
    PRIMARY KEY (stream, external_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX mapping_by_pivotal_id ON mapping (pivotal_id);
CREATE INDEX mapping_by_entity ON mapping (entity_id);
CREATE INDEX mapping_by_display_id ON mapping (object, display_id);

-- What Pivotal held when it was last walked: the base of adoption.
CREATE TABLE remote (
    pivotal_id   TEXT PRIMARY KEY,
    object       TEXT NOT NULL,
    display_id   INTEGER,
    parent       TEXT,                         -- cuid of the customer, for contacts and onboardings
    hubspot_company_id TEXT,
    stripe_customer_id TEXT,
    domain       TEXT,                         -- lower case, international names in ASCII
    slug         TEXT,
    email        TEXT,                         -- lower case
    fields       TEXT NOT NULL,                -- JSON: everything it said
    seen_at      TEXT NOT NULL,
    notes        TEXT AS (iif(object = 'onboarding', trim(fields ->> '$.notes', char(9, 10, 13, 32)), NULL)) VIRTUAL -- of an onboarding: its notes
) STRICT, WITHOUT ROWID;
CREATE INDEX remote_by_company ON remote (hubspot_company_id) WHERE hubspot_company_id IS NOT NULL;
CREATE INDEX remote_by_stripe ON remote (stripe_customer_id) WHERE stripe_customer_id IS NOT NULL;
CREATE INDEX remote_by_domain ON remote (domain) WHERE domain IS NOT NULL;
CREATE INDEX remote_by_slug ON remote (slug) WHERE slug IS NOT NULL;
CREATE INDEX remote_by_email ON remote (email) WHERE email IS NOT NULL;
CREATE INDEX remote_by_notes ON remote (notes) WHERE notes IS NOT NULL;
CREATE INDEX remote_by_parent ON remote (parent) WHERE parent IS NOT NULL;

-- One difference between what Pivotal should say and our mirror, as the last run that looked at it planned it.
CREATE TABLE operation (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, though plans that were never carried out are dropped
    run_id      INTEGER NOT NULL REFERENCES run (id),
    entity_id   INTEGER NOT NULL REFERENCES entity (id),
    object      TEXT NOT NULL,
    verb        TEXT NOT NULL,                 -- adopt, create, update, delete
    ref         TEXT NOT NULL,                 -- hubspot:company:123
    name        TEXT NOT NULL,
    pivotal_id  TEXT,
    changes     TEXT NOT NULL,                 -- JSON: field -> {from, to}
    reason      TEXT NOT NULL,                 -- why it is owed
    state       TEXT NOT NULL,                 -- planned, done, held, quarantined, owed; superseded: a later plan replaced it after it was tried
    why         TEXT,                          -- why it is held, quarantined or still owed
    guarded     INTEGER,                       -- the run whose guard first held it, or what it is measured with; also once it was let through
    approved    INTEGER NOT NULL DEFAULT 0,    -- 1 when it was held and a person let it through, until the next plan
    choice      INTEGER NOT NULL DEFAULT 0,    -- 1 when a person must say which object it is
    waits       INTEGER NOT NULL DEFAULT 0,    -- 1 when it waits for something else, so that no run can send it yet
    settled_at  TEXT
) STRICT;
CREATE INDEX operation_by_entity ON operation (entity_id);
CREATE INDEX operation_guarded ON operation (guarded) WHERE guarded IS NOT NULL;
CREATE INDEX operation_by_run ON operation (run_id);
CREATE INDEX operation_open ON operation (state, entity_id) WHERE state IN ('planned', 'held', 'quarantined', 'owed');

-- Every write request: stored before it leaves, settled with its answer. The audit trail.
CREATE TABLE attempt (
    id              INTEGER PRIMARY KEY,
    operation_id    INTEGER NOT NULL REFERENCES operation (id),
    run_id          INTEGER NOT NULL REFERENCES run (id),
    entity_id       INTEGER NOT NULL REFERENCES entity (id),
    method          TEXT NOT NULL,
    path            TEXT NOT NULL,
    body            TEXT,                      -- the exact bytes that are sent, and sent again
    idempotency_key TEXT,                      -- POST only
    intent          TEXT NOT NULL,             -- JSON: the action, to settle the mirror with
    before          TEXT,                      -- JSON: what a DELETE takes away, as last written
    planned_at      TEXT NOT NULL,
    answered_at     TEXT,
    outcome         TEXT NOT NULL,             -- pending, done, refused, failed, unknown; unsent: the run stopped before it left
    status          INTEGER,                   -- HTTP status
    request_id      TEXT,                      -- Pivotal's own name for the answer, where it gives one
    error           TEXT,                      -- what went wrong, in words
    pivotal_id      TEXT                       -- the object it made or changed
) STRICT;
CREATE INDEX attempt_by_operation ON attempt (operation_id);
CREATE INDEX attempt_open ON attempt (id) WHERE outcome IN ('pending', 'unknown');
CREATE INDEX attempt_by_run ON attempt (run_id);

-- What audits found and what still stands of it: where Pivotal says something else than was last written there. A row goes
-- when the next audit no longer finds it, and when the field is written again.
CREATE TABLE finding (
    pivotal_id    TEXT NOT NULL,
    kind          TEXT NOT NULL,               -- edited, put_back, ids, stranger
    field         TEXT NOT NULL,               -- empty when it is about the whole object
    run_id        INTEGER NOT NULL,            -- the newest audit that found it
    object        TEXT NOT NULL,
    display_id    INTEGER,
    entity_id     INTEGER,
    ref           TEXT,                        -- hubspot:company:123
    name          TEXT NOT NULL,
    written       TEXT NOT NULL,               -- JSON: what was last written
    found         TEXT NOT NULL,               -- JSON: what Pivotal says
    wanted        TEXT,                        -- JSON: what the sources say; empty when nothing
    said          TEXT NOT NULL,               -- what it means and what follows, in words
    changed_at    TEXT,                        -- when Pivotal last changed the object; who did, it does not tell
    first_seen_at TEXT NOT NULL,               -- when an audit first found it so
    PRIMARY KEY (pivotal_id, kind, field)
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_by_entity ON finding (entity_id);

-- Facts about this store itself: workspace_id, workspace_slug, rules (fingerprint), filled_at, walked_at, rate_per_minute, guards.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per Pivotal customer. Where several records share it, a live one is shown before one that is gone.
CREATE VIEW v_customers AS
SELECT e.pivotal_id,
       e.display_id,
       e.name,
       (SELECT m.external_id FROM mapping m LEFT JOIN record r ON r.stream = m.stream AND r.external_id = m.external_id
         WHERE m.entity_id = e.id AND m.stream = 'hubspot.companies'
         ORDER BY r.state IS NOT 'live', m.external_id LIMIT 1) AS hubspot_company_id,
       (SELECT m.external_id FROM mapping m LEFT JOIN record r ON r.stream = m.stream AND r.external_id = m.external_id
         WHERE m.entity_id = e.id AND m.stream = 'stripe.customers'
         ORDER BY r.state IS NOT 'live', m.external_id LIMIT 1) AS stripe_customer_id,
       e.state
FROM entity e
WHERE e.object = 'customer' AND e.pivotal_id IS NOT NULL;

-- What is still owed to Pivotal.
CREATE VIEW v_pending AS
SELECT o.ref, o.object, o.verb, o.name, o.pivotal_id, o.changes, o.reason, o.state, o.why, o.waits, o.run_id
FROM operation o WHERE o.state IN ('planned', 'owed');

-- What waits for a person.
CREATE VIEW v_held AS
SELECT o.ref, o.object, o.verb, o.name, o.pivotal_id, o.changes, o.reason, o.why, o.run_id
FROM operation o WHERE o.state = 'held';

-- What Pivotal refused for good.
CREATE VIEW v_quarantined AS
SELECT o.ref, o.object, o.verb, o.name, o.pivotal_id, o.changes, o.reason, o.why, o.run_id
FROM operation o WHERE o.state = 'quarantined';

-- The runs, newest first.
CREATE VIEW v_runs AS
SELECT r.id, r.kind, r.asked_by, r.status, r.started_at, r.finished_at,
       json_extract(r.report, '$.operations.create') AS created,
       json_extract(r.report, '$.operations.update') AS updated,
       json_extract(r.report, '$.operations.delete') AS deleted,
       json_extract(r.report, '$.operations.held') AS held,
       json_extract(r.report, '$.operations.quarantined') AS quarantined,
       json_extract(r.report, '$.operations.owed') AS owed
FROM run r ORDER BY r.id DESC;

-- Every write: who asked for it, what was sent, what came back, before and after. What was sent may differ from what was
-- planned: another slug, an object that turned out to be there. What was taken over without a request is listed too, with
-- nothing sent.
CREATE VIEW v_history AS
WITH told AS (
    SELECT a.id AS attempt_id, o.id AS operation_id, COALESCE(a.intent ->> '$.action.do', o.verb) AS verb,
           CASE a.intent ->> '$.action.do'
               WHEN 'create' THEN (SELECT json_group_object(f.key, json_object('from', NULL, 'to', a.intent -> f.fullkey))
                                   FROM json_each(a.intent, '$.action.fields') f)
               WHEN 'delete' THEN '{}'
               ELSE COALESCE(a.intent -> '$.action.changes', o.changes)
           END AS changes
    FROM operation o LEFT JOIN attempt a ON a.operation_id = o.id
    WHERE a.id IS NOT NULL OR o.state = 'done')
SELECT o.run_id, r.kind AS run_kind, r.asked_by, COALESCE(a.planned_at, o.settled_at) AS at, o.ref, o.object, t.verb, o.name,
       COALESCE(a.pivotal_id, o.pivotal_id) AS pivotal_id, o.reason,
       CASE WHEN a.before IS NOT NULL THEN a.before WHEN t.verb = 'create' THEN '{}'
            ELSE (SELECT json_group_object(c.key, c.value -> '$.from') FROM json_each(t.changes) c) END AS before,
       (SELECT json_group_object(c.key, c.value -> '$.to') FROM json_each(t.changes) c) AS after, t.changes,
       a.method, a.path, a.body,
       CASE a.outcome WHEN 'unsent' THEN 'not sent' ELSE COALESCE(a.outcome, o.state) END AS outcome,
       a.status, a.request_id, a.error, a.answered_at, a.id AS attempt_id
FROM told t JOIN operation o ON o.id = t.operation_id JOIN run r ON r.id = o.run_id LEFT JOIN attempt a ON a.id = t.attempt_id
ORDER BY o.id DESC, a.id DESC;
