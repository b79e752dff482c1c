-- What a log derives from its own tiles: which leaf stands where, and which leaves speak of what.

CREATE TABLE "log_index" (
    "id" SERIAL NOT NULL,
    "origin" TEXT NOT NULL,
    "size" BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT "log_index_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "log_index_origin_key" ON "log_index" ("origin");

CREATE TABLE "log_leaf" (
    "log_id" INTEGER NOT NULL,
    "position" BIGINT NOT NULL,
    "hash" BYTEA NOT NULL,
    "integrated_at" BIGINT NOT NULL,
    CONSTRAINT "log_leaf_pkey" PRIMARY KEY ("log_id", "position"),
    CONSTRAINT "log_leaf_log_id_fkey" FOREIGN KEY ("log_id") REFERENCES "log_index" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "log_leaf_log_id_hash_idx" ON "log_leaf" ("log_id", "hash");

CREATE TABLE "log_key" (
    "log_id" INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    "position" BIGINT NOT NULL,
    CONSTRAINT "log_key_pkey" PRIMARY KEY ("log_id", "key", "position"),
    CONSTRAINT "log_key_log_id_fkey" FOREIGN KEY ("log_id") REFERENCES "log_index" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
