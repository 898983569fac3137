-- Tokens and ended runs of each day, assistant and model: what `GET /usage` adds up. `day`: days since 1970, UTC.
-- A row grows in the very unit that stores a turn's usage or a run's end, so it never differs from the runs.

CREATE TABLE usage (
    workspace         TEXT NOT NULL,
    day               INTEGER NOT NULL,
    assistant_id      TEXT NOT NULL,
    model             TEXT NOT NULL,
    runs              INTEGER NOT NULL,
    turns             INTEGER NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    total_tokens      INTEGER NOT NULL,
    cached_tokens     INTEGER NOT NULL,
    reasoning_tokens  INTEGER NOT NULL,
    PRIMARY KEY (workspace, day, assistant_id, model)
) STRICT, WITHOUT ROWID;

-- What was used before there was this table, on the day on which the run was created.
INSERT INTO usage
SELECT
    runs.workspace,
    runs.created_at / 86400000,
    runs.assistant_id,
    runs.model,
    count(DISTINCT CASE WHEN runs.status IN ('completed', 'failed', 'cancelled', 'expired', 'incomplete') THEN runs.id END),
    count(steps.usage),
    coalesce(sum(json_extract(steps.usage, '$.prompt_tokens')), 0),
    coalesce(sum(json_extract(steps.usage, '$.completion_tokens')), 0),
    coalesce(sum(json_extract(steps.usage, '$.total_tokens')), 0),
    0,
    0
FROM runs LEFT JOIN steps ON steps.run_id = runs.id
GROUP BY 1, 2, 3, 4;
