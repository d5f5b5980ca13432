SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA golden;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE golden.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE golden.artifact_inputs (
    artifact_sequence bigint NOT NULL,
    "position" integer NOT NULL,
    input_id text NOT NULL,
    path text NOT NULL,
    kind text NOT NULL
);
COMMENT ON COLUMN golden.artifact_inputs.kind IS 'input, result or call';
CREATE TABLE golden.artifact_items (
    item text NOT NULL,
    artifact_sequence bigint NOT NULL
);
COMMENT ON COLUMN golden.artifact_items.item IS 'digest of what an artifact is found by';
CREATE TABLE golden.artifact_sets (
    sequence bigint NOT NULL,
    id text NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE golden.artifact_sets_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE golden.artifact_sets_sequence_seq OWNED BY golden.artifact_sets.sequence;
CREATE TABLE golden.artifacts (
    sequence bigint NOT NULL,
    id text NOT NULL,
    value_id text NOT NULL,
    value_encoding bytea NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    fn_module text NOT NULL,
    fn_name text NOT NULL,
    hash_scheme integer NOT NULL,
    composite boolean NOT NULL,
    serializer text NOT NULL,
    load_kwargs jsonb NOT NULL,
    dump_kwargs jsonb NOT NULL,
    value_type text NOT NULL,
    value_callable boolean NOT NULL,
    value_blob text,
    value_size bigint,
    value_inline bytea,
    inputs_blob text,
    inputs_size bigint,
    inputs_inline bytea,
    input_hashes jsonb NOT NULL,
    inputs_json jsonb NOT NULL,
    custom_fields jsonb NOT NULL,
    run_id text NOT NULL,
    hash_seconds double precision NOT NULL,
    compute_seconds double precision NOT NULL,
    value_hash_seconds double precision NOT NULL,
    store_seconds double precision NOT NULL,
    edge_count integer NOT NULL,
    recipe text,
    code_id text,
    computed_at timestamp with time zone NOT NULL,
    state text NOT NULL
);
COMMENT ON COLUMN golden.artifacts.version IS 'JSON, so that 1 and ''1'' differ';
COMMENT ON COLUMN golden.artifacts.value_inline IS 'a checksum, then the bytes';
COMMENT ON COLUMN golden.artifacts.inputs_inline IS 'a checksum, then the bytes';
COMMENT ON COLUMN golden.artifacts.state IS 'stored, failed or evicted';
CREATE SEQUENCE golden.artifacts_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE golden.artifacts_sequence_seq OWNED BY golden.artifacts.sequence;
CREATE TABLE golden.blobs (
    key text NOT NULL,
    size bigint NOT NULL,
    unreferenced_at timestamp with time zone
);
COMMENT ON COLUMN golden.blobs.unreferenced_at IS 'since when no artifact refers to it';
CREATE TABLE golden.failed_calls (
    sequence bigint NOT NULL,
    artifact_id text NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    fn_module text NOT NULL,
    fn_name text NOT NULL,
    input_hashes jsonb NOT NULL,
    inputs_json jsonb NOT NULL,
    error_type text NOT NULL,
    message text NOT NULL,
    traceback text NOT NULL,
    compute_seconds double precision NOT NULL,
    run_id text NOT NULL,
    job_id text,
    failed_at timestamp with time zone NOT NULL
);
COMMENT ON COLUMN golden.failed_calls.version IS 'JSON, so that 1 and ''1'' differ';
CREATE SEQUENCE golden.failed_calls_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE golden.failed_calls_sequence_seq OWNED BY golden.failed_calls.sequence;
CREATE TABLE golden.job_artifacts (
    job_id text NOT NULL,
    artifact_id text NOT NULL,
    used_as text NOT NULL,
    run_id text NOT NULL
);
COMMENT ON COLUMN golden.job_artifacts.used_as IS 'hit, computed or nested';
CREATE TABLE golden.jobs (
    sequence bigint NOT NULL,
    id text NOT NULL,
    labels jsonb NOT NULL,
    run_id text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone
);
CREATE SEQUENCE golden.jobs_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE golden.jobs_sequence_seq OWNED BY golden.jobs.sequence;
CREATE TABLE golden.leases (
    fence bigint NOT NULL,
    artifact_id text NOT NULL,
    holder text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
COMMENT ON COLUMN golden.leases.fence IS 'grows with each lease that is given';
CREATE SEQUENCE golden.leases_fence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE golden.leases_fence_seq OWNED BY golden.leases.fence;
CREATE TABLE golden.meta (
    key text NOT NULL,
    value bigint NOT NULL
);
CREATE TABLE golden.recipes (
    key text NOT NULL,
    artifact_sequence bigint NOT NULL
);
CREATE TABLE golden.runs (
    id text NOT NULL,
    info jsonb NOT NULL,
    recorded_at timestamp with time zone NOT NULL
);
CREATE TABLE golden.set_label_items (
    item text NOT NULL,
    labels_sequence bigint NOT NULL
);
COMMENT ON COLUMN golden.set_label_items.item IS 'digest of a label and its value';
CREATE TABLE golden.set_labels (
    sequence bigint NOT NULL,
    set_sequence bigint NOT NULL,
    labels jsonb NOT NULL,
    saved_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE golden.set_labels_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE golden.set_labels_sequence_seq OWNED BY golden.set_labels.sequence;
CREATE TABLE golden.set_members (
    set_sequence bigint NOT NULL,
    artifact_id text NOT NULL
);
ALTER TABLE ONLY golden.artifact_sets ALTER COLUMN sequence SET DEFAULT nextval('golden.artifact_sets_sequence_seq'::regclass);
ALTER TABLE ONLY golden.artifacts ALTER COLUMN sequence SET DEFAULT nextval('golden.artifacts_sequence_seq'::regclass);
ALTER TABLE ONLY golden.failed_calls ALTER COLUMN sequence SET DEFAULT nextval('golden.failed_calls_sequence_seq'::regclass);
ALTER TABLE ONLY golden.jobs ALTER COLUMN sequence SET DEFAULT nextval('golden.jobs_sequence_seq'::regclass);
ALTER TABLE ONLY golden.leases ALTER COLUMN fence SET DEFAULT nextval('golden.leases_fence_seq'::regclass);
ALTER TABLE ONLY golden.set_labels ALTER COLUMN sequence SET DEFAULT nextval('golden.set_labels_sequence_seq'::regclass);
INSERT INTO golden.alembic_version VALUES ('0003');
INSERT INTO golden.artifact_inputs VALUES (2, 0, 'd63bd9a826af91c1fea371965a64e11ee20f13e46b5f52c59901136605b3a487', 'kargs[''a'']', 'input');
INSERT INTO golden.artifact_inputs VALUES (2, 1, '58d6fd3dc609068615d66b6a2616cce521e6bd49bbcd7854e3f2573b142c6637', 'kargs[''a'']', 'call');
INSERT INTO golden.artifact_items VALUES ('NMOi_iLBXmJ_Ph5POmbc', 2);
INSERT INTO golden.artifact_items VALUES ('PzdQ5LqrAnpQx55ETex7', 2);
INSERT INTO golden.artifact_items VALUES ('nPLb3ih3MKs5j-p-AQkl', 1);
INSERT INTO golden.artifact_items VALUES ('rb9HBX5sDexRcEi7bDec', 1);
INSERT INTO golden.artifact_sets VALUES (1, 'd32aeff1d938cef768dd518b65235a568d50aba68a62c13ea462f3275710b057', '2026-11-28 16:50:25.562177+00');
INSERT INTO golden.artifacts VALUES (1, 'd63bd9a826af91c1fea371965a64e11ee20f13e46b5f52c59901136605b3a487', 'b84f7745f432b09c49cb53f49315d148696f83bcbdd6fad8df1b3a4ae8d7ac22', '\x5b0200000069010000006902000000', 'f', '0', 'tests', 'f', 1, false, 'joblib', '{}', '{}', '', false, NULL, NULL, '\x678db73d58783c1c268b7e05e5fcf10480059509000000000000005d94284b014b02652e', NULL, NULL, '\x274f02b7ec2683df5afb665728aee8ed80059526000000000000007d94288c056b61726773947d948c0473656564948c013194738c07766172617267739429752e', '{}', 'null', '{"tags": ["a"]}', 'run0000000000000000000000000000000000000000000000000000000000000', 0, 0, 0, 0, 0, '16dc009be8178f994dabb9b224a2becd36b8d8e1769d4e27e26d0506595f4c6b', NULL, '2026-01-02 03:04:05.678901+00', 'stored');
INSERT INTO golden.artifacts VALUES (2, '813e9b729141e7f385afa0a2d0df3e6c3789e427ffe4aeef566a565bc8f2fe3d', 'de84a2f7ea54cb275506e23743287addf441c0e60992959aa3ddd3a9f5f788ad', '\x48de84a2f7ea54cb275506e23743287addf441c0e60992959aa3ddd3a9f5f788ad', 'a￾0000b ￾d800 ￾fffe ￾fffe0000 ''q'' "d" % \ 
 é 日本 🎉   --; DROP TABLE artifacts', '"1.2"', 'tests', 'f', 1, false, 'joblib', '{}', '{}', '', false, 'd226e17bd9d68518f8ea5d26e95a88b2008532483a2f47a563f407aa5ac80c64', 32786, NULL, NULL, NULL, '\x048401d5359a885f4a92db2a4026cb5580059526000000000000007d94288c056b61726773947d948c0473656564948c013294738c07766172617267739429752e', '{"kargs[''a'']": "3af477da6d6b142c838f70e77aeb7b6494c07c3e870bb794bc8a9de7495e7340"}', '{"kargs": {"a": {"artifact": "d63bd9a826af91c1fea371965a64e11ee20f13e46b5f52c59901136605b3a487"}}, "varargs": []}', '{}', 'run0000000000000000000000000000000000000000000000000000000000000', 0.1, 0.2, 0.3, 0.4, 2, '6a6f84e80a6295e0cd646b7b4cd9de637bafde91ee36f8dbf872a21c238caf3c', '6abfd1c91e8f1070f0fb3ac6b6343670717f3b48abfff6076828c15e1f78bb8a', '2026-01-02 03:04:05.678901+00', 'stored');
INSERT INTO golden.blobs VALUES ('d226e17bd9d68518f8ea5d26e95a88b2008532483a2f47a563f407aa5ac80c64', 32786, NULL);
INSERT INTO golden.meta VALUES ('schema_version', 3);
INSERT INTO golden.meta VALUES ('min_reader', 1);
INSERT INTO golden.meta VALUES ('min_writer', 2);
INSERT INTO golden.meta VALUES ('sweeps', 0);
INSERT INTO golden.meta VALUES ('indexed', 2);
INSERT INTO golden.recipes VALUES ('16dc009be8178f994dabb9b224a2becd36b8d8e1769d4e27e26d0506595f4c6b', 1);
INSERT INTO golden.recipes VALUES ('6a6f84e80a6295e0cd646b7b4cd9de637bafde91ee36f8dbf872a21c238caf3c', 2);
INSERT INTO golden.runs VALUES ('run0000000000000000000000000000000000000000000000000000000000000', '{"argv": ["a", "b"], "host": "here"}', '2026-11-28 16:50:25.554801+00');
INSERT INTO golden.set_label_items VALUES ('de18498b97f070444d56ded615c0acd988eb51317a3e35c614e61dbe2413601a', 1);
INSERT INTO golden.set_label_items VALUES ('95d17cfe46205259dce8918962851f79cca64fd9fef91eb9f22172c51c428e24', 1);
INSERT INTO golden.set_labels VALUES (1, 1, '{"n": 1, "name": "golden"}', '2026-11-28 16:50:25.562177+00');
INSERT INTO golden.set_members VALUES (1, 'd63bd9a826af91c1fea371965a64e11ee20f13e46b5f52c59901136605b3a487');
INSERT INTO golden.set_members VALUES (1, '813e9b729141e7f385afa0a2d0df3e6c3789e427ffe4aeef566a565bc8f2fe3d');
SELECT pg_catalog.setval('golden.artifact_sets_sequence_seq', 1, true);
SELECT pg_catalog.setval('golden.artifacts_sequence_seq', 2, true);
SELECT pg_catalog.setval('golden.failed_calls_sequence_seq', 1, false);
SELECT pg_catalog.setval('golden.jobs_sequence_seq', 1, false);
SELECT pg_catalog.setval('golden.leases_fence_seq', 1, false);
SELECT pg_catalog.setval('golden.set_labels_sequence_seq', 1, true);
ALTER TABLE ONLY golden.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY golden.artifact_inputs
    ADD CONSTRAINT pk_artifact_inputs PRIMARY KEY (artifact_sequence, "position");
ALTER TABLE ONLY golden.artifact_items
    ADD CONSTRAINT pk_artifact_items PRIMARY KEY (item, artifact_sequence);
ALTER TABLE ONLY golden.artifact_sets
    ADD CONSTRAINT pk_artifact_sets PRIMARY KEY (sequence);
ALTER TABLE ONLY golden.artifacts
    ADD CONSTRAINT pk_artifacts PRIMARY KEY (sequence);
ALTER TABLE ONLY golden.blobs
    ADD CONSTRAINT pk_blobs PRIMARY KEY (key);
ALTER TABLE ONLY golden.failed_calls
    ADD CONSTRAINT pk_failed_calls PRIMARY KEY (sequence);
ALTER TABLE ONLY golden.job_artifacts
    ADD CONSTRAINT pk_job_artifacts PRIMARY KEY (job_id, artifact_id);
ALTER TABLE ONLY golden.jobs
    ADD CONSTRAINT pk_jobs PRIMARY KEY (sequence);
ALTER TABLE ONLY golden.leases
    ADD CONSTRAINT pk_leases PRIMARY KEY (fence);
ALTER TABLE ONLY golden.meta
    ADD CONSTRAINT pk_meta PRIMARY KEY (key);
ALTER TABLE ONLY golden.recipes
    ADD CONSTRAINT pk_recipes PRIMARY KEY (key);
ALTER TABLE ONLY golden.runs
    ADD CONSTRAINT pk_runs PRIMARY KEY (id);
ALTER TABLE ONLY golden.set_label_items
    ADD CONSTRAINT pk_set_label_items PRIMARY KEY (item, labels_sequence);
ALTER TABLE ONLY golden.set_labels
    ADD CONSTRAINT pk_set_labels PRIMARY KEY (sequence);
ALTER TABLE ONLY golden.set_members
    ADD CONSTRAINT pk_set_members PRIMARY KEY (set_sequence, artifact_id);
ALTER TABLE ONLY golden.artifact_sets
    ADD CONSTRAINT uq_artifact_sets_id UNIQUE (id);
ALTER TABLE ONLY golden.artifacts
    ADD CONSTRAINT uq_artifacts_id UNIQUE (id);
ALTER TABLE ONLY golden.jobs
    ADD CONSTRAINT uq_jobs_id UNIQUE (id);
ALTER TABLE ONLY golden.leases
    ADD CONSTRAINT uq_leases_artifact_id UNIQUE (artifact_id);
CREATE INDEX ix_artifact_inputs_input_id ON golden.artifact_inputs USING btree (input_id);
CREATE INDEX ix_artifacts_computed_at_sequence ON golden.artifacts USING btree (computed_at, sequence);
CREATE INDEX ix_artifacts_custom_fields ON golden.artifacts USING gin (custom_fields jsonb_path_ops);
CREATE INDEX ix_artifacts_fn_name_sequence ON golden.artifacts USING btree (fn_name, sequence);
CREATE INDEX ix_artifacts_inputs_blob ON golden.artifacts USING btree (inputs_blob) WHERE (inputs_blob IS NOT NULL);
CREATE INDEX ix_artifacts_inputs_json ON golden.artifacts USING gin (inputs_json jsonb_path_ops);
CREATE INDEX ix_artifacts_name_sequence ON golden.artifacts USING btree (name, sequence);
CREATE INDEX ix_artifacts_run_id_sequence ON golden.artifacts USING btree (run_id, sequence);
CREATE INDEX ix_artifacts_value_blob ON golden.artifacts USING btree (value_blob) WHERE (value_blob IS NOT NULL);
CREATE INDEX ix_artifacts_value_id_sequence ON golden.artifacts USING btree (value_id, sequence);
CREATE INDEX ix_blobs_unreferenced_at ON golden.blobs USING btree (unreferenced_at) WHERE (unreferenced_at IS NOT NULL);
CREATE INDEX ix_failed_calls_artifact_id_sequence ON golden.failed_calls USING btree (artifact_id, sequence);
CREATE INDEX ix_failed_calls_job_id_sequence ON golden.failed_calls USING btree (job_id, sequence);
CREATE INDEX ix_failed_calls_name_sequence ON golden.failed_calls USING btree (name, sequence);
CREATE INDEX ix_recipes_artifact_sequence ON golden.recipes USING btree (artifact_sequence);
CREATE INDEX ix_runs_recorded_at ON golden.runs USING btree (recorded_at);
CREATE INDEX ix_set_label_items_labels_sequence ON golden.set_label_items USING btree (labels_sequence);
CREATE INDEX ix_set_labels_labels ON golden.set_labels USING gin (labels jsonb_path_ops);
CREATE INDEX ix_set_labels_set_sequence ON golden.set_labels USING btree (set_sequence);
CREATE INDEX ix_set_members_artifact_id ON golden.set_members USING btree (artifact_id);
ALTER TABLE ONLY golden.artifact_inputs
    ADD CONSTRAINT fk_artifact_inputs_artifact_sequence FOREIGN KEY (artifact_sequence) REFERENCES golden.artifacts(sequence) ON DELETE CASCADE;
ALTER TABLE ONLY golden.artifacts
    ADD CONSTRAINT fk_artifacts_run_id FOREIGN KEY (run_id) REFERENCES golden.runs(id);
ALTER TABLE ONLY golden.recipes
    ADD CONSTRAINT fk_recipes_artifact_sequence FOREIGN KEY (artifact_sequence) REFERENCES golden.artifacts(sequence) ON DELETE CASCADE;
ALTER TABLE ONLY golden.set_label_items
    ADD CONSTRAINT fk_set_label_items_labels_sequence FOREIGN KEY (labels_sequence) REFERENCES golden.set_labels(sequence) ON DELETE CASCADE;
ALTER TABLE ONLY golden.set_labels
    ADD CONSTRAINT fk_set_labels_set_sequence FOREIGN KEY (set_sequence) REFERENCES golden.artifact_sets(sequence) ON DELETE CASCADE;
ALTER TABLE ONLY golden.set_members
    ADD CONSTRAINT fk_set_members_set_sequence FOREIGN KEY (set_sequence) REFERENCES golden.artifact_sets(sequence) ON DELETE CASCADE;
