-- When a leaf came is noted beside the tiles, for good; the index had it a second time.

ALTER TABLE "log_leaf" DROP COLUMN "integrated_at";
