-- name: insert_execution
-- Record how an execution ended.
INSERT INTO executions (run_no, epoch, node_no, started_at, ended_at, status)
VALUES (:run_no, :epoch, :node_no, :started_at, :ended_at, :status);

-- name: record_held_execution
-- Record how the execution that holds a run, if there is one, ended.
INSERT INTO executions (run_no, epoch, node_no, started_at, ended_at, status)
SELECT run_no, epoch, node_no, executing_since, :ended_at, :status FROM runs
WHERE run_no = :run_no AND status = 'EXECUTING';

-- name: record_lost_executions
-- Record that every execution of a node was lost.
INSERT INTO executions (run_no, epoch, node_no, started_at, ended_at, status)
SELECT run_no, epoch, node_no, executing_since, :ended_at, 'LOST' FROM runs WHERE node_no = :node_no;

-- name: insert_node
-- Create a node; its number.
INSERT INTO nodes (id, started_at, lease_until) VALUES (:id, :now, :lease_until) RETURNING node_no;

-- name: renew_lease
-- A node goes on to hold its executions.
UPDATE nodes SET lease_until = :lease_until WHERE node_no = :node_no;

-- name: list_expired_nodes
-- Nodes that hold executions and whose lease has run out.
SELECT node_no FROM nodes WHERE lease_until <= :now AND node_no <> :own_node_no
  AND EXISTS (SELECT 1 FROM runs WHERE runs.node_no = nodes.node_no);

-- name: list_other_nodes
-- Nodes, other than this one, that hold executions.
SELECT node_no FROM nodes WHERE node_no <> :own_node_no
  AND EXISTS (SELECT 1 FROM runs WHERE runs.node_no = nodes.node_no);

-- name: find_last_port
-- Where the node before this one listened.
SELECT port FROM nodes WHERE port IS NOT NULL ORDER BY node_no DESC LIMIT 1;

-- name: keep_port
-- Remember where a node listens.
UPDATE nodes SET port = :port WHERE node_no = :node_no;
