-- Who is told of events. The position is that of the last event that was delivered or given up;
-- so the event table is the outbox, and what is owed survives a crash and a rebuild.
CREATE TABLE webhook (
    id TEXT PRIMARY KEY,
    community TEXT NOT NULL,
    channel TEXT NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    generation BIGINT NOT NULL,
    block BIGINT NOT NULL,
    tx_index BIGINT NOT NULL,
    event_index BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    made_at BIGINT NOT NULL
);

-- Deliveries that were given up after all attempts.
CREATE TABLE dead_letter (
    webhook_id TEXT NOT NULL,
    block BIGINT NOT NULL,
    tx_index BIGINT NOT NULL,
    event_index BIGINT NOT NULL,
    delivery_id TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (webhook_id, block, tx_index, event_index)
);
