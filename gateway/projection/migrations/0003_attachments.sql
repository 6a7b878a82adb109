-- What the attachment store holds.
CREATE TABLE attachment (
    sha256 TEXT PRIMARY KEY,
    media_type TEXT NOT NULL,
    bytes_count BIGINT NOT NULL,
    stored_at BIGINT NOT NULL
);

-- Attachments of drafts that are not on the ledger yet, each until a time.
CREATE TABLE attachment_claim (
    community TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    credential_id TEXT NOT NULL,
    bytes_count BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    PRIMARY KEY (community, sha256, credential_id)
);
