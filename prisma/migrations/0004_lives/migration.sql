-- Keys of rebuilders over time, withdrawn rebuilders, refused reports, and the log's last checkpoint.

ALTER TABLE "rebuilder" ADD COLUMN "withdrawn_at" TIMESTAMPTZ(3);

CREATE TABLE "rebuilder_key" (
    "key_id" TEXT NOT NULL,
    "rebuilder_id" TEXT NOT NULL,
    "algorithm" TEXT NOT NULL,
    "spki" BYTEA NOT NULL,
    "enrolled_at" TIMESTAMPTZ(3) NOT NULL,
    "retired_at" TIMESTAMPTZ(3),
    CONSTRAINT "rebuilder_key_pkey" PRIMARY KEY ("key_id"),
    CONSTRAINT "rebuilder_key_rebuilder_id_fkey" FOREIGN KEY ("rebuilder_id")
        REFERENCES "rebuilder" ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "rebuilder_key_rebuilder_id_idx" ON "rebuilder_key" ("rebuilder_id");
INSERT INTO "rebuilder_key" ("key_id", "rebuilder_id", "algorithm", "spki", "enrolled_at")
    SELECT "key_id", "id", "algorithm", "spki", "enrolled_at" FROM "rebuilder";

ALTER TABLE "attestation" ADD COLUMN "key_id" TEXT;
UPDATE "attestation" a SET "key_id" = r."key_id"
    FROM "rebuild" b JOIN "rebuilder" r ON r."id" = b."rebuilder_id" WHERE b."id" = a."rebuild_id";
ALTER TABLE "attestation" ALTER COLUMN "key_id" SET NOT NULL;
ALTER TABLE "attestation" ADD CONSTRAINT "attestation_key_id_fkey" FOREIGN KEY ("key_id")
    REFERENCES "rebuilder_key" ("key_id") ON DELETE RESTRICT ON UPDATE CASCADE;
CREATE INDEX "attestation_key_id_idx" ON "attestation" ("key_id");

ALTER TABLE "rebuild" ADD CONSTRAINT "rebuild_refused_state" CHECK (
    "state" <> 'refused' OR "failure_code" IS NOT NULL
);
CREATE TABLE "report_refusal" (
    "rebuild_id" UUID NOT NULL,
    "code" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "refused_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "report_refusal_pkey" PRIMARY KEY ("rebuild_id"),
    CONSTRAINT "report_refusal_rebuild_id_fkey" FOREIGN KEY ("rebuild_id")
        REFERENCES "rebuild" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

ALTER TABLE "pinned_log"
    ADD COLUMN "size" BIGINT,
    ADD COLUMN "checkpoint" TEXT,
    ADD COLUMN "seen_at" TIMESTAMPTZ(3),
    ADD COLUMN "fork_checkpoint" TEXT,
    ADD COLUMN "fork_seen_at" TIMESTAMPTZ(3),
    ADD CONSTRAINT "pinned_log_checkpoint" CHECK (
        ("checkpoint" IS NULL) = ("size" IS NULL)
        AND ("checkpoint" IS NULL) = ("seen_at" IS NULL)
        AND ("fork_checkpoint" IS NULL) = ("fork_seen_at" IS NULL)
    );
