-- The communities, of all records, found without looking at the others.
CREATE INDEX record_communities ON record (community) WHERE kind = 'community';
