-- Publications, rebuilders, rebuilds, attestations, outbox, uploads, request tokens, pinned log.

CREATE TYPE "rebuild_state" AS ENUM ('queued', 'leased', 'reported', 'logged');
CREATE TYPE "attestation_state" AS ENUM ('pending', 'logged');
CREATE TYPE "outbox_kind" AS ENUM ('enqueue', 'log');

CREATE TABLE "publication" (
    "id" TEXT NOT NULL,
    "position" BIGSERIAL NOT NULL,
    "artifact_uri" TEXT NOT NULL,
    "artifact_digest" TEXT NOT NULL,
    "recipe" TEXT NOT NULL,
    "submitted_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "publication_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "publication_id_hex" CHECK ("id" ~ '^[0-9a-f]{64}$')
);
CREATE UNIQUE INDEX "publication_position_key" ON "publication" ("position");
CREATE INDEX "publication_artifact_digest_idx" ON "publication" ("artifact_digest");

CREATE TABLE "rebuilder" (
    "id" TEXT NOT NULL,
    "organisation" TEXT NOT NULL,
    "algorithm" TEXT NOT NULL,
    "spki" BYTEA NOT NULL,
    "key_id" TEXT NOT NULL,
    "enrolled_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "rebuilder_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "rebuilder_key_id_key" ON "rebuilder" ("key_id");

CREATE TABLE "rebuild" (
    "id" UUID NOT NULL,
    "publication_id" TEXT NOT NULL,
    "rebuilder_id" TEXT NOT NULL,
    "state" "rebuild_state" NOT NULL DEFAULT 'queued',
    "attempt" INTEGER NOT NULL DEFAULT 0,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "lease_hash" TEXT,
    "lease_expires_at" TIMESTAMPTZ(3),
    "outcome" TEXT,
    "failure_code" TEXT,
    "failure_message" TEXT,
    "report_digest" TEXT,
    "reported_at" TIMESTAMPTZ(3),
    CONSTRAINT "rebuild_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "rebuild_publication_id_fkey" FOREIGN KEY ("publication_id")
        REFERENCES "publication" ("id") ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "rebuild_rebuilder_id_fkey" FOREIGN KEY ("rebuilder_id")
        REFERENCES "rebuilder" ("id") ON DELETE RESTRICT ON UPDATE CASCADE,
    -- A lease is held in state `leased` and in no other; a report is there from `reported` on.
    CONSTRAINT "rebuild_lease_state" CHECK (("state" = 'leased') = ("lease_expires_at" IS NOT NULL)),
    CONSTRAINT "rebuild_report_state" CHECK (
        ("state" IN ('reported', 'logged')) = ("report_digest" IS NOT NULL)
        AND ("report_digest" IS NULL) = ("outcome" IS NULL)
        AND ("report_digest" IS NULL) = ("reported_at" IS NULL)
    )
);
CREATE UNIQUE INDEX "rebuild_publication_id_rebuilder_id_key" ON "rebuild" ("publication_id", "rebuilder_id");
CREATE INDEX "rebuild_state_lease_expires_at_idx" ON "rebuild" ("state", "lease_expires_at");
CREATE INDEX "rebuild_rebuilder_id_state_idx" ON "rebuild" ("rebuilder_id", "state");

CREATE TABLE "module_outcome" (
    "rebuild_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "claimed_sha256" TEXT NOT NULL,
    "claimed_size" BIGINT NOT NULL,
    "outcome" TEXT NOT NULL,
    CONSTRAINT "module_outcome_pkey" PRIMARY KEY ("rebuild_id", "name"),
    CONSTRAINT "module_outcome_rebuild_id_fkey" FOREIGN KEY ("rebuild_id")
        REFERENCES "rebuild" ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "module_outcome_claimed_sha256_idx" ON "module_outcome" ("claimed_sha256");

CREATE TABLE "attestation" (
    "id" UUID NOT NULL,
    "rebuild_id" UUID NOT NULL,
    "predicate_type" TEXT NOT NULL,
    "envelope" TEXT NOT NULL,
    "state" "attestation_state" NOT NULL DEFAULT 'pending',
    "accepted_at" TIMESTAMPTZ(3) NOT NULL,
    "log_index" BIGINT,
    "log_body" BYTEA,
    "logged_at" TIMESTAMPTZ(3),
    CONSTRAINT "attestation_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "attestation_rebuild_id_fkey" FOREIGN KEY ("rebuild_id")
        REFERENCES "rebuild" ("id") ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "attestation_logged_state" CHECK (
        ("state" = 'logged') = ("log_index" IS NOT NULL)
        AND ("log_index" IS NULL) = ("log_body" IS NULL)
        AND ("log_index" IS NULL) = ("logged_at" IS NULL)
    )
);
CREATE UNIQUE INDEX "attestation_log_index_key" ON "attestation" ("log_index");
CREATE UNIQUE INDEX "attestation_rebuild_id_predicate_type_key" ON "attestation" ("rebuild_id", "predicate_type");

CREATE TABLE "outbox" (
    "id" BIGSERIAL NOT NULL,
    "kind" "outbox_kind" NOT NULL,
    "subject" UUID NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "claimed_until" TIMESTAMPTZ(3),
    CONSTRAINT "outbox_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "outbox_kind_due_at_idx" ON "outbox" ("kind", "due_at");

CREATE TABLE "upload" (
    "sha256" TEXT NOT NULL,
    "bytes" BYTEA NOT NULL,
    "uploaded_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "upload_pkey" PRIMARY KEY ("sha256")
);

CREATE TABLE "request_token" (
    "rebuilder_id" TEXT NOT NULL,
    "jti" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "request_token_pkey" PRIMARY KEY ("rebuilder_id", "jti"),
    CONSTRAINT "request_token_rebuilder_id_fkey" FOREIGN KEY ("rebuilder_id")
        REFERENCES "rebuilder" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "request_token_expires_at_idx" ON "request_token" ("expires_at");

CREATE TABLE "pinned_log" (
    "origin" TEXT NOT NULL,
    "vkey" TEXT NOT NULL,
    "pinned_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "pinned_log_pkey" PRIMARY KEY ("origin")
);
