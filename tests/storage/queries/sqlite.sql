-- name: limit_pages
PRAGMA max_page_count = 120;

-- name: unlimit_pages
PRAGMA max_page_count = 1000000;

-- name: check_integrity
PRAGMA integrity_check;

-- name: read_journal_mode
PRAGMA journal_mode;

-- name: read_synchronous
PRAGMA synchronous;

-- name: read_foreign_keys
PRAGMA foreign_keys;

-- name: insert_orphan
INSERT INTO projects (organization_no, id, slug, name) VALUES (999, 'p', 'p', 'p') RETURNING project_no;

-- name: commit_early
COMMIT;
