-- Where the projection of each channel stands. It moves in the same transaction as the rows.
CREATE TABLE checkpoint (
    channel TEXT PRIMARY KEY,
    block BIGINT NOT NULL,
    block_sha256 TEXT NOT NULL,
    block_at BIGINT NOT NULL
);

-- Every record as it stands.
CREATE TABLE record (
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    community TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    block BIGINT NOT NULL,
    tx_index BIGINT NOT NULL,
    tx_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (channel, key)
);
CREATE INDEX record_kind ON record (community, kind, key);

-- Every version of every record; value is null where it was deleted.
CREATE TABLE history (
    channel TEXT NOT NULL,
    block BIGINT NOT NULL,
    tx_index BIGINT NOT NULL,
    key TEXT NOT NULL,
    community TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT,
    tx_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (channel, block, tx_index, key)
);
CREATE INDEX history_key ON history (community, key, block, tx_index);

-- Every transaction of the chaincode with its outcome and who endorsed it. missing names the
-- organisations for which the substitute stood in.
CREATE TABLE ledger_transaction (
    channel TEXT NOT NULL,
    block BIGINT NOT NULL,
    tx_index BIGINT NOT NULL,
    tx_id TEXT NOT NULL,
    community TEXT NOT NULL,
    name TEXT NOT NULL,
    creator TEXT NOT NULL,
    endorsers TEXT NOT NULL,
    missing TEXT NOT NULL,
    code TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (channel, block, tx_index)
);
CREATE INDEX ledger_transaction_community ON ledger_transaction (community, block, tx_index);
CREATE INDEX ledger_transaction_id ON ledger_transaction (tx_id);

-- Every event of the chaincode, in the order of the ledger.
CREATE TABLE event (
    channel TEXT NOT NULL,
    block BIGINT NOT NULL,
    tx_index BIGINT NOT NULL,
    event_index BIGINT NOT NULL,
    community TEXT NOT NULL,
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    tx_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (channel, block, tx_index, event_index)
);
CREATE INDEX event_community ON event (community, block, tx_index, event_index);

-- The words of texts that people search, for each record as it stands.
CREATE TABLE word (
    community TEXT NOT NULL,
    word TEXT NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (community, word, key)
);
CREATE INDEX word_key ON word (channel, key);

-- The hashes of documents that the ledger names now or named once.
CREATE TABLE named_hash (
    community TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    key TEXT NOT NULL,
    channel TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes_count BIGINT NOT NULL,
    PRIMARY KEY (community, sha256, key)
);
CREATE INDEX named_hash_sha256 ON named_hash (sha256);
