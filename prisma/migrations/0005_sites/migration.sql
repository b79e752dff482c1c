-- Sites without a network: whose device acknowledges for them, and what it acknowledged.

CREATE TABLE "site" (
    "id" TEXT NOT NULL,
    "algorithm" TEXT NOT NULL,
    "spki" BYTEA NOT NULL,
    "key_id" TEXT NOT NULL,
    "start_counter" INTEGER NOT NULL,
    "overdue_after" INTEGER NOT NULL,
    "registered_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "site_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "site_counter" CHECK ("start_counter" >= 0 AND "overdue_after" > 0)
);
CREATE UNIQUE INDEX "site_key_id_key" ON "site" ("key_id");

CREATE TABLE "site_acknowledgement" (
    "site_id" TEXT NOT NULL,
    "counter" INTEGER NOT NULL,
    "digest" TEXT NOT NULL,
    "envelope" TEXT NOT NULL,
    "fork" TEXT,
    "log_index" BIGINT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "site_acknowledgement_pkey" PRIMARY KEY ("site_id", "counter"),
    CONSTRAINT "site_acknowledgement_site_id_fkey" FOREIGN KEY ("site_id")
        REFERENCES "site" ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
