-- name: insert_organization
-- Create an organization unless its slug exists.
INSERT INTO organizations (id, slug, title) VALUES (:id, :slug, :title) ON CONFLICT DO NOTHING;

-- name: insert_project
-- Create a project unless its slug exists.
INSERT INTO projects (organization_no, id, slug, name)
SELECT organization_no, :id, :slug, :name FROM organizations WHERE slug = :organization
ON CONFLICT DO NOTHING;

-- name: insert_environment
-- Create a project's environment unless its slug exists.
INSERT INTO environments (project_no, id, slug, type, created_at)
SELECT project_no, :id, :slug, :type, :now FROM projects WHERE slug = :project
ON CONFLICT DO NOTHING;

-- name: find_environment
-- An environment with its project and organization.
SELECT e.environment_no, e.id, e.slug, e.type, p.id, p.slug, p.name, o.id, o.slug, o.title, e.created_at
FROM environments e JOIN projects p USING (project_no) JOIN organizations o USING (organization_no)
WHERE p.slug = :project AND e.slug = :slug;

-- name: list_environments
-- The environments of a project, in the order of their creation.
SELECT e.environment_no, e.id, e.slug, e.type, p.id, p.slug, p.name, o.id, o.slug, o.title, e.created_at
FROM environments e JOIN projects p USING (project_no) JOIN organizations o USING (organization_no)
WHERE p.slug = :project ORDER BY e.environment_no LIMIT :limit;

-- name: insert_account
-- Create an external account unless it exists.
INSERT INTO accounts (environment_no, id) VALUES (:environment_no, :id) ON CONFLICT DO NOTHING;

-- name: find_account
-- The number of an external account, and what it is known by.
SELECT account_no, metadata FROM accounts WHERE environment_no = :environment_no AND id = :id;
